"""What needs no knowledge: greetings, thanks, goodbyes, and messages for a person."""

from __future__ import annotations

import asyncio
import logging
from copy import copy
from dataclasses import replace

from appliance.answering.answers import Answer, Place, chained, fixed, lines
from appliance.answering.wording import sentences
from appliance.config import Lines
from appliance.errors import StorageError
from appliance.memory.notebook import Notebook
from appliance.messages import Decision, Expect, Noise, samples
from appliance.observe.redaction import without
from appliance.slots.acts import Act, idle

log = logging.getLogger(__name__)

PATIENCE = 2
"""Times the desk asks whether anybody is there before it says goodbye."""

MUMBLED = samples(1.0)
"""What is shorter may be a cough, or a door."""


NO_MESSAGE = frozenset({"yes", "no", "goodbye", "repeat", "cancel", "person"})
"""What is no message, though one is being taken."""


class SmallTalk:
    """Of one conversation."""

    def __init__(self, say: Lines, notebook: Notebook, call: str) -> None:
        self._say = say
        self._notebook = notebook
        self._call = call
        self._silences = 0
        self._asked_again = False
        self._message: int | None = None
        """The message being taken, once a part of it is kept."""
        self._begun = ""
        self._pen = asyncio.Lock()

    def rehearsal(self, notebook: Notebook) -> SmallTalk:
        """What would be said, noted down in another notebook."""
        other = copy(self)
        other._notebook = notebook
        return other

    def greet(self, why: str, closed: bool) -> Answer:
        return fixed("greeting", why, (closed and self._say.greeting_closed) or self._say.greeting)

    def reply(self, said: Act, first: bool) -> Answer:
        """By what the caller does. `first`: only the greeting was said before."""
        say = self._say
        match said:
            case "goodbye":
                return fixed("goodbye", "small talk", say.goodbye, hang_up=True)
            case "thanks":
                return fixed("thanks", "small talk", say.welcome)
            case "yes":
                return fixed("yes", "small talk", say.more)
            case "no" if first:
                return fixed("no", "nothing was asked", say.again)
            case "no":
                return fixed("no", "nothing else is wanted", say.goodbye, hang_up=True)
            case "cancel":
                return fixed("cancel", "small talk", say.cancelled)
        return fixed(said, "small talk", say.greeting)

    def heard(self) -> None:
        """Somebody spoke."""
        self._silences = 0
        self._asked_again = False

    def break_silence(self, meant: str, place: Place, expect: Expect) -> Answer:
        """Ask once more what `meant` had asked, if anything; then more plainly; then no more."""
        self._silences += 1
        if self._silences > PATIENCE:
            return fixed("silence", "nobody is there", self._say.goodbye, hang_up=True)
        question = "" if place == "open" else asked(meant) if place == "offered" else meant
        again = fixed("silence", "nobody speaks", question or self._say.still_there, expect, then=place)
        if self._silences < PATIENCE:
            return again
        return replace(again, lines=chained(lines([self._say.unheard]), again.lines))

    def mumbled(self, noise: Noise, place: Place, expect: Expect) -> Answer | None:
        """To a voice whose words nobody could make out: two who speak at once, or somebody far off. Once,
        until somebody is understood."""
        if noise.end - noise.start < MUMBLED or self._asked_again:
            return None
        self._asked_again = True
        return fixed("again", "a voice, and no words", self._say.again, expect, then=place)

    async def unknown(
        self, text: str, score: float = 0.0, foreign: bool = False, going_on: bool = False
    ) -> Answer:
        """Nothing answers it: that is noted, and a message is offered, unless a form is `going_on`; who
        speaks another language is told which one the desk speaks."""
        if idle(text):
            return fixed("again", "nothing is said yet", self._say.again)
        # Names are told by English capitals: in another language they would take half of it.
        question = without(text, "card", "phone", "e-mail", "number") if foreign else without(text)
        try:
            await self._notebook.unanswered(self._call, question)
        except StorageError:
            log.exception("an unanswered question could not be kept")
        if foreign:
            return fixed("language", "said in another language", self._say.language)
        decision = Decision("unknown", "nothing the desk knows is near", "desk.toml", score)
        if going_on:
            return Answer(decision, lines(unasked(self._say.unknown)))
        return Answer(decision, lines([self._say.unknown]), Expect("yes_no"), then="offered")

    def ask_for_message(self, begun: str = "") -> Answer:
        """`begun`: what the caller told before, which is kept beside the message."""
        self._begun = begun
        return fixed("message", "a message is wanted", self._say.message, Expect("message"), then="taking")

    def decline(self, going_on: bool = False) -> Answer:
        """`going_on`: with a form that waits, which asks its own question."""
        declined = fixed("declined", "no message is wanted", self._say.declined)
        return replace(declined, lines=lines(unasked(self._say.declined))) if going_on else declined

    async def take_message(self, text: str) -> Answer:
        """Keep it before saying so. Who goes on before that was said adds to the same message; who cuts in
        stops the voice, not the pen."""
        return await asyncio.shield(asyncio.create_task(self._keep(text)))

    async def _keep(self, text: str) -> Answer:
        async with self._pen:
            return await self._write_down(text)

    async def _write_down(self, text: str) -> Answer:
        text = without(text, "card")
        try:
            if self._message is None:
                about = f" ({self._begun})" if self._begun else ""
                self._message = await self._notebook.message(self._call, text + about)
            else:
                await self._notebook.extend(self._message, text)
        except StorageError:
            log.exception("a message could not be kept")
            return fixed("not_taken", "the message could not be kept", self._say.not_taken)
        return fixed("taken", "the message is kept", self._say.taken)

    def message_taken(self) -> None:
        """What was said moved on from the message: the next is another."""
        self._message = None


def asked(line: str) -> str:
    """The question at a line's end; the line where it ends with none."""
    last = sentences(line)[-1:]
    return last[0] if last and last[0].endswith("?") else line


def unasked(line: str) -> list[str]:
    """A line without the question at its end."""
    said = sentences(line)
    return said[:-1] if said[-1].endswith("?") else said
