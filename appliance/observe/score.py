"""How good a conversation was: a list of yes and no, from what happened in it. No model judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from appliance.config.keeping import Checklist
from appliance.memory.events import Event
from appliance.messages import samples, seconds

GOING_ON = samples(0.3)
"""Who speaks so soon after the desk's first word had not finished."""

PUZZLED = frozenset(("unknown", "again", "which", "language"))
"""What the desk decides that has not understood."""

Turns = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Mark:
    """The answer to one check."""

    check: str
    """As `keeping.CHECKS` has it."""
    passed: bool | None
    """None where the conversation was not about that."""
    turn: int = 0
    """The turn that decided it; 0 for none."""
    why: str = ""
    """In a few words, without what was said."""


def score(turns: Turns, events: Iterable[Event], checklist: Checklist) -> list[Mark]:
    """`turns` as `account.kept` made them, `events` the conversation's own, both in order."""
    events = _standing(events)
    heard = [turn for turn in turns if turn["heard"]]
    found = {
        "greeted": _greeted(turns),
        "understood": _understood(heard, events),
        "uncut": _uncut(turns),
        "unrepeated": _unrepeated(turns),
        "confirmed": _confirmed(events),
        "reached": _reached(heard, events),
        "handed_over": _handed_over(turns),
        "closed": _closed(turns),
        "in_time": _in_time(turns, checklist.answer_within),
    }
    return [Mark(check, *found[check]) for check in checklist.checks]


Answer = tuple[bool | None, int, str]
NOT_ASKED: Answer = (None, 0, "")


def _greeted(turns: Turns) -> Answer:
    first = next((turn for turn in turns if turn["cause"] == "call"), None)
    if first is None:
        return NOT_ASKED
    return bool(_said(first)), first["number"], "" if _said(first) else "nothing was heard of the greeting"


def _understood(heard: Turns, events: Sequence[Event]) -> Answer:
    if not heard:
        return NOT_ASKED
    for turn in heard:
        if turn["decision"] and turn["decision"]["intent"] in PUZZLED:
            return False, turn["number"], f"the desk decided: {turn['decision']['intent']}"
    missed = sum(event.kind == "missed" for event in events)
    return not missed, 0, f"{missed} answers in a form were none" if missed else ""


def _uncut(turns: Turns) -> Answer:
    """Nobody who was still speaking was answered."""
    sounded = [turn for turn in turns if turn["spoken"]["start"] is not None or turn["heard"]]
    for before, after in pairwise(sounded):
        start, heard = before["spoken"]["start"], after["heard"]
        if before["heard"] and heard and start is not None and 0 <= heard["start"] - start < GOING_ON:
            return False, before["number"], "the caller had not finished"
    return (True, 0, "") if any(turn["heard"] for turn in turns) else NOT_ASKED


def _unrepeated(turns: Turns) -> Answer:
    lines = Counter(text for turn in turns if (text := _said(turn)))
    if not lines:
        return NOT_ASKED
    line, times = lines.most_common(1)[0]
    if times <= 2:
        return True, 0, ""
    last = [turn["number"] for turn in turns if _said(turn) == line][-1]
    return False, last, f"the same was said {times} times"


def _confirmed(events: Sequence[Event]) -> Answer:
    """What was done was told, and the caller heard it."""
    done = [
        event
        for event in events
        if event.kind == "outcome" and event.data["ok"] and not event.data.get("looked")
    ]
    if not done:
        return NOT_ASKED
    told = max((event.id for event in events if event.kind == "told"), default=0)
    unheard = [event.data["action"] for event in done if event.id > told]
    return not unheard, 0, f"not heard: {', '.join(unheard)}" if unheard else ""


def _reached(heard: Turns, events: Sequence[Event]) -> Answer:
    """Every form came to its end, and nothing that was asked last stayed without an answer."""
    if not heard:
        return NOT_ASKED
    started = {event.data["form"]: event.data["flow"] for event in events if event.kind == "flow.started"}
    ends = {event.data["form"]: event.data["how"] for event in events if event.kind == "flow.ended"}
    for form, flow in started.items():
        how = ends.get(form, "left open")
        if how != "done" and not how.startswith(("goto", "back")):
            return False, 0, f"{flow}: {how}"
    asked = [turn for turn in heard if turn["decision"]]
    for turn in asked:
        if turn["decision"]["intent"] == "unknown" and not any(
            later["decision"]["intent"] in ("taken", "person") for later in asked if later is not turn
        ):
            return False, turn["number"], "a question stayed without an answer"
    failed = [event.data for event in events if event.kind == "outcome" and not event.data["ok"]]
    unlooked = [data for data in failed if not data.get("looked")]
    if unlooked and not started:
        return False, 0, f"{unlooked[-1]['action']}: {unlooked[-1]['why']}"
    return True, 0, ""


def _handed_over(turns: Turns) -> Answer:
    asked = [turn["number"] for turn in turns if _intent(turn) == "person" and turn["heard"]]
    if not asked:
        return NOT_ASKED
    # Who was being put through, or talked to a person, when the desk was stopped had asked nothing more.
    later = [turn for turn in turns if turn["number"] > asked[0] and turn["cause"] != "closing"]
    back = any(turn["cause"] == "taken back" for turn in later)
    message = any(_intent(turn) == "taken" for turn in later)
    declined = any(_intent(turn) == "declined" for turn in later)
    joined = not later
    fine = message or declined or (joined and not back)
    return fine, asked[0], "" if fine else "no person and no message"


def _closed(turns: Turns) -> Answer:
    """The last thing said was said to its end."""
    last = next((turn for turn in reversed(turns) if turn["decision"]), None)
    if last is None:
        return NOT_ASKED
    return last["whole"], last["number"], "" if last["whole"] else "the last answer was not heard to its end"


def _in_time(turns: Turns, within: float) -> Answer:
    every = list(waits(turns))
    if not every:
        return NOT_ASKED
    longest, turn = max(every)
    fine = longest <= within
    return fine, turn, "" if fine else f"an answer took {longest:.1f} s"


def waits(turns: Turns) -> Iterator[tuple[float, int]]:
    """Seconds to the desk's first word, and the turn, of each turn by sound."""
    for turn in turns:
        heard, start = turn["heard"], turn["spoken"]["start"]
        if heard and heard["end"] > heard["start"] and start is not None:
            yield seconds(start - heard["end"]), turn["number"]


def _standing(events: Iterable[Event]) -> list[Event]:
    """Without those that were taken back."""
    kept: list[Event] = []
    forms: list[Event] = []
    for event in events:
        if event.kind == "undone":
            for gone in forms[max(0, len(forms) - event.data["count"]) :]:
                kept.remove(gone)
            del forms[max(0, len(forms) - event.data["count"]) :]
            continue
        kept.append(event)
        if "form" in event.data:
            forms.append(event)
    return kept


def _said(turn: Mapping[str, Any]) -> str:
    return " ".join(word for word, *_ in turn["spoken"]["words"])


def _intent(turn: Mapping[str, Any]) -> str:
    return str(turn["decision"]["intent"]) if turn["decision"] else ""
