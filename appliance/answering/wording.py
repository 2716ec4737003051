"""One of the LLM's two jobs: to put a fixed line differently, under guard and against the clock."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import aclosing

from appliance.answering.memo import Memo
from appliance.engines import Llm
from appliance.engines.thread import EngineThread
from appliance.guard import binding, same
from appliance.messages import Line

log = logging.getLogger(__name__)

SYSTEM = (
    "You are a friendly receptionist. Say the given information in your own words, in one short sentence. "
    "Keep every number, day and name. Add nothing."
)

DEADLINE = 1.2
"""Seconds that the wording of a sentence may take; after that the fixed sentence is said."""

MAX_TOKENS = 60


ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|vs)|\b[A-Za-z])\.$")


def sentences(text: str) -> list[str]:
    """The sentences of a text, with their punctuation. A title or a single letter ends none."""
    found: list[str] = []
    for part in re.split(r"(?<=[.!?…])\s+(?=[\"'(]?[A-Z0-9])", text.strip()):
        if found and ABBREVIATED.search(found[-1]):
            found[-1] += f" {part}"
        elif part:
            found.append(part)
    return found


class Wording:
    """Rewords lines sentence by sentence, so that the first is spoken while the next is being written. The
    LLM is greedy, so a sentence is worded once."""

    def __init__(self, llm: Llm, thread: EngineThread) -> None:
        self._llm = llm
        self._thread = thread
        self._worded: Memo[str] = Memo(most=512)

    async def warm(self) -> None:
        """Let the LLM read its instructions now; it remembers them."""
        await self._ask("Hello.")

    async def reword(self, line: str) -> AsyncIterator[Line]:
        """The line in other words; any sentence that binds, comes too late, or is refused by the guard, as it
        is."""
        for sentence in sentences(line):
            reworded = "" if binding(sentence) else await self._one(sentence)
            yield Line(reworded, fixed=False) if reworded else Line(sentence)

    async def _one(self, sentence: str) -> str:
        try:
            async with asyncio.timeout(DEADLINE):
                reworded = await self._worded.get(sentence, lambda: self._ask(sentence))
        except TimeoutError:
            log.info("wording took over %.1f s: the fixed line is said", DEADLINE)
            return ""
        except Exception:
            log.exception("wording failed: the fixed line is said")
            return ""
        if reworded and same(reworded, sentence):
            return reworded
        log.info("the guard refused a wording: the fixed line is said")
        return ""

    async def _ask(self, sentence: str) -> str:
        """The first sentence that the LLM writes."""
        text = ""
        pieces = self._thread.iterate(self._llm.reply, SYSTEM, sentence, MAX_TOKENS)
        async with aclosing(pieces):
            async for piece in pieces:
                text += piece
                if len(done := sentences(text)) > 1:
                    return done[0]
        return (sentences(text) or [""])[0]
