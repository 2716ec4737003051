"""What may be said next, prepared before it is certain: in a caller's pause, and while the desk speaks.

Foresight warms what deciding and speaking look things up in: what words mean, what the LLM makes of a line,
the sound of a line. Once the turn is over, all is decided anew; nothing that was foreseen is heard or done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from appliance.brain import Brain
from appliance.messages import Heard, Line, Silence, Turn
from appliance.rehearsal import Unforeseeable
from appliance.speech import Speech

log = logging.getLogger(__name__)

ANSWERS = ("yes", "no")
"""What may be said to a question that expects one of them."""

SURE = 0.1
"""Seconds into a pause after which the turn is not over at once, so that there is time to make sound without
being in the way of the answer."""


class Foresight:
    """Of one conversation. `enough` is called with words that are a whole answer."""

    def __init__(
        self, brain: Brain, speech: Speech | None = None, enough: Callable[[str], None] = lambda text: None
    ) -> None:
        self.right = self.wrong = 0
        """Answers prepared in a pause that was the end of the turn, and in one that was not."""
        self._brain = brain
        self._speech = speech
        self._enough = enough
        self._text: str | None = None
        self._task: asyncio.Task[None] | None = None

    def paused(self, text: str) -> None:
        """The caller has paused after these words."""
        if text != self._text:
            self._throw_away()
            self._text = text
            self._task = asyncio.create_task(self._answer(text))

    def heard(self, text: str) -> bool:
        """The turn is over; whether this is what was prepared for."""
        right = text == self._text
        self.right += right
        if not right:
            self._throw_away()
        self._text = None
        return right

    def answering(self, turn: Turn) -> None:
        """The last of an answer is being spoken; `turn` is its record, as if it were heard whole."""
        self._stop()
        self._task = asyncio.create_task(self._next(turn))

    def close(self) -> None:
        """The conversation is over."""
        self._stop()
        if self.right or self.wrong:
            log.info("prepared ahead: %d answers that were given, %d thrown away", self.right, self.wrong)

    def _throw_away(self) -> None:
        self.wrong += self._text is not None
        self._stop()

    def _stop(self) -> None:
        task, self._task = self._task, None  # Cancelled, it holds its frames, and they hold this: a ring.
        if task:
            task.cancel()

    async def _answer(self, text: str) -> None:
        try:
            if await self._brain.enough(text):
                self._enough(text)
            line = await first_line(self._brain.rehearsal(), Heard(text, 0, 0, 0, 0))
            await asyncio.sleep(SURE)
            await self._make(line)
        except Exception:
            log.exception("an answer could not be prepared ahead")

    async def _next(self, turn: Turn) -> None:
        """What follows a silence, or a yes or a no where one is expected."""
        try:
            answers = ANSWERS if self._brain.expects.kind == "yes_no" else ()
            causes: list[Heard | Silence] = [Heard(text, 0, 0, 0, 0) for text in answers]
            for cause in (*causes, Silence(0)):
                mind = self._brain.rehearsal()
                mind.remember(turn)
                await self._make(await first_line(mind, cause))
        except Exception:
            log.exception("the next lines could not be prepared ahead")

    async def _make(self, line: Line | None) -> None:
        if line and self._speech:
            await self._speech.prepare(line.text)


async def first_line(mind: Brain, cause: Heard | Silence) -> Line | None:
    """What would be said first; None where nothing would, or nobody can know."""
    try:
        answer = await mind.decide(cause)
    except Unforeseeable:
        return None
    return await anext(answer.lines, None) if answer else None
