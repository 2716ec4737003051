"""What the pages show works as it stands, and what there is to set is on them."""

from __future__ import annotations

import asyncio
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import Field, fields
from pathlib import Path

import pytest

from appliance.__main__ import _parser
from appliance.actions import REGISTRY
from appliance.commands.replay import replay
from appliance.commands.scenario import Scenario, Script
from appliance.config import Ask, Closed, DeskFile, Do, Fact, Flow, WordingRules, read_box, read_desk
from appliance.config.box import Box, Engine, Engines, Fleet, Home, Kiosk, Web
from appliance.config.lines import Lines
from appliance.config.manner import VoiceManner
from appliance.config.strict import TomlFile
from appliance.engines import registry
from appliance.gpio import Gpio
from appliance.models import Manifest
from appliance.workshop.lint import lint

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "models/README.md")),
    *DOCS,
]
TEXT = {page: page.read_text() for page in PAGES}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
TABLE_COMMANDS = ("bench", "calendar", "models", "replay")
"""Commands that the pages name without the program's own name, where something follows."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(TEXT[page]) if kind == language]


def spans(page: Path) -> list[str]:
    """The code between words."""
    return [" ".join(span.split()) for span in SPAN.findall(FENCE.sub("", TEXT[page]))]


def code(pages: list[Path]) -> str:
    every = [text for page in pages for _, text in FENCE.findall(TEXT[page])]
    return "\n".join([*every, *(span for page in pages for span in spans(page))])


def is_box(block: str) -> bool:
    return tomllib.loads(block).keys() <= {field.name for field in fields(Box)}


def cases(found: Iterator[tuple[Path, str]]) -> list[object]:
    return [pytest.param(page, text, id=f"{name(page)}: {text[:60]}") for page, text in found]


# Examples of the two files.

EXAMPLES = [(page, block) for page in PAGES for block in blocks(page, "toml")]
SCENARIOS = [(page, block) for page, block in EXAMPLES if "[scenario" in block]
BOXES = [each for each in EXAMPLES if each not in SCENARIOS and is_box(each[1])]
DESKS = [each for each in EXAMPLES if each not in SCENARIOS and each not in BOXES]


@pytest.mark.parametrize(("page", "block"), cases(iter(DESKS)))
def test_an_example_of_a_desk_file_is_one_without_a_finding(tmp_path: Path, page: Path, block: str) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(block if "name" in tomllib.loads(block) else f'name = "A"\n{block}')
    assert lint(read_desk(path)[0], path) == []


@pytest.mark.parametrize(("page", "block"), cases(iter(BOXES)))
def test_an_example_of_a_box_file_is_one(tmp_path: Path, page: Path, block: str) -> None:
    path = tmp_path / "box.toml"
    path.write_text(block)
    registry.check(read_box(path)[0])


@pytest.mark.parametrize(("page", "block"), cases(iter(SCENARIOS)))
def test_an_example_of_a_scenario_goes_as_it_says(tmp_path: Path, page: Path, block: str) -> None:
    script, box = tmp_path / "scenarios.toml", tmp_path / "box.toml"
    script.write_text(block)
    box.write_text('[engines]\nembed = {engine = "words"}\n')
    results = asyncio.run(replay([script], box))
    assert [result.wrong for result in results] == [[]]


def test_there_are_examples_of_each() -> None:
    assert len(DESKS) >= 8
    assert len(BOXES) >= 4
    assert SCENARIOS


def test_the_installers_page_shows_the_box_file_as_it_is_by_default(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text(next(block for page, block in BOXES if page.name == "installer.md"))
    assert TomlFile(path).into(Box) == Box()


# What there is to set.

SETTINGS = (
    DeskFile, Fact, Flow, Ask, Do, Closed, WordingRules, VoiceManner, Lines,
    Box, Fleet, Home, Web, Kiosk, Gpio, Engines, Engine, Script, Scenario,
)  # fmt: skip


def key(field: Field[object]) -> str:
    return str(field.metadata.get("key", field.name))


@pytest.mark.parametrize("table", SETTINGS)
def test_every_key_is_on_a_page(table: type) -> None:
    shown = set(re.findall(r"\w+", code(DOCS)))
    assert {key(field) for field in fields(table) if not field.metadata.get("hidden")} - shown == set()


def test_every_action_is_on_the_managers_page() -> None:
    assert set(REGISTRY) - set(spans(ROOT / "docs/manager.md")) == set()


def test_every_engine_and_its_model_is_on_the_installers_page() -> None:
    shown = code([ROOT / "docs/installer.md"])
    for kind, engines in registry.ENGINES.items():
        for engine in engines.keys() - {"fake"}:
            assert f"{engine}" in shown, f"{kind}: {engine}"


def test_the_licence_of_every_model_that_is_fetched_is_on_the_installers_page() -> None:
    rows = [line for line in TEXT[ROOT / "docs/installer.md"].splitlines() if line.startswith("| `")]
    for model in Manifest.load().models.values():
        if model.default:
            assert any(f"`{model.id}`" in row and model.licence in row for row in rows), model.id


# Commands.

COMMANDS = next(action for action in _parser()._actions if action.metavar == "COMMAND").choices or ()


def commands() -> Iterator[tuple[Path, str]]:
    """What is to be typed after `appliance`."""
    for page in PAGES:
        shell = "\n".join(blocks(page, "")).replace("\\\n", " ")
        for line in [*shell.splitlines(), *spans(page)]:
            if match := re.match(r"(?:\.venv/bin/|python -m )?appliance ([a-z].*)", line):
                yield page, match[1]
            elif line.split()[0:1] and line.split()[0] in TABLE_COMMANDS and " " in line:
                yield page, line


@pytest.mark.parametrize(("page", "command"), cases(commands()))
def test_a_command_is_one(page: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command.split(" > ")[0], comments=True)
    if len(words) == 1:
        assert words[0] in COMMANDS
        return
    arguments = _parser().parse_args(words)
    if words[0] == "bench" and arguments.what != "all":
        bench = importlib.import_module(f"appliance.bench.{arguments.what}")
        with pytest.raises(SystemExit) as ended:  # --help comes last, so all before it was understood.
            bench.main([*arguments.rest, "--help"])
        assert ended.value.code == 0, capsys.readouterr().err


def test_every_command_is_in_the_readme() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", TEXT[ROOT / "README.md"], re.MULTILINE)
    assert set(COMMANDS) == set(rows)


def test_what_is_to_be_made_can_be_made() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target, rest in re.findall(r"^make ([a-z-]+)(.*)", code([page]), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{name(page)}: make {target}"
            for path in re.findall(r'ARGS="?([\w/.]+)', rest):
                assert (ROOT / path).exists(), f"{name(page)}: {path}"


# Links and names of files.


def slug(heading: str) -> str:
    """As it ends an address that leads to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", FENCE.sub("", TEXT[page])):
        if target.startswith("http"):
            continue
        path, _, part = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        if part:
            assert part in map(slug, re.findall(r"^#+ (.+)$", there.read_text(), re.MULTILINE)), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_are_there(page: Path) -> None:
    for path in re.findall(
        r"(?<![\w/.])((?:appliance|tests|tools|docs|models)/[\w/.]*\w|\w[\w/]*\.py)\b", code([page])
    ):
        assert (ROOT / path).exists() or (ROOT / "appliance" / path).exists(), path
    for path in re.findall(r"(?<![\w/.])((?:image|systemd)/[\w/.@*-]*\w)", code([page])):
        assert list(ROOT.glob(path)), path


def test_modules_that_the_program_names_are_there() -> None:
    for folder in ("appliance", "image", "tools"):
        for module in (ROOT / folder).rglob("*.py"):
            for path in re.findall(r"(?<![\w/.])(\w[\w/]*\.py)\b", module.read_text()):
                there = (ROOT / path).exists() or any((ROOT / "appliance").rglob(path))
                assert there or (module.parent / path).exists(), f"{name(module)}: {path}"


def test_every_room_is_on_the_developers_page() -> None:
    rooms = {path.parent.name for path in (ROOT / "appliance").glob("*/__init__.py")}
    shown = {span.partition("/")[0] for span in spans(ROOT / "docs/developer.md") if "/" in span}
    assert rooms - shown == set()
