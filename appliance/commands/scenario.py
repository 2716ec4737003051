"""A scripted conversation: what a caller says, and what must come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest

from appliance.config import DeskFile
from appliance.memory.calendar import Appointment, Calendar, Opening
from appliance.memory.events import Event
from appliance.memory.store import Store
from appliance.messages import Heard, Turn

RECORDINGS = (".wav", ".flac", ".ogg", ".mp3")
"""A line of `says` that ends like this is a recording, beside the file of scenarios."""


@dataclass(frozen=True, slots=True)
class Scenario:
    says: tuple[str, ...]
    """What the caller says, line by line; "..." is silence. Or recordings, each a file: then the desk hears
    them with the box's own ears."""
    answers: tuple[str, ...] = ()
    """A part of each answer, in order, as it was played; "" where any will do."""
    heard: tuple[str, ...] = ()
    """A part of what was heard each time, in order; for recordings."""
    decided: tuple[str, ...] = ()
    """What each answer was: a fact, a flow, or one of the desk's own moves; "" where any will do."""
    never: tuple[str, ...] = ()
    """What must not be in any answer."""
    diary: tuple[str, ...] = ()
    """Appointments there are beforehand: "2026-11-26T10:30 482913 Ann Smith", with reference and name."""
    now: str = ""
    """The time on the wall, where it is another than the file's."""
    caller: str = ""
    """The number that the call comes from."""
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
    rows: dict[str, int] = field(default_factory=dict)
    """How many rows tables of the database have afterwards: {visit = 1, callback = 0}."""

    def __post_init__(self) -> None:
        if self.recorded and not all(line.lower().endswith(RECORDINGS) for line in self.says):
            raise ValueError("mixes recordings and text", "make two scenarios of it")
        if self.recorded and self.cut:
            raise ValueError("cuts the desk off in a recorded conversation", "leave `cut` out")

    @property
    def recorded(self) -> bool:
        return any(line.lower().endswith(RECORDINGS) for line in self.says)


@dataclass(frozen=True, slots=True)
class Script:
    """A file of scenarios."""

    scenario: dict[str, Scenario]
    desk: str = ""
    """The desk file, beside this one; the shipped one if empty."""
    now: str = "2026-11-23T10:00"
    """The time on the wall, a Monday."""


def prepare(scenario: Scenario, store: Store, opening: Opening) -> None:
    """Enter the appointments that a scenario begins with."""
    with store.write() as db:
        calendar = Calendar(db, opening, store.now())
        for number, entry in enumerate(scenario.diary):
            begins, reference, name = entry.split(maxsplit=2)
            start = datetime.fromisoformat(begins)
            end = start + timedelta(minutes=opening.slot)
            calendar.put(Appointment(reference, f"diary-{number}", start, end, name, ""), None)


def judge(
    scenario: Scenario, turns: Sequence[Turn], events: Sequence[Event], store: Store, desk: DeskFile
) -> list[str]:
    """What is not as it should be, in plain words."""
    return [*_said(scenario, turns), *_kept(scenario, store), *_done(scenario, events, desk)]


def _said(scenario: Scenario, turns: Sequence[Turn]) -> list[str]:
    answered = [turn for turn in turns if turn.number > 1]
    played = [turn.spoken.text if scenario.recorded else turn.meant for turn in answered]
    heard = [turn.cause.text for turn in answered if isinstance(turn.cause, Heard)]
    decided = [turn.decision.intent if turn.decision else "" for turn in answered]
    wrong = []
    for line, wanted, got in zip_longest(scenario.says, scenario.answers, played[: len(scenario.answers)]):
        if (wanted or "").lower() not in (got or "").lower():
            wrong.append(f'after "{line}" the desk said "{got or "nothing"}", not "{wanted}"')
    for line, wanted, got in zip_longest(scenario.says, scenario.heard, heard[: len(scenario.heard)]):
        if (wanted or "").lower() not in (got or "").lower():
            wrong.append(f'of "{line}" the desk heard "{got or "nothing"}", not "{wanted}"')
    for line, wanted, got in zip_longest(scenario.says, scenario.decided, decided[: len(scenario.decided)]):
        if wanted and wanted != got:
            wrong.append(f'after "{line}" the desk chose {got or "nothing"}, not {wanted}')
    for forbidden in scenario.never:
        wrong += [f'the desk said "{said}"' for said in played if forbidden.lower() in said.lower()]
    return wrong


def _kept(scenario: Scenario, store: Store) -> list[str]:
    booked = store.read("select start from appointment where state = 'booked' order by start")
    messages = store.read("select text from message order by id")
    questions = store.read("select text from unanswered order by id")
    wrong = []
    for what, rows, wanted in (
        ("booked", [str(start)[:16] for (start,) in booked], scenario.booked),
        ("messages", [text for (text,) in messages], scenario.messages),
        ("unanswered", [text for (text,) in questions], scenario.unanswered or None),
    ):
        if wanted is not None and tuple(rows) != wanted:
            wrong.append(f"{what}: {rows}, not {list(wanted)}")
    tables = {name for (name,) in store.read("select name from sqlite_schema where type = 'table'")}
    for table, count in scenario.rows.items():
        if table not in tables:
            wrong.append(f"there is no table {table}; there are {', '.join(sorted(tables))}")
        elif (got := store.read(f'select count(*) from "{table}"')[0][0]) != count:
            wrong.append(f"{table} has {got} rows, not {count}")
    return wrong


def _done(scenario: Scenario, events: Sequence[Event], desk: DeskFile) -> list[str]:
    checks = {ask.check for flow in desk.flow.values() for ask in flow.ask}
    outcomes = [event.data for event in events if event.kind == "outcome"]
    done = tuple(
        f"{data['action']} {'ok' if data['ok'] else data['why']}"
        for data in outcomes
        if data["action"] not in checks
    )
    return [] if done == scenario.done else [f"done: {list(done)}, not {list(scenario.done)}"]
