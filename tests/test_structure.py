"""Imports point one way, and no room grows too large."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "appliance"
FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "node_modules" not in path.parts)

LAYERS = [
    {"messages", "errors", "system", "spoken", "stretch", "gpio"},
    {"config", "models", "fetch"},
    {"engines", "channels", "memory", "observe", "guard", "slots", "telemetry", "access"},
    {"actions", "flows", "understanding", "documents"},
    {"turns", "ears", "speech", "mouth", "answering", "acquaintance"},
    {"voice", "clerk", "rehearsal", "aside", "mind", "brain", "phone", "serving"},
    {"foresight", "conversation"},
    {"app"},
    {"pulse"},
    {"workshop", "console", "firstboot"},
    {"commands", "bench", "orders", "home", "safekeeping"},
    {"fleet"},
    {"__main__"},
]
"""A room may import from its own layer and those above it in this list."""


def room(module: str) -> str:
    return module.removeprefix("appliance.").split(".")[0]


def rank(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "appliance":
            found |= {alias.name for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("appliance."):
            found.add(room(node.module or ""))
        elif isinstance(node, ast.Import):
            found |= {room(alias.name) for alias in node.names if alias.name.startswith("appliance.")}
    return found


def name_of(path: Path) -> str:
    return room(".".join(path.relative_to(ROOT).with_suffix("").parts))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return
    here = name_of(path)
    for other in imports(path):
        assert rank(other) <= rank(here), f"{here} must not import {other}"


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda path: str(path.relative_to(PACKAGE.parent)))
def test_a_file_that_nears_four_hundred_lines_is_two(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


SHARED = {"wire", "bundle", "evidence", "invitation"}
"""Files of `telemetry` that the fleet's server has in common with the boxes."""


COMMON = {"errors", "messages", "system"}
"""Files of the first layer that it has in common with them, too."""


MEANING = {"questions/alike.py": {"appliance.models", "appliance.engines.minilm.MiniLM"}}
"""The one engine that the server has, too, and who opens it: what questions mean."""


def modules(path: Path) -> set[str]:
    """What of this package a file imports, to the last name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "appliance":
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("appliance.")}
    return found


FLEET = PACKAGE / "fleet"

ROOMS = (
    "storage",
    "keeping",
    "people",
    "membership",
    "rollouts",
    "alerts",
    "questions",
    "line",
    "page",
)
"""Rooms of the fleet's server: each may import from those before it, none from what starts them all."""


def of_the_fleet(path: Path) -> str:
    return str(path.relative_to(FLEET))


@pytest.mark.parametrize("path", sorted(FLEET.rglob("*.py")), ids=of_the_fleet)
def test_the_fleet_knows_the_wire_and_nothing_else_of_the_box(path: Path) -> None:
    for module in modules(path) - MEANING.get(of_the_fleet(path), set()):
        parts = module.split(".")[1:]
        shared = parts[0] == "telemetry" and parts[1] in SHARED
        assert parts[0] in ("fleet", "access", *COMMON, "__version__") or shared, module


@pytest.mark.parametrize("path", sorted(FLEET.glob("*/*.py")), ids=of_the_fleet)
def test_a_room_of_the_fleet_builds_on_those_before_it(path: Path) -> None:
    before = ROOMS[: ROOMS.index(path.parent.name) + 1]
    for module in modules(path):
        _, first, *rest = module.split(".")
        assert first != "fleet" or rest[0] in before, module


@pytest.mark.parametrize("path", sorted((PACKAGE / "access").glob("*.py")), ids=lambda path: path.name)
def test_who_may_what_is_the_same_for_both_pages_and_knows_neither(path: Path) -> None:
    for module in modules(path):
        assert module.split(".")[1] in ("access", "errors", "system"), module


def test_what_is_shared_with_the_fleet_needs_nothing_of_the_box() -> None:
    for name in SHARED:
        for module in modules(PACKAGE / "telemetry" / f"{name}.py"):
            parts = module.split(".")[1:]
            assert parts[0] == "errors" or (parts[0] == "telemetry" and parts[1] in SHARED), module


def test_nothing_of_the_box_knows_the_fleet() -> None:
    for path in FILES:
        if name_of(path) not in ("fleet", "__main__"):
            assert "fleet" not in imports(path), path


def test_records_need_only_the_standard_library() -> None:
    for name in ("messages", "errors"):
        assert imports(PACKAGE / f"{name}.py") <= {"messages", "errors"}
        tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert modules <= {"__future__", "collections.abc", "dataclasses", "typing"}


def test_engines_import_their_heavy_library_only_when_they_are_made() -> None:
    heavy = {"vosk", "ctranslate2", "piper", "openwakeword", "llama_cpp"}
    for path in (PACKAGE / "engines").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & heavy, path
