"""How a desk behaves on the telephone, as desk.toml has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from appliance.config.hours import WEEKDAYS, Hours, stretch

BRIEF = ("who", "goal", "slots", "done", "last_words")
"""What a person can be told of a caller."""

WEEK = 7 * 24 * 60
"""In minutes."""

Recording = Literal["never", "announce", "ask"]
"""Of calls, where box.toml has recordings switched on."""


FlowRecording = Literal["", "never", "paused", "announce", "ask"]
"""What becomes of the recording of a call in which a flow is under way: it goes on as `recording` says, it is
deleted and nothing more is recorded, silence is recorded meanwhile; or the flow is recorded once that was
said, or once the caller said yes, whatever the rest of the call is."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """SMS by the modem."""

    answer: bool = False
    """Whether the desk talks by SMS with who texts it."""
    hours: float = 4.0
    """For which a conversation goes on; later texts begin another."""
    an_hour: int = 10
    """Texts that one number is sent in an hour."""
    a_day: int = 200
    """Texts that are sent in a day at all."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.hours <= 72:
            raise ValueError(f"has hours = {self.hours}", "0.1 to 72")
        if self.an_hour < 1 or self.a_day < 1:
            raise ValueError("has a limit below 1", "leave [sms] out to send nothing")


@dataclass(frozen=True, slots=True)
class OutboundRules:
    """Calls that the desk makes: reminders, and calls back."""

    enabled: bool = False
    between: str = "09:00-19:00"
    """When people may be called, on the wall clock; never outside of it."""
    days: tuple[str, ...] = WEEKDAYS[:6]
    tries: int = 3
    """Times that somebody who does not answer is called."""
    again: tuple[float, ...] = (30.0, 120.0)
    """Minutes until the second try, the third ...; the last one stands for those after."""
    voicemail: bool = False
    """Whether a machine that answers is told; else it is tried again."""
    remind: float = 0.0
    """Hours before an appointment at which who booked it is called; 0: nobody is."""
    a_day: int = 100
    """Calls in a day at all."""

    def __post_init__(self) -> None:
        stretch(self.between)
        for day in self.days:
            if day not in WEEKDAYS:
                raise ValueError(f"has the day {day!r}", f"one of: {', '.join(WEEKDAYS)}")
        if not 1 <= self.tries <= 10 or not self.again or not all(1 <= each <= WEEK for each in self.again):
            raise ValueError("has no sense in tries or again", "1 to 10 tries, a minute to a week between")
        if not 0 <= self.remind <= 720:
            raise ValueError(f"has remind = {self.remind}", "0 to 720 hours")

    def may_call(self, now: datetime) -> bool:
        """Whether people may be called at that time on the wall."""
        begins, ends = stretch(self.between)
        return WEEKDAYS[now.weekday()] in self.days and begins <= now.time() < ends

    def wait(self, tries: int) -> timedelta:
        """How long until the next try after so many."""
        return timedelta(minutes=self.again[min(tries, len(self.again)) - 1])


@dataclass(frozen=True, slots=True)
class HandOffRules:
    """Where a caller is put through to."""

    to: str
    """Who is called: "sip:desk@pbx" or a telephone number."""
    mode: Literal["warm", "blind"] = "warm"
    """`warm`: the person is told who is calling and why. `blind`: the caller is handed over at once."""
    brief: tuple[str, ...] = BRIEF
    """What the person is told."""
    accept: Literal["ask", "at_once"] = "ask"
    """`ask`: the person presses 1 or says yes first, so that no caller is put through to a voicemail."""
    rings: float = 25.0
    """Seconds for the person to answer."""
    closed_to: str = ""
    """Who is called while the desk is closed; nobody if left out."""
    hours: Hours | None = None
    """When somebody can be reached; else the desk's opening hours."""

    def __post_init__(self) -> None:
        for part in self.brief:
            if part not in BRIEF:
                raise ValueError(f"has the brief {part!r}", f"one of: {', '.join(BRIEF)}")
        if not 5 <= self.rings <= 60:
            raise ValueError(f"has rings = {self.rings}", "5 to 60 seconds")
        if not self.to.strip():
            raise ValueError("has nobody to put callers through to", 'write to = "sip:desk@pbx"')

    def whom(self, now: datetime, closed: bool) -> str:
        """Who is called at that time on the wall; empty for nobody. `closed`: by the desk's own hours."""
        if self.hours is not None:
            closed = not self.hours.open_at(now)
        return self.closed_to if closed else self.to
