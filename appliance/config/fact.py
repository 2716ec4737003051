"""A fact, and who has a part in how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from appliance.config.manner import check_pace

Wording = Literal["fixed", "rephrase"]

Mode = Literal["rules", "knowledge", "worded", "hybrid"]
"""Who has a part in an answer. `rules`: only the phrases, word for word. `knowledge`: what is meant too, by
facts and documents. `worded`: the LLM puts the lines differently besides. `hybrid`: that only where
`wording` says so, and it picks where [wording] lets it."""


def agree(mode: Mode | None, wording: Wording | None) -> None:
    """ValueError where one forbids what the other asks for."""
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
    urgent: bool = False
    """Whether it cannot wait: it is told whatever is being asked, and what was begun waits until the caller
    wants to go on."""
    pace: float = 1.0
    """How fast it is said, beside the desk's usual pace."""

    def __post_init__(self) -> None:
        agree(self.mode, self.wording)
        check_pace(self.pace)
        if not self.ask:
            raise ValueError("has no questions", 'add ask = ["...", "..."]')
        if not self.say.strip():
            raise ValueError("has nothing to say", 'write say = "..."')
        if len(self.say) > 600:
            raise ValueError(f"says {len(self.say)} characters", "nobody listens to more than 600")
