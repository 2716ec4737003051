"""`appliance doctor`: tries everything this desk needs and says in plain words what is wrong."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from appliance import config, models
from appliance.channels import soundcard
from appliance.channels.gsm.checkup import check
from appliance.channels.gsm.plugs import Plugs, plugged_in
from appliance.config.trunks import Gsm, secret
from appliance.console import listening
from appliance.engines import registry
from appliance.engines.fake import FakeEmbed
from appliance.errors import ApplianceError, StorageError
from appliance.memory.store import Store
from appliance.messages import RATE, Expect

SPACE = 500
"""MB that should be free on the disk."""


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    fine: bool
    said: str
    """What was found, or what is wrong and the mend."""
    needed: bool = True
    """False where the desk answers without it."""


async def doctor(box_path: Path | None, desk_path: Path | None) -> int:
    """Print what was found; the exit code is the number of things that keep the desk from answering."""
    console = Console(highlight=False)
    bad = 0
    for finding in examine(box_path, desk_path):
        mark = "[green]fine[/]" if finding.fine else "[red]bad [/]" if finding.needed else "[yellow]off [/]"
        console.print(f"{mark}  {escape(f'{finding.what}: {finding.said}')}", soft_wrap=True)
        bad += not finding.fine and finding.needed
        await asyncio.sleep(0)
    console.print(f"\n{bad} to mend" if bad else "\nthe desk can answer")
    return min(bad, 100)


def examine(box_path: Path | None, desk_path: Path | None) -> Iterator[Finding]:
    """One finding after another, as they are made."""
    try:
        box, box_file = config.read_box(box_path)
        desk, desk_file = config.read_desk(desk_path, box_file)
    except ApplianceError as error:
        yield Finding("configuration", False, str(error))
        return
    yield Finding("configuration", True, f"{box_file}; {desk_file}, {len(desk.fact)} facts")
    yield _tried("data folder", lambda: _data(box))
    for kind in (field.name for field in fields(config.Engines)):
        yield _engine(kind, box)
    yield _tried("microphone", lambda: soundcard.attempt("input", box.kiosk.microphone), needed=False)
    yield _tried("speaker", lambda: soundcard.attempt("output", box.kiosk.speaker), needed=False)
    plugs = Plugs(box.gsm, box.data / "simulator")
    for number, gsm in enumerate(box.gsm):
        yield _tried(gsm.name, lambda n=number, gsm=gsm: _modem(plugs, n, gsm), needed=False)  # type: ignore[misc]
    for found in plugged_in() if not box.gsm else ():
        yield Finding("gsm", False, f"a {found.family} modem in USB socket {found.usb}: add [[gsm]]", False)
    if desk.documents:
        yield _tried("papers", lambda: _papers(Path(desk.documents)), needed=False)
    yield _tried("page", lambda: _page(box.web.listen))
    if box.web.network:
        yield _tried("page for the network", lambda: _page(box.web.network))


def _tried(what: str, attempt: Callable[[], str], needed: bool = True) -> Finding:
    try:
        return Finding(what, True, attempt())
    except ApplianceError as error:
        return Finding(what, False, str(error), needed)
    except Exception as error:  # An engine's library may raise anything; the examination goes on.
        return Finding(what, False, f"failed with {type(error).__name__}: {error}", needed)


def _data(box: config.Box) -> str:
    Store(box.data / "desk.db").close()
    free = shutil.disk_usage(box.data).free >> 20
    if free < SPACE:
        raise StorageError(f"only {free} MB are free for {box.data}", "make room on the disk")
    return f"{box.data}, {free} MB free"


def _modem(plugs: Plugs, number: int, gsm: Gsm) -> str:
    trial = check(lambda: plugs.find(number), secret(gsm.pin_file), gsm.balance)
    # The examination has a loop of its own.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, trial).result()


def _papers(folder: Path) -> str:
    if not folder.is_dir():
        raise StorageError(f"{folder} is no folder", "make it, or mend `documents` in desk.toml")
    from appliance.documents import Documents

    with tempfile.TemporaryDirectory() as place:
        problems = Documents(folder, Path(place) / "papers.db", FakeEmbed()).load()
    if problems:
        raise StorageError("; ".join(problems), "what is wrong with one keeps no other from being read")
    return f"{folder}, all of it can be read"


def _engine(kind: str, box: config.Box) -> Finding:
    spec: config.Engine = getattr(box.engines, kind)
    needed = kind not in ("llm", "wake", "eot", "echo") or (kind == "wake" and box.kiosk.wake == "word")
    what = f"{kind} ({spec.engine})"
    if spec.engine == "none":
        return Finding(what, False, "switched off in box.toml", needed)

    def attempt() -> str:
        listed = spec.model in models.Manifest.load().models  # Others are the installer's own.
        if listed and (problems := models.verify([spec.model], box.models)):
            raise ApplianceError("; ".join(map(str, problems)), f"run `appliance models fetch {spec.model}`")
        began = time.monotonic()
        engine = registry.make(kind, spec, box)
        loaded = time.monotonic()
        TRY[kind](engine)
        worked = time.monotonic()
        name = spec.model or "no model"
        return f"{name}; loads in {loaded - began:.1f} s, tried in {worked - loaded:.2f} s"

    return _tried(what, attempt, needed)


def _hear(engine: Any) -> None:
    stream = engine.stream(Expect())
    stream.push(bytes(2 * RATE))
    stream.finish()


TRY: dict[str, Callable[[Any], Any]] = {
    "vad": lambda engine: engine.stream().push(bytes(2 * RATE)),
    "eot": lambda engine: engine.finished(bytes(2 * RATE)),
    "echo": lambda engine: engine.stream().remove(bytes(2 * RATE), bytes(2 * RATE)),
    "asr": _hear,
    "tts": lambda engine: list(engine.speak("Hello.")),
    "embed": lambda engine: engine.embed(["Hello."]),
    "llm": lambda engine: list(engine.reply("Say yes.", "Yes?", 4)),
    "wake": lambda engine: engine.stream().push(bytes(2 * RATE)),
}


def _page(listen: str) -> str:
    with listening.bound(listen):
        return f"{listen} is free"
