"""What comes in between while a form is open, and the way back to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from appliance.answering.answers import Answer, Place, again, chained, fixed, lines
from appliance.answering.knowing import Knowing
from appliance.answering.smalltalk import SmallTalk, unasked
from appliance.clerk import Clerk
from appliance.config import DeskFile, Lines, standing
from appliance.flows.state import worth
from appliance.flows.steps import Step
from appliance.messages import Decision, Expect, Turn
from appliance.phone.gist import gist, unfinished
from appliance.phone.handoff import HandOff
from appliance.slots.acts import act, idle

WAITING: tuple[Place, ...] = ("urgent", "going_on")
"""Where a form waits for what could not wait."""

BARE = ("yes", "no", "thanks", "hello")
"""What is said to something that could not wait, and tells nothing else."""

ELSEWHERE = ("goodbye", "person", "cancel")

ANYTHING = ("text", "name")
"""Kinds of slots that nearly every word would fill."""


async def and_back(clerk: Clerk, aside: Answer) -> Answer:
    """Another subject, and then the open question once more."""
    back = await clerk.again()
    return replace(aside, lines=chained(aside.lines, lines(back.say)), expect=back.expect)


async def in_one(first: Answer, second: Answer) -> Answer:
    """One after the other; whether there is anything else is asked after the second."""
    said = [line.text async for line in first.lines]
    said = [*said[:-1], *unasked(said[-1])] if said else []
    return replace(second, lines=chained(lines(said), second.lines))


async def after_urgent(
    desk: DeskFile,
    clerk: Clerk | None,
    knowing: Knowing,
    place: Place,
    text: str,
    told: tuple[Answer | None, Turn | None],
) -> Answer | None:
    """What follows what could not wait, while a form does: whether to go on with that; what was `told` once
    more where nothing else is meant. None where the form goes on, or something else."""
    if place not in WAITING or not clerk or not clerk.busy:
        return None
    said, rest = act(text)
    if place == "going_on" and said == "yes" and not rest:
        return await and_back(clerk, Answer(Decision("going_on", "the form goes on", "desk.toml"), lines(())))
    if place == "going_on" and said == "no" and not rest:
        await clerk.leave("cancel")
        return fixed("cancel", "the form is left", desk.lines.cancelled)
    if place == "going_on" or said in ELSEWHERE:
        return None
    if (said in BARE and not rest) or idle(text):
        return _shall_we(desk, clerk)
    if _plainly(clerk, text) or await knowing.known(text):
        return None
    answer, turn = told
    return replace(again(answer, turn), then="urgent") if answer and turn else None


def to_person(
    desk: DeskFile,
    clerk: Clerk | None,
    to: HandOff | None,
    decision: Decision,
    say: Sequence[str],
    last_words: str,
) -> Answer:
    """Put through where somebody can be reached, or offer a message."""
    if to:
        told = gist(desk, clerk.latest if clerk else None, clerk.done if clerk else (), last_words)
        connecting = lines([*say, desk.lines.connecting])
        return Answer(decision, connecting, after=partial(to.put_through, told))
    return Answer(decision, lines([*say, desk.lines.person]), Expect("yes_no"), then="offered")


async def ask_for_message(desk: DeskFile, clerk: Clerk | None, smalltalk: SmallTalk) -> Answer:
    """What was begun and not finished goes with it."""
    if not clerk:
        return smalltalk.ask_for_message()
    begun = worth(clerk.silent or clerk.state)[-1:]
    await clerk.leave("message")
    return smalltalk.ask_for_message(*(unfinished(gist(desk, form)) for form in begun))


async def serve(clerk: Clerk, say: Lines, service: str, text: str) -> Step:
    """What every desk can do for somebody who was here before or will come again."""
    match service:
        case standing.UNDO:
            return clerk.undo()
        case standing.RECALL:
            return await clerk.recall(text)
    return Step(say=await clerk.pause() or (say.declined,))


def _shall_we(desk: DeskFile, clerk: Clerk) -> Answer:
    form = clerk.state.form
    assert form
    what = desk.flow[form.flow].label or form.flow.replace("_", " ")
    asked = desk.lines.go_on.format(what=what)
    return fixed("going_on", "after what could not wait", asked, Expect("yes_no"), then="going_on")


def _plainly(clerk: Clerk, text: str) -> bool:
    """Whether it answers the open question, and could be nothing else."""
    return bool(clerk.asks) and clerk.asks not in ANYTHING and clerk.consider(text).understood
