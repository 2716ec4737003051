"""What the desk will say to something that happened, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from appliance.messages import Decision, Expect, Line, Turn

Place = Literal["open", "offered", "taking", "which", "agreeing", "recording", "urgent", "going_on"]
"""Where a conversation is, outside of forms: anywhere; asked whether to take a message; taking one; asked
which of a few things is meant; asked to agree to what the clerk offers; asked whether the call may be
recorded; told what could not wait; asked whether to go on after that."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the desk will say, and why."""

    decision: Decision
    lines: AsyncIterator[Line]
    expect: Expect = field(default_factory=Expect)
    hang_up: bool = False
    """True when the call is over once this was said."""
    then: Place = "open"
    """Where the conversation is once this was said."""
    after: Callable[[], Awaitable[None]] | None = None
    """What is done once this was said: the caller is put through."""


def fixed(
    intent: str,
    why: str,
    text: str,
    expect: Expect | None = None,
    hang_up: bool = False,
    then: Place = "open",
) -> Answer:
    """A line of every desk file."""
    decision = Decision(intent, why, "desk.toml lines")
    return Answer(decision, lines([text]), expect or Expect(), hang_up, then)


async def lines(texts: Iterable[str]) -> AsyncIterator[Line]:
    for text in texts:
        yield Line(text)


async def chained(*parts: AsyncIterator[Line]) -> AsyncIterator[Line]:
    for part in parts:
        async for line in part:
            yield line


def pressed(line: str, expect: Expect) -> list[str]:
    """Which keys answer, if any do."""
    keys = ", ".join(f"{key} for {option}" for key, option in expect.keys.items())
    return [line.format(keys=keys)] if keys else []


def unplayed(answer: Answer, said: Turn, whole: bool) -> Answer | None:
    """What was not played of an answer; `whole`: all of it, where something was not. None where all was."""
    if said.spoken.whole:
        return None
    played = 0 if whole else len(said.spoken.text.split())
    if not (left := " ".join(said.meant.split()[played:])):
        return None
    decision = replace(answer.decision, why="goes on: what cut it off held no words")
    return replace(answer, decision=decision, lines=lines([left]))


def again(answer: Answer, said: Turn) -> Answer:
    """An answer once more, and what it led to."""
    decision = Decision("repeat", "small talk", answer.decision.source)
    return replace(answer, decision=decision, lines=lines([said.meant]))
