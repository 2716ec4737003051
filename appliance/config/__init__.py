"""The two files of configuration, and nothing else reads them: box.toml says what this hardware is,
desk.toml how this desk behaves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from appliance.config.box import Box as Box
from appliance.config.box import Engine as Engine
from appliance.config.box import Engines as Engines
from appliance.config.box import Kiosk as Kiosk
from appliance.config.box import Web as Web
from appliance.config.calling import FlowRecording, HandOffRules, OutboundRules, Recording, TextRules
from appliance.config.hours import WEEKDAYS, Hours, stretch
from appliance.config.keeping import Checklist, Retention
from appliance.config.lines import Lines as Lines
from appliance.config.manner import VoiceManner, check_pace, check_sounds
from appliance.config.sense import senseless
from appliance.config.strict import TomlFile
from appliance.config.trunks import placed

SHIPPED = Path(__file__).parents[1] / "shipped"
"""The box.toml and desk.toml that stand in for ones that are not there."""

PROGRAM = Path(__file__).parents[2]
"""Folder in which the program and its models lie."""

Wording = Literal["fixed", "rephrase"]

Mode = Literal["rules", "knowledge", "worded", "hybrid"]
"""Who has a part in an answer. `rules`: only the phrases, word for word. `knowledge`: what is meant too, by
facts and documents. `worded`: the LLM puts the lines differently besides. `hybrid`: that only where
`wording` says so, and it picks where [wording] lets it."""


KEYS = frozenset("0123456789*#")
"""Of a telephone."""

SHORTCUTS = {"*": "say that again", "0": "I want to speak to a person"}


def _agree(mode: Mode | None, wording: Wording | None) -> None:
    if wording == "rephrase" and mode in ("rules", "knowledge"):
        raise ValueError(f'has mode = "{mode}", in which nothing is rephrased', "leave out one of them")
    if wording == "fixed" and mode == "worded":
        raise ValueError('has mode = "worded", and wording = "fixed"', "leave out one of them")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the desk knows."""

    ask: tuple[str, ...]
    """Ways in which people ask for it; three to ten."""
    say: str
    """The line that answers them, word for word."""
    say_closed: str = ""
    """Said instead while the desk is closed, by [hours]."""
    label: str = ""
    """What the desk calls it when it asks which of two is meant; else its name."""
    wording: Wording | None = None
    """`rephrase` lets the LLM put the line differently, without changing what it says."""
    mode: Mode | None = None
    """Who has a part in the answer; else as the desk's `mode` says."""

    pace: float = 1.0
    """How fast it is said, beside the desk's usual pace."""

    def __post_init__(self) -> None:
        _agree(self.mode, self.wording)
        check_pace(self.pace)
        if not self.ask:
            raise ValueError("has no questions", 'add ask = ["...", "..."]')
        if not self.say.strip():
            raise ValueError("has nothing to say", 'write say = "..."')
        if len(self.say) > 600:
            raise ValueError(f"says {len(self.say)} characters", "nobody listens to more than 600")


