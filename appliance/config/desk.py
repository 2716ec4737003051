"""desk.toml: how a desk behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from appliance.config.calling import HandOffRules, OutboundRules, Recording, TextRules
from appliance.config.fact import Fact, Mode, Wording
from appliance.config.flow import KEYS, Flow
from appliance.config.hours import Hours
from appliance.config.keeping import Checklist, Retention
from appliance.config.lines import Lines
from appliance.config.manner import VoiceManner, check_sounds
from appliance.config.sense import senseless

SHORTCUTS = {"*": "say that again", "0": "I want to speak to a person"}


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
