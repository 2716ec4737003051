"""A flow, as the desk file has it: what it asks for, and what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from appliance.config.calling import FlowRecording
from appliance.config.fact import Mode, Wording, agree
from appliance.config.hours import stretch
from appliance.config.manner import check_pace

KEYS = frozenset("0123456789*#")
"""Of a telephone."""

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
        agree(self.mode, self.wording)
        check_pace(self.pace)
