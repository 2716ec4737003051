"""`appliance replay`: scripted conversations with a desk, in scripted time, and what must come of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from appliance import config
from appliance.actions import Hands, Runner
from appliance.answering.knowledge import Knowledge
from appliance.brain import Brain
from appliance.channels import Call
from appliance.channels.recorded import RecordedCaller, Saying, read_recording
from appliance.channels.scripted import ScriptedCaller
from appliance.clerk import Clerk
from appliance.commands.scenario import Scenario, Script, judge, prepare
from appliance.config.strict import TomlFile
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines import registry
from appliance.engines.inline import InlineThread
from appliance.errors import ApplianceError
from appliance.memory import directory
from appliance.memory.calendar import Opening
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import Heard, Silence, Turn
from appliance.speech import Speech
from appliance.voice import Voice

ZONE = datetime.now().astimezone().tzinfo

LONGEST = 30.0
"""Seconds on this machine's own clock that a line of a scenario may take."""


@dataclass(slots=True)
class Replayed:
    """How a scenario went."""

    script: str
    name: str
    turns: list[Turn] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Stage:
    """The box's engines, made when they are first needed; they run in scripted time."""

    def __init__(self, box: config.Box) -> None:
        self._box = box
        self.thread = InlineThread()
        self.embed = registry.make("embed", box.engines.embed, box)

    @cached_property
    def hearing(self) -> Hearing:
        vad, asr = (
            registry.make(kind, getattr(self._box.engines, kind), self._box) for kind in ("vad", "asr")
        )
        return Hearing(vad, self.thread, asr, self.thread)

    @cached_property
    def speech(self) -> Speech:
        return Speech(registry.make("tts", self._box.engines.tts, self._box), self.thread)

    def call(self, scenario: Scenario, folder: Path, name: str, silence: float) -> Call:
        """The caller of a scenario: by text, or by sound where there are recordings."""
        if not scenario.recorded:
            return ScriptedCaller(scenario.says, name, scenario.cut)
        sayings = [Saying(read_recording(folder / line)) for line in scenario.says]
        caller = RecordedCaller(sayings, name, pace=False)
        return Voice(caller, self.hearing, self.speech, None, silence)


async def replay(
    paths: Sequence[Path],
    box_path: Path | None = None,
    watch: Callable[[Replayed], None] = lambda result: None,
) -> list[Replayed]:
    """Play every scenario of every file, each on an empty box; `watch` sees each when it is over."""
    stage = Stage(config.read_box(box_path)[0])
    results = []
    for path in paths:
        script = TomlFile(path).into(Script)
        desk, _ = config.read_desk(path.parent / script.desk if script.desk else config.SHIPPED / "desk.toml")
        with tempfile.TemporaryDirectory() as folder:
            knowledge = Knowledge(desk, stage.embed, stage.thread, Path(folder) / "papers.db")
            await knowledge.load()
            for name, scenario in track(script.scenario.items(), path.stem, console=Console(stderr=True)):
                result = Replayed(path.stem, name)
                await _play(result, scenario, path.parent, stage, knowledge, script.now)
                results.append(result)
                watch(result)
    return results


async def _play(
    result: Replayed, scenario: Scenario, beside: Path, stage: Stage, knowledge: Knowledge, now: str
) -> None:
    moment, desk, thread = datetime.fromisoformat(scenario.now or now), knowledge.desk, stage.thread
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "desk.db", now=lambda: moment.replace(tzinfo=ZONE))
        directory.load(store, directory.entries(desk.actions))
        prepare(scenario, store, Opening.read(desk.actions.get("calendar", {})))
        log, runner = EventLog(store), Runner(store, desk.actions)
        clerk = Clerk(
            desk, log, runner, thread, Hands(thread), result.name, lambda: moment, caller=scenario.caller
        )
        await clerk.began()
        brain = Brain(knowledge, Notebook(store, thread), None, result.name, clerk)
        call = stage.call(scenario, beside, result.name, desk.silence)
        limit = LONGEST * (1 + len(scenario.says))
        try:
            async with asyncio.timeout(limit):
                await converse(call, brain, result.turns.append)
        except TimeoutError:
            result.wrong.append(f"it was not over after {limit:.0f} seconds")
        result.wrong += judge(scenario, result.turns, log.read(result.name), store, desk)
        store.close()


def run(paths: Sequence[Path], box_path: Path | None = None, verbose: bool = False) -> int:
    """Play, and tell people how it went; 1 when something was not as it should be."""
    if not paths:
        raise ApplianceError("replay takes files of scenarios", "appliance replay tests/scenarios/*.toml")
    console = Console(highlight=False)

    def show(result: Replayed) -> None:
        if result.wrong or verbose:
            console.print(f"\n[bold]{escape(f'{result.script}: {result.name}')}[/]")
            for line in transcript(result.turns):
                console.print(f"  {line}")
            for wrong in result.wrong:
                console.print(f"  [red]{escape(wrong)}[/]")

    results = asyncio.run(replay(paths, box_path, show))
    played, failed = (
        Counter(each.script for each in results),
        Counter(each.script for each in results if each.wrong),
    )
    for script, count in played.items():
        failures = f", [red]{failed[script]} not[/]" if failed[script] else ""
        console.print(f"{escape(script):20} {count - failed[script]} as they should be{failures}")
    return int(bool(failed))


def transcript(turns: Sequence[Turn]) -> Iterator[str]:
    """A conversation as a person reads it, with what the desk made of each line."""
    for turn in turns:
        match turn.cause:
            case Heard():
                yield f"caller: {escape(turn.cause.text)}"
            case Silence():
                yield "caller: [dim](silence)[/]"
        why = f"  [dim]{escape(f'{turn.decision.intent}: {turn.decision.why}')}[/]" if turn.decision else ""
        yield f"desk:   {escape(turn.meant)}{why}"
