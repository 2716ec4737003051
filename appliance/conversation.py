"""THE LOOP: hear, decide, say; and stop saying when the caller speaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from appliance.answering.answers import Answer
from appliance.brain import Brain
from appliance.channels import Call
from appliance.foresight import Foresight
from appliance.messages import (
    Cause,
    Closing,
    Heard,
    Line,
    Noise,
    Partial,
    Saying,
    Silence,
    SpeechStarted,
    Spoken,
    TakenBack,
    Turn,
    seconds,
)
from appliance.turns.interruption import GOING_ON

log = logging.getLogger(__name__)

LAST_WORDS = 0.3
"""Seconds in which the desk may still act on what a caller said who has hung up."""

LONG = 0.8
"""Seconds of deciding after which the caller hears that the desk is at it."""

FOLLOW = 0.25
"""Seconds between two looks of a screen at what is being said."""

FINISH = 8.0
"""Seconds in which a desk that is about to stop says to its end what it was saying."""

REACTION = 0.3
"""Seconds into an answer in which nobody yet reacts to it: who speaks by then has not finished."""


async def converse(
    call: Call, brain: Brain, keep: Callable[[Turn], None], foresight: Foresight | None = None
) -> None:
    """One call, from the greeting until either side hangs up. `keep` takes the record of each exchange."""
    turn = last = Turn(call.id, 1)
    foresight = foresight or Foresight(brain)

    def kept(answered: Turn) -> None:
        nonlocal last
        last = answered
        keep(answered)

    answering = asyncio.create_task(
        respond(call, brain, turn, kept, foresight.answering) if call.desk_begins else asyncio.sleep(0)
    )
    try:
        async for event in call.hear():
            if isinstance(turn.cause, Closing):
                continue
            call.notice(event)
            match event:
                case SpeechStarted():
                    await cut(answering)
                case Partial(text, paused=True):
                    foresight.paused(text)
                case Closing():
                    await asyncio.wait([answering], timeout=FINISH)
                    await cut(answering)
                    turn = Turn(call.id, turn.number + 1, event)
                    await respond(call, brain, turn, kept)
                case Heard() | Noise() | Silence() | TakenBack():
                    if isinstance(event, Silence) and not answering.done():
                        continue
                    await cut(answering)
                    foreseen = isinstance(event, Heard) and foresight.heard(event.text)
                    before = turn.cause
                    if (
                        isinstance(before, Heard)
                        and await went_on(turn, last, event, brain)
                        and await retract(turn, before, brain)
                    ):
                        event = before.going_on(event) if isinstance(event, Heard) else before
                        foreseen = False
                    elif isinstance(before, Heard) and last.number < turn.number:
                        # It came to no answer, and stands: whoever keeps what was said must know its words.
                        kept(turn)
                    turn = Turn(call.id, turn.number + 1, event, foreseen=foreseen)
                    answering = asyncio.create_task(respond(call, brain, turn, kept, foresight.answering))
        # The line is dead, but what was said last, a message perhaps, must still be taken care of.
        await asyncio.wait([answering], timeout=LAST_WORDS)
    finally:
        foresight.close()
        await cut(answering)


async def went_on(turn: Turn, last: Turn, event: Cause, brain: Brain) -> bool:
    """Whether what the desk began to answer in `turn` was not over: the caller spoke on, or a sound cut the
    answer off, before anything of it was heard or understood. `last` is the last turn that came to an
    answer."""
    if isinstance(event, Silence | TakenBack) or (last.number == turn.number and last.spoken.whole):
        return False
    if last.number < turn.number or last.spoken.start is None:
        return True
    if not isinstance(event, Heard):
        return False
    into = seconds(event.start - last.spoken.start)
    if not REACTION <= into < GOING_ON:
        return into < REACTION
    try:
        return not await brain.stands_alone(event.text)
    except Exception:
        log.exception("call %s: whether the caller went on could not be told", turn.call)
        return False


async def retract(turn: Turn, cause: Heard, brain: Brain) -> bool:
    """Whether what was decided on this is taken back."""
    try:
        return await brain.retract(cause)
    except Exception:
        log.exception("turn %d of call %s could not be taken back", turn.number, turn.call)
        return False


async def respond(
    call: Call,
    brain: Brain,
    turn: Turn,
    keep: Callable[[Turn], None],
    ending: Callable[[Turn], None] = lambda turn: None,
) -> None:
    """Decide, say, and record what was really played, also when it was cut short. `ending` is told when the
    last words have been handed over to be spoken."""
    meant: list[str] = []
    answer, expected = None, brain.expects
    turn = replace(turn, began=call.now())
    try:
        answer = await decide(call, brain, turn)
        if answer is None:
            return
        turn = replace(turn, decision=answer.decision, answered=call.now())
        call.expect(answer.expect)
        showing = asyncio.create_task(_show(call, turn))
        try:
            await call.say(_noted(answer.lines, meant, lambda: ending(whole(turn, meant))))
        finally:
            showing.cancel()
        if answer.hang_up:
            await call.hang_up()
    except Exception:
        log.exception("turn %d of call %s failed", turn.number, call.id)
    finally:
        if answer:
            turn = replace(turn, meant=" ".join(meant), spoken=call.spoken())
            if not turn.spoken.text:
                call.expect(expected)
            brain.remember(turn)
            call.notice(turn)
            keep(turn)
    if answer and answer.after:
        await answer.after()


async def decide(call: Call, brain: Brain, turn: Turn) -> Answer | None:
    """The brain's answer. While it takes long, the caller hears a filler; where it fails, the caller is asked
    to say it again."""
    deciding = asyncio.create_task(brain.decide(turn.cause))
    try:
        await asyncio.wait([deciding], timeout=LONG)
        if not deciding.done():
            await call.say(_filler(brain))
        return await deciding
    except Exception:
        log.exception("turn %d of call %s could not be decided", turn.number, turn.call)
        return brain.apologise()
    finally:
        deciding.cancel()


async def cut(answering: asyncio.Task[None]) -> None:
    """Stop the answer that is being prepared or spoken, if one is."""
    answering.cancel()
    await asyncio.wait([answering])


async def _show(call: Call, turn: Turn) -> None:
    """Let a screen follow what is being said."""
    while True:
        await asyncio.sleep(FOLLOW)
        if (spoken := call.spoken()).text:
            call.notice(Saying(replace(turn, spoken=spoken)))


async def _noted(
    lines: AsyncIterator[Line], meant: list[str], over: Callable[[], None]
) -> AsyncIterator[Line]:
    async for line in lines:
        meant.append(line.text)
        yield line
    over()


def whole(turn: Turn, meant: list[str]) -> Turn:
    """The turn, as if all that was meant had been heard."""
    text = " ".join(meant)
    return replace(turn, meant=text, spoken=Spoken(text, 0, 0, 0, whole=True))


async def _filler(brain: Brain) -> AsyncIterator[Line]:
    yield Line(brain.filler)
