"""`appliance health`: whether this box is well enough to be left alone, as after an update.

It is well when its models are whole, a caller is answered by text and by sound, the desk of the service is up
with its sound devices open, and every line that was there when it was last well is there again.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from appliance import config, models, pulse
from appliance.app import App
from appliance.commands import status
from appliance.config import Box, DeskFile, Engine, Engines
from appliance.config.box import Fleet, Traces
from appliance.console.server import Status
from appliance.engines.thread import EngineThread
from appliance.errors import ApplianceError
from appliance.pulse import Unwell
from appliance.system.writing import write

WITHIN = 240.0
"""Seconds that all of it may take."""

SHARE = 0.5
"""Of them, in which the desk and its lines are waited for."""

LOOK = 0.5
"""Seconds between two looks at what the desk tells."""

KEPT = "health.json"
"""In the data folder: which lines that hang on somebody else too were there when the box was last well. They
must be there only if they were before."""

NEEDED = ("vad", "eot", "echo", "asr", "tts", "embed")
"""Engines that are tried: `wake` is the desk's own to tell, and without `llm` it answers all the same."""

CONVERSATION = 60.0
"""Seconds that a call of its own may take."""


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    fine: bool
    said: str
    """What was found, or what is wrong."""
    seconds: float = 0.0


async def health(
    box_path: Path | None, desk_path: Path | None, within: float = WITHIN, as_json: bool = False
) -> int:
    """Print what was found. 0 where the box is well, 1 where it is not."""
    checks = [check async for check in examine(box_path, desk_path, within)]
    well = all(check.fine for check in checks)
    if as_json:
        print(json.dumps({"well": well, "checks": [asdict(check) for check in checks]}, indent=2))
        return int(not well)
    for check in checks:
        print(f"{'fine' if check.fine else 'bad '}  {check.what}: {check.said} ({check.seconds:.1f} s)")
    print("the box is well" if well else "the box is not well")
    return int(not well)


async def examine(
    box_path: Path | None, desk_path: Path | None, within: float = WITHIN, folder: Path = status.FOLDER
) -> AsyncIterator[Check]:
    """One `Check` after another. `folder`: where the desk of the service tells what is on."""
    began = time.monotonic()
    soon, until = began + SHARE * within, began + within
    try:
        box, box_file = config.read_box(box_path)
        desk, desk_file = config.read_desk(desk_path, box_file)
    except ApplianceError as error:
        yield Check("configuration", False, str(error))
        return
    yield Check("configuration", True, f"{box_file}, {desk_file}")
    running = Running(folder, soon)
    yield await _checked("desk", running.up(), until)
    if box.kiosk.enabled:
        yield await _checked("sound devices", running.on("kiosk"), until)
    for name in sorted(before(box.data) & lines(box)):
        yield await _checked(name, running.on(name), until)
    if not running.unwell:
        note(box.data, running.there() & lines(box))
    yield await _checked("models", _whole(box), until)
    yield await _checked("conversation", _converse(box, desk), until)


class Running:
    """The desk of the service, by what it tells. What is not there yet is waited for until `until`."""

    def __init__(self, folder: Path, until: float) -> None:
        self._folder = folder
        self._until = until
        self.unwell = False

    async def up(self) -> str:
        await self._wait(lambda told: bool(told) and told[0].name != status.SAFE, self._why_not)
        return "it is up"

    async def on(self, name: str) -> str:
        """What is said of a line that is on."""
        await self._wait(
            lambda told: any(line.on for line in told if line.name == name),
            lambda told: next((line.why for line in told if line.name == name), "the desk has none"),
        )
        return "it is there"

    def there(self) -> set[str]:
        return {each.name for each in status.told(self._folder) or [] if each.on}

    async def _wait(self, good: Callable[[list[Status]], bool], why: Callable[[list[Status]], str]) -> None:
        told: list[Status] = []
        while not good(told := status.told(self._folder) or []):
            if time.monotonic() > self._until:
                self.unwell = True
                raise Unwell(why(told))
            await asyncio.sleep(LOOK)

    def _why_not(self, told: list[Status]) -> str:
        return "it is in safe mode" if told else "no desk runs here: `systemctl status appliance` says why"


def lines(box: Box) -> set[str]:
    """Those of box.toml that hang on somebody else too, by the names that the desk has for them."""
    names = {modem.name for modem in box.gsm}
    names |= {"fleet"} if box.fleet.enabled else set()
    return names | ({"sip"} if box.sip.enabled else set())


async def _checked(what: str, doing: Coroutine[Any, Any, str], until: float) -> Check:
    """Past `until` nothing is waited for any longer; what has begun by then has a moment to say how it is."""
    began = time.monotonic()

    def took() -> float:
        return time.monotonic() - began

    try:
        async with asyncio.timeout(max(2 * LOOK, until - began + 2 * LOOK)):
            said = await doing
    except TimeoutError:
        return Check(what, False, "it takes too long", took())
    except Exception as error:  # A library may raise anything, and the examination goes on.
        return Check(what, False, str(error) or type(error).__name__, took())
    return Check(what, True, said, took())


async def _whole(box: Box) -> str:
    """Every byte of the models that box.toml names."""
    specs = [getattr(box.engines, field.name) for field in fields(Engines)]
    known = models.Manifest.load().models
    names = sorted({spec.model for spec in specs if spec.engine != "none" and spec.model in known})
    problems = await _aside(models.verify, names, box.models) if names else []
    if problems:
        raise Unwell("; ".join(problems))
    return f"{len(names)} are whole"


async def _converse(box: Box, desk: DeskFile) -> str:
    """A caller is answered, by the loop and the engines as they are, on an empty box in memory."""
    with tempfile.TemporaryDirectory(dir=pulse.IN_MEMORY, prefix="appliance-health-") as folder:
        alone = replace(
            box, data=Path(folder), recordings=False, gsm=(), fleet=Fleet(), traces=Traces(),
            engines=replace(box.engines, llm=Engine("none"), wake=Engine("none")),
        )  # fmt: skip
        async with App(alone, replace(desk, documents="")) as app:
            missing = [f"{kind}: {why}" for kind, why in app.off.items() if kind in NEEDED and _failed(why)]
            if missing:
                raise Unwell("; ".join(missing))
            if late := await pulse.answers(app, CONVERSATION):
                raise Unwell(late)
            if app.voice_off():
                return "answered by text; box.toml has no voice"
            await pulse.hears(app, CONVERSATION)
            return "answered by text and by sound"


def _failed(why: str) -> bool:
    return not why.startswith(("switched off", "not needed"))


async def _aside(do: Callable[..., Any], *arguments: Any) -> Any:
    """In a thread that nobody waits for who has lost patience."""
    thread = EngineThread("health")
    try:
        return await thread.run(do, *arguments)
    finally:
        thread.close(0)


def before(data: Path) -> set[str]:
    """What was there when the box was last well."""
    try:
        return set(map(str, json.loads((data / KEPT).read_bytes())["there"]))
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def note(data: Path, there: set[str]) -> None:
    """Keep it for the next time; a disk that takes nothing is found out by others."""
    if there == before(data):
        return
    with suppress(OSError):
        write(data / KEPT, json.dumps({"there": sorted(there)}))