Kind = Literal[
    "date", "time", "datetime", "duration", "number", "money", "phone", "name", "email", "spelled", "code",
    "yes_no", "choice", "text",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One slot of a flow: what is asked, and what happens when the answer does not come. Or only `call`: here
    come the questions of another flow."""

    slot: str = ""
    type: Kind | Literal[""] = ""
    prompt: str = ""
    reprompt: tuple[str, ...] = ()
    """Said instead of the prompt after the first, second ... answer that was none."""
    label: str = ""
    """What callers call it ("change the problem"), besides the slot's name and type."""
    options: tuple[str, ...] = ()
    """For `choice` and `name`: what there is to choose from."""
    keys: dict[str, str] = field(default_factory=dict)
    """For `choice`: the option that a key of a telephone stands for: {1 = "appointments"}."""
    directory: bool = False
    """For `name`: whether it is one of [[actions.directory.people]]."""
    goto: dict[str, str] = field(default_factory=dict)
    """For `choice`: the flow that an option leads to; the asking flow ends there."""
    check: str = ""
    """A look-up that must succeed with the slots so far: `calendar.open`."""
    readback: bool = False
    """Whether the caller must agree to what was understood."""
    spelled: bool = False
    length: int | None = None
    """For `phone`, `code` and `spelled`: digits or letters that make it whole."""
    between: str = ""
    """For `time` and `datetime`: the hours in which it is likely: "17:00-22:00"; else the opening hours."""
    patience: Literal["patient", "normal", "brisk"] | float = "normal"
    """How long a pause may be before the answer counts as finished; a number is seconds."""
    source: Literal["", "caller_id", "remembered"] = field(default="", metadata={"key": "from"})
    """What is offered before it is asked: the number that a call comes from, or what a caller whom the desk
    knows has confirmed before."""
    secret: bool = False
    """Whether it is written down nowhere: a code."""
    optional: bool = False
    """Asked only when the caller mentions it."""
    no_input: int = 2
    no_match: int = 2
    """How often silence, or an answer that is none, is met with another question before `else`."""
    otherwise: str = field(default="human", metadata={"key": "else"})
    """`human`, `message`, `cancel`, or the name of a flow."""
    call: str = ""
    """A flow whose questions are asked here, and which comes back with its slots. Stands alone."""

    def __post_init__(self) -> None:
        if self.call:
            if self.slot or self.type or self.prompt:
                raise ValueError(
                    f"calls {self.call} and asks for {self.slot or 'something'}",
                    "give it a question of its own",
                )
            return
        for key in ("slot", "type", "prompt"):
            if not getattr(self, key):
                which = f"for {self.slot} " if self.slot else ""
                raise ValueError(f"{which}needs {key}", f"add {key} = ... to the question")
        if not re.fullmatch(r"[^\W\d]\w*", self.slot):
            raise ValueError(f'has the slot "{self.slot}"', "its name is one word, like day")
        for wrong, mend in self._senseless():
            raise ValueError(f"for {self.slot} {wrong}", mend)

    def _senseless(self) -> Iterator[tuple[str, str]]:
        for key, option in self.keys.items():
            if option not in self.options:
                yield (
                    f"has the key {key} for {option}, which is no option",
                    f"one of: {', '.join(self.options)}",
                )
            if key not in KEYS:
                yield f"has the key {key!r}", "a telephone has 0 to 9, * and #"
        for option in self.goto:
            if option not in self.options:
                yield f"leads on from {option}, which is no option", f"one of: {', '.join(self.options)}"
        if self.between:
            if self.type not in ("time", "datetime"):
                yield "has between, and is no time", "leave between out"
            stretch(self.between)
        if self.length is not None and (self.type not in ("phone", "code", "spelled") or self.length < 1):
            yield f"has length = {self.length}", "it is for phone, code and spelled, and at least 1"
        if not isinstance(self.patience, str) and not 0.2 <= self.patience <= 5:
            yield f"has patience = {self.patience}", "0.2 to 5 seconds, or patient, normal, brisk"
        if self.source == "caller_id" and self.type not in ("phone", "text"):
            yield f"is a {self.type} from caller_id", "a caller's number is a phone"
        if self.directory and (self.options or self.type != "name"):
            yield "is of the directory", 'it takes type = "name" and no options'


@dataclass(frozen=True, slots=True)
class Do:
    """The one action at the end of a flow."""

    action: str
    arguments: dict[str, str] = field(default_factory=dict, metadata={"key": "with"})
    """Arguments that are not slots of the same name; {slot} is filled in."""
    confirm: str = ""
    """Asked before it is done; without a confirm line only actions that change nothing may run."""
    done: str = "Done."
    """{slot} and what the action returns are filled in."""
    refused: dict[str, str] = field(default_factory=dict)
    """What is said when the action answers no, by its reason: full, closed, none ..."""
    undo: str = ""
    """The action that takes it back when the caller says "undo that", given the slots and what this one
    returned; its own name where it has a way back of its own."""
    sms: str = ""
    """Sent as an SMS once it is done, to the slot `phone` or else to the caller where that is a mobile;
    {slot} and what the action returns are filled in."""
    fail: str = "human"
    """Where to go when it fails: `human`, `message`, `cancel`, or a flow."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What happens instead of a flow while the desk is closed, by [hours]."""

    say: str
    goto: str = ""
    """Where it leads: `message`, `human`, another flow, or the flow itself to go on all the same. Nowhere if
    left out."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A form: its state is the first slot that is not filled."""

    phrases: tuple[str, ...] = ()
    """What starts it, as templates: "(book|make) [an] appointment [on {day}]". Without any, only another flow
    does."""
    label: str = ""
    """What the desk calls it when it asks which of two is meant; else its name."""
    say: str = ""
    """Said when it starts."""
    ask: tuple[Ask, ...] = ()
    do: Do | None = None
    done: str = ""
    """Said at the end of a flow that does nothing; {slot} is filled in."""
    closed: Closed | None = None
    remember: tuple[str, ...] = ()
    """Slots that the desk offers to remember for next time, once it is done."""
    record: FlowRecording = ""
    """`paused`: while it is under way nothing of the call is recorded, of neither side. `never`: the
    recording is deleted once it begins, and nothing more is recorded. `announce`, `ask`: it is recorded once
    that was said, or once the caller agreed, also where `recording` is "never"."""
    wording: Wording | None = None
    """`fixed`: the LLM has no part in it, it does not pick it either. `rephrase`: it may put the questions
    differently, but none that asks for a yes."""
    mode: Mode | None = None
    """Who has a part in it; else as the desk's `mode` says."""
    pace: float = 1.0
    """How fast its lines are said, beside the desk's usual pace."""

    def __post_init__(self) -> None:
        _agree(self.mode, self.wording)
        check_pace(self.pace)


@dataclass(frozen=True, slots=True)
class WordingRules:
    default: Wording = "fixed"
    """What holds for facts and flows that do not say."""
    pick: bool = False
    """Whether the LLM may choose which of a few things was meant, where it is sure, before asking back."""


@dataclass(frozen=True, slots=True)
class DeskFile:
    """desk.toml."""

    name: str
    """What the desk is called: the house, the firm."""
    lines: Lines = field(default_factory=Lines)
    fact: dict[str, Fact] = field(default_factory=dict)
    flow: dict[str, Flow] = field(default_factory=dict)
    mode: Mode = "hybrid"
    """Who has a part in an answer, where a fact or a flow does not say."""
    wording: WordingRules = field(default_factory=WordingRules)
    voice: VoiceManner = field(default_factory=VoiceManner)
    pronounce: dict[str, str] = field(default_factory=dict)
    """How names sound: by another spelling, "win", or by IPA phonemes between slashes, "/wɪn/"."""
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of actions, by name or family: [actions.calendar] ..."""
    documents: str = ""
    """A folder of papers that questions are looked up in; beside desk.toml unless it is a full path."""
    hours: Hours | None = None
    """When the desk is open; always, where there are none. Appointments can be had then, unless
    [actions.calendar] has hours of its own."""
    turns: Literal["patient", "normal", "brisk"] = "normal"
    """How soon the desk takes a pause for the end: `brisk` answers sooner and cuts in more often."""
    handoff: HandOffRules | None = None
    """Who takes callers that want a person; nobody if left out, and a message is offered."""
    recording: Recording = "announce"
    """Whether callers are told that they are recorded, or asked, where box.toml has recordings switched on;
    `never` records nobody."""
    checklist: Checklist = field(default_factory=Checklist)
    retention: Retention = field(default_factory=Retention)
    outbound: OutboundRules = field(default_factory=OutboundRules)
    sms: TextRules = field(default_factory=TextRules)
    keys: dict[str, str] = field(default_factory=lambda: dict(SHORTCUTS))
    """What a key of a telephone says, in words, where nothing is asked that keys answer."""
    silence: float = 8.0
    """Seconds of quiet before the desk asks whether anybody is there."""
    uninterruptible: tuple[str, ...] = ()
    """What is said to its end whatever the caller does: "greeting", "fact.privacy", "flow.booking". Who
    speaks meanwhile is answered afterwards."""
    digest: str = field(default="", metadata={"hidden": True})
    """Not a key: the first 12 hex digits of the file's sha256."""

    def __post_init__(self) -> None:
        if not 2 <= self.silence <= 120:
            raise ValueError(f"has silence = {self.silence}", "2 to 120 seconds")
        for name, sounds in self.pronounce.items():
            check_sounds(name, sounds)
        if unknown := set(self.keys) - KEYS:
            raise ValueError(f"has the keys {', '.join(sorted(unknown))}", "a telephone has 0 to 9, * and #")
        for place, wrong, mend in senseless(self):
            raise ValueError(wrong, mend, place)

    def closed(self, now: datetime) -> bool:
        """Whether nobody is here at that time on the wall."""
        return self.hours is not None and not self.hours.open_at(now)

    def people(self) -> tuple[str, ...]:
        """The names of [[actions.directory.people]]."""
        entries = self.actions.get("directory", {}).get("people", ())
        return tuple(str(entry["name"]) for entry in entries if "name" in entry)

    def line(self, name: str) -> str | None:
        """The text that "greeting", "fact.privacy" or "flow.booking" stands for; None where there is none."""
        table, _, rest = name.partition(".")
        if table == "fact" and rest in self.fact:
            return self.fact[rest].say
        if table == "flow" and rest in self.flow:
            return self.flow[rest].say
        return getattr(self.lines, name, None)


def read_box(path: Path | None = None) -> tuple[Box, Path]:
    """box.toml and where it stands; without a path, the one in this folder or else the shipped one. Its
    folders are made whole."""
    file = TomlFile(_choose(path, "box.toml"))
    box = file.into(Box)
    folder = beside(file.path)
    web = replace(box.web, password_file=placed(folder, box.web.password_file))
    return replace(
        box,
        data=folder / box.data,
        models=PROGRAM / box.models,
        web=web,
        gsm=tuple(modem.beside(folder) for modem in box.gsm),
        sip=box.sip.beside(folder),
        fleet=box.fleet.beside(folder),
        home=box.home.beside(folder),
    ), file.path


def read_desk(
    path: Path | None = None, box: Path | None = None, text: str | None = None
) -> tuple[DeskFile, Path]:
    """desk.toml and where it stands; without a path, the one beside the box file or else the shipped one.
    `text` stands in for what is in the file."""
    folder = box.parent if box and box.parent != SHIPPED else Path()
    file = TomlFile(_choose(path, "desk.toml", folder), text)
    desk = file.into(DeskFile)
    papers = str(file.path.absolute().parent / desk.documents) if desk.documents else ""
    actions = _with_hours(desk.actions, desk.hours)
    return replace(desk, digest=digest(file.text), documents=papers, actions=actions), file.path


def _with_hours(actions: dict[str, dict[str, Any]], hours: Hours | None) -> dict[str, dict[str, Any]]:
    """The calendar's settings with the desk's hours and days off where it has none of its own."""
    if hours is None:
        return actions
    week = {day: list(getattr(hours, day)) for day in WEEKDAYS if getattr(hours, day)}
    calendar = {"hours": week, "closed": list(hours.closed), **actions.get("calendar", {})}
    return {**actions, "calendar": calendar}


def beside(box: Path) -> Path:
    """The folder of the files that belong to a box."""
    return Path.cwd() if box.parent == SHIPPED else box.absolute().parent


def digest(text: str) -> str:
    """What a version of the desk file is called: the first 12 hex digits of its sha256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _choose(path: Path | None, name: str, folder: Path = Path()) -> Path:
    if path is not None:
        return path
    return folder / name if (folder / name).exists() else SHIPPED / name
