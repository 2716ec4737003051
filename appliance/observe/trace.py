"""A conversation as a trace: one span for it, one for each turn, one for each stage of a turn. Spans are made
of what is kept of a call; nothing that anybody said is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from appliance.messages import seconds
from appliance.observe.calls import Kept

CONVENTIONS = "1.41.0"
"""Of OpenTelemetry's semantic conventions, which the names of attributes are taken from. Those for generative
AI are still in development there: another version may call things otherwise."""

SCHEMA = f"https://opentelemetry.io/schemas/{CONVENTIONS}"

STAGES = ("heard", "end of turn", "understood", "decided", "action", "worded", "spoken")
"""Of a turn, in order. What did not happen has no span."""


@dataclass(frozen=True, slots=True)
class Span:
    id: str
    """16 hex digits."""
    parent: str
    """Empty for the conversation itself."""
    name: str
    start: datetime
    """UTC."""
    end: datetime
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str = ""
    """Why it failed, in a word; empty where it did not."""


def spans(call: Kept, turns: Sequence[Mapping[str, Any]]) -> list[Span]:
    """The trace of a call, the conversation first, then turn by turn."""
    root = Span(
        _id(call.trace, "call"), "", f"invoke_agent {call.agent}", call.began,
        call.ended or call.began + timedelta(seconds=seconds(call.length)),
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": call.agent,
            "gen_ai.agent.version": call.desk,
            "gen_ai.conversation.id": call.id,
            "appliance.channel": call.channel,
            "appliance.turns": call.turns,
        },
    )  # fmt: skip
    found = [root]
    deeds = list(call.deeds)
    for turn, after in zip(turns, [*turns, None][1:], strict=True):
        until = _at(call, _begin(after)) if after else root.end
        own = [deed for deed in deeds if datetime.fromisoformat(deed["began"]) < until]
        deeds = deeds[len(own) :]
        found += _turn(call, root, turn, own)
    return found


def _turn(call: Kept, root: Span, turn: Mapping[str, Any], deeds: Sequence[Mapping[str, Any]]) -> list[Span]:
    number = turn["number"]
    id = _id(call.trace, f"turn {number}")
    stages = [
        Span(_id(call.trace, f"{number} {name}"), id, name, _at(call, start), _at(call, end), said)
        for name, start, end, said in _stages(turn)
    ]
    stages += [_deed(call, id, number, place, deed) for place, deed in enumerate(deeds)]
    # Spans begin in their order; an action is begun while it is decided what to say.
    stages.sort(key=lambda span: (span.start, STAGES.index(span.name) if span.name in STAGES else 4))
    start = min((span.start for span in stages), default=_at(call, _begin(turn)))
    end = max((span.end for span in stages), default=start)
    told = {"appliance.turn": number, "appliance.cause": turn["cause"], "appliance.whole": turn["whole"]}
    return [Span(id, root.id, f"turn {number}", start, end, told), *stages]


def _stages(turn: Mapping[str, Any]) -> Iterator[tuple[str, int, int, dict[str, str | int | float | bool]]]:
    """Name, first and last clock, and attributes of each stage but the actions."""
    heard = turn.get("heard")
    if heard:
        told = {"appliance.confidence": heard["confidence"], "appliance.transcribed": heard["transcribed"]}
        yield "heard", heard["start"], heard["end"], told
        yield "end of turn", heard["end"], heard["decided"], {"appliance.false_ends": heard["false_ends"]}
    began, answered, decision = turn.get("began"), turn.get("answered"), turn.get("decision")
    if began is not None and answered is not None and decision:
        understood = min(answered, began + decision["understanding"])
        if decision["understanding"]:
            yield "understood", began, understood, {"gen_ai.operation.name": "retrieval"}
        about = {"appliance.intent": decision["intent"], "appliance.why": decision["why"]}
        score = {} if decision["score"] is None else {"appliance.score": decision["score"]}
        yield "decided", understood, answered, {**about, **score, "appliance.foreseen": turn["foreseen"]}
    spoken = turn.get("spoken")
    if spoken and answered is not None and spoken["first_text"] is not None:
        ready = spoken["start"] if spoken["start"] is not None else spoken["first_text"]
        yield "worded", answered, max(answered, ready), {"appliance.first_text": spoken["first_text"]}
    if spoken and spoken["start"] is not None:
        yield "spoken", spoken["start"], spoken["end"], {"appliance.whole": turn["whole"]}


def _deed(call: Kept, turn: str, number: int, place: int, deed: Mapping[str, Any]) -> Span:
    return Span(
        _id(call.trace, f"{number} action {place}"), turn, f"execute_tool {deed['action']}",
        datetime.fromisoformat(deed["began"]), datetime.fromisoformat(deed["ended"]),
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": deed["action"],
            "gen_ai.tool.type": "function",
            "appliance.stage": "action",
        },
        deed["why"],
    )  # fmt: skip


def _begin(turn: Mapping[str, Any]) -> int:
    """The first clock of a turn."""
    heard = turn.get("heard")
    return int(heard["start"] if heard else turn["at"])


def _at(call: Kept, clock: int) -> datetime:
    return call.began + timedelta(seconds=seconds(clock))


def _id(trace: str, name: str) -> str:
    """Of a span: always the same one."""
    return hashlib.sha256(f"{trace} {name}".encode()).hexdigest()[:16]
