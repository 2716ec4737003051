"""`appliance replay`: scripted conversations with a desk, in scripted time, and what must come of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from appliance import config
from appliance.actions import Runner
from appliance.brain import Brain
from appliance.channels.scripted import ScriptedCaller
from appliance.clerk import Clerk
from appliance.config import DeskFile
from appliance.conversation import converse
from appliance.engines import registry
from appliance.engines.inline import InlineThread
from appliance.errors import ApplianceError
from appliance.knowledge import Knowledge
from appliance.memory import directory
from appliance.memory.calendar import Appointment, Calendar, Opening
from appliance.memory.events import Event, EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import Turn
from appliance.strict import TomlFile

ZONE = datetime.now().astimezone().tzinfo


@dataclass(frozen=True, slots=True)
class Scenario:
    says: tuple[str, ...]
    """What the caller says, line by line; "..." is silence."""
    answers: tuple[str, ...] = ()
    """A part of each answer, in order; "" where any will do."""
    never: tuple[str, ...] = ()
    """What must not be in any answer."""
    diary: tuple[str, ...] = ()
    """Appointments there are beforehand: "2026-11-26T10:30 482913 Ann Smith", with reference and name."""
    cut: tuple[int, ...] = ()
    """Turns in which the caller cuts the desk off; 1 is the greeting."""
    booked: tuple[str, ...] = ()
    """Starts of the appointments there are afterwards: "2026-11-26T10:30"."""
    messages: tuple[str, ...] = ()
    """The messages there are afterwards."""
    done: tuple[str, ...] = ()
    """What was done or tried, and what came of it: "calendar.book ok", "visitor.check_in none"; without the
    look-ups of single answers."""
    unanswered: tuple[str, ...] = ()
    """The questions that are kept for the manager; not looked at if empty."""


@dataclass(frozen=True, slots=True)
class Script:
    """A file of scenarios."""

    scenario: dict[str, Scenario]
    desk: str = ""
    """The desk file, beside this one; the shipped one if empty."""
    now: str = "2026-11-23T10:00"
    """The time on the wall, a Monday."""


@dataclass(slots=True)
class Replayed:
    """How a scenario went."""

    name: str
    turns: list[Turn] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


async def replay(paths: Sequence[Path], box_path: Path | None = None) -> list[Replayed]:
    """Play every scenario of every file, each on an empty box."""
    box, _ = config.read_box(box_path)
    embed = registry.make("embed", box.engines.embed, box)
    results = []
    for path in paths:
        script = TomlFile(path).into(Script)
        desk, _ = config.read_desk(path.parent / script.desk if script.desk else config.SHIPPED / "desk.toml")
        with tempfile.TemporaryDirectory() as folder:
            knowledge = Knowledge(desk, embed, InlineThread(), Path(folder) / "papers.db")
            await knowledge.load()
            for name, scenario in track(script.scenario.items(), path.stem, console=Console(stderr=True)):
                results.append(await _play(f"{path.stem}: {name}", scenario, knowledge, script.now))
    return results


async def _play(name: str, scenario: Scenario, knowledge: Knowledge, now: str) -> Replayed:
    moment = datetime.fromisoformat(now)
    thread, desk, result = InlineThread(), knowledge.desk, Replayed(name)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "desk.db", now=lambda: moment.replace(tzinfo=ZONE))
        directory.load(store, directory.entries(desk.actions))
        _fill(store, scenario.diary, Opening.read(desk.actions.get("calendar", {})))
        notebook = Notebook(store.path, thread)
        log, runner = EventLog(store), Runner(store, desk.actions)
        clerk = Clerk(desk, log, runner, thread, thread, name, lambda: moment)
        brain = Brain(knowledge, notebook, None, name, clerk)
        caller = ScriptedCaller(scenario.says, name, scenario.cut)
        async with asyncio.timeout(30):
            await converse(caller, brain, result.turns.append)
        result.wrong = _judge(scenario, result.turns, store, notebook)
        if (done := _deeds(desk, log.read(name))) != scenario.done:
            result.wrong.append(f"done: {list(done)}, not {list(scenario.done)}")
        store.close()
    return result


def _fill(store: Store, diary: Sequence[str], opening: Opening) -> None:
    """Enter the appointments that a scenario begins with."""
    with store.write() as db:
        calendar = Calendar(db, opening, store.now())
        for number, entry in enumerate(diary):
            begins, reference, name = entry.split(maxsplit=2)
            start = datetime.fromisoformat(begins)
            end = start + timedelta(minutes=opening.slot)
            calendar.put(Appointment(reference, f"diary-{number}", start, end, name, ""), None)


def _deeds(desk: DeskFile, events: Sequence[Event]) -> tuple[str, ...]:
    checks = {ask.check for flow in desk.flow.values() for ask in flow.ask}
    return tuple(
        f"{event.data['action']} {'ok' if event.data['ok'] else event.data['why']}"
        for event in events
        if event.kind == "outcome" and event.data["action"] not in checks
    )


def _judge(scenario: Scenario, turns: Sequence[Turn], store: Store, notebook: Notebook) -> list[str]:
    """What is not as it should be, in plain words."""
    answers = [turn.meant for turn in turns[1:]]
    wrong = []
    for number, expected in enumerate(scenario.answers):
        got = answers[number] if number < len(answers) else "nothing"
        if expected.lower() not in got.lower():
            wrong.append(f'after "{scenario.says[number]}" the desk said "{got}", not "{expected}"')
    for forbidden in scenario.never:
        wrong += [f'the desk said "{said}"' for said in answers if forbidden.lower() in said.lower()]
    starts = store.read("select start from appointment where state = 'booked' order by start")
    booked = tuple(str(start)[:16] for (start,) in starts)
    kept = tuple(text for _, _, text in notebook.messages())
    asked = tuple(text for _, _, text in notebook.questions())
    for what, got_all, wanted in (
        ("booked", booked, scenario.booked),
        ("messages", kept, scenario.messages),
        ("unanswered", asked, scenario.unanswered),
    ):
        if got_all != wanted and (wanted or what != "unanswered"):
            wrong.append(f"{what}: {list(got_all)}, not {list(wanted)}")
    return wrong


def run(paths: Sequence[Path], box_path: Path | None = None, verbose: bool = False) -> int:
    """Play, and tell people how it went; 1 when something was not as it should be."""
    if not paths:
        raise ApplianceError("replay takes files of scenarios", "appliance replay tests/scenarios/*.toml")
    console = Console(highlight=False)
    results = asyncio.run(replay(paths, box_path))
    for result in results:
        if result.wrong or verbose:
            console.print(f"[bold]{escape(result.name)}[/]")
            for turn in result.turns:
                if text := getattr(turn.cause, "text", ""):
                    console.print(f"  caller: {escape(text)}")
                console.print(f"  desk:   {escape(turn.meant)}")
            for wrong in result.wrong:
                console.print(f"  [red]{escape(wrong)}[/]")
    failed = sum(bool(result.wrong) for result in results)
    console.print(f"{len(results) - failed} as they should be, {failed} not")
    return int(failed > 0)
