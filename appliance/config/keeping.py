"""How calls are judged and what is kept of them, as desk.toml has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

CHECKS = {
    "greeted": "The caller was greeted",
    "understood": "Everything was understood at once",
    "uncut": "Nobody was cut off",
    "unrepeated": "Nothing was said more than twice",
    "confirmed": "What was done was confirmed",
    "reached": "The caller got what was wanted",
    "handed_over": "Who asked for a person got one, or left a message",
    "closed": "It ended politely",
    "in_time": "Every answer came in time",
}
"""What a conversation is asked, each a yes or a no, in the words of the page."""


@dataclass(frozen=True, slots=True)
class Checklist:
    """By which conversations are judged."""

    checks: tuple[str, ...] = tuple(CHECKS)
    answer_within: float = 2.0
    """Seconds from the caller's last word to the desk's first within which an answer is in time."""

    def __post_init__(self) -> None:
        for check in self.checks:
            if check not in CHECKS:
                raise ValueError(f"has the check {check!r}", f"some of: {', '.join(CHECKS)}")
        if not 0.1 <= self.answer_within <= 30:
            raise ValueError(f"has answer_within = {self.answer_within}", "0.1 to 30 seconds")


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days something is kept; 0: not at all once the call is over."""

    audio: float = 7.0
    """Recordings."""
    transcript: float = 30.0
    """What was said, with what is private in it left out."""
    events: float = 365.0
    """What was done, when, and how long it took."""

    def __post_init__(self) -> None:
        for name in ("audio", "transcript", "events"):
            if not 0 <= getattr(self, name) <= 3650:
                raise ValueError(f"has {name} = {getattr(self, name)}", "0 to 3650 days")


@dataclass(frozen=True, slots=True)
class Retention(Keep):
    """Of calls."""

    flow: dict[str, Keep] = field(default_factory=dict)
    """Of calls in which a flow was begun; where several were, the shortest time counts."""

    def of(self, flows: Sequence[str]) -> Keep:
        """For a call in which these flows were begun."""
        every: list[Keep] = [self.flow[name] for name in flows if name in self.flow] or [self]
        return Keep(
            min(each.audio for each in every),
            min(each.transcript for each in every),
            min(each.events for each in every),
        )
