"""What a conversation came to so far, for the person who takes it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.config import DeskFile
from appliance.config.lines import Lines
from appliance.flows.state import Form

WHO = ("name", "phone")
"""Slots that tell who is calling."""


@dataclass(frozen=True, slots=True)
class Gist:
    who: str = ""
    """The caller's name, or number as it is spoken."""
    goal: str = ""
    """What the caller wants, as the desk calls it."""
    slots: tuple[str, ...] = ()
    """What was told for it, as it is read back."""
    done: tuple[str, ...] = ()
    """What the desk has done already."""
    last_words: str = ""


def gist(desk: DeskFile, form: Form | None, done: Sequence[str] = (), last_words: str = "") -> Gist:
    """`form`: the last one that was open. What a desk keeps secret is not told on."""
    if form is None or form.flow not in desk.flow:
        return Gist(done=tuple(done), last_words=last_words)
    flow = desk.flow[form.flow]
    secret = {ask.slot for ask in flow.ask if ask.secret}
    told = {slot: value.spoken for slot, value in form.slots.items() if slot not in secret}
    who = told.get("name", "")
    slots = tuple(spoken for slot, spoken in told.items() if slot not in WHO)
    return Gist(who, flow.label or form.flow, slots, tuple(done), last_words)


def unfinished(gist: Gist) -> str:
    """What was begun, to stand beside a message: "booking a table: Thursday, half past ten, Ann Smith"."""
    return f"{gist.goal}: {', '.join(filter(None, (*gist.slots, gist.who)))}"


def brief(lines: Lines, gist: Gist, parts: Sequence[str]) -> str:
    """Who is calling and why, in a sentence or two; only what was said and done."""
    who = (gist.who if "who" in parts else "") or lines.somebody
    goal = gist.goal if "goal" in parts else ""
    slots = ", ".join(gist.slots) if "slots" in parts else ""
    about = f"{goal}: {slots}" if goal and slots else goal or slots
    told = [(lines.calls_about if about else lines.calls).format(who=who, what=about)]
    if "done" in parts and gist.done:
        told.append(lines.calls_done.format(what="; ".join(gist.done)))
    if "last_words" in parts and gist.last_words and not about:
        told.append(lines.calls_saying.format(words=gist.last_words.rstrip(".?! ")))
    return " ".join(told)
