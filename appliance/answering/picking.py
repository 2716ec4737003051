"""The other of the LLM's two jobs: to say which of a few listed things is meant, where the desk file lets it.

Only the options' letters are weighed, whatever else the LLM would like to say and whatever the caller told it
to say; the worst that comes of a caller's words is another option of the list, which begins like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from appliance.engines import Llm
from appliance.engines.thread import EngineThread

log = logging.getLogger(__name__)

LETTERS = "ABCD"

SYSTEM = "You sort what callers say at a front desk. Answer with one letter."

DEADLINE = 1.2
"""Seconds that picking may take; after that the caller is asked."""

SURE = 0.8
"""Share of the weight that an option must have, or the caller is asked."""

LONGEST = 300
"""Characters of an utterance among options; whoever says more is asked back."""


class Picker:
    """Shared by all conversations."""

    def __init__(self, llm: Llm, thread: EngineThread) -> None:
        self._llm = llm
        self._thread = thread

    async def pick(self, text: str, options: Sequence[str]) -> int | None:
        """The number of the option that is meant, of two to four; None where that is not sure in time."""
        if not 2 <= len(options) <= len(LETTERS) or len(text) > LONGEST:
            return None
        try:
            async with asyncio.timeout(DEADLINE):
                weights = await self._thread.run(self._weigh, text, options)
        except TimeoutError:
            log.info("picking took over %.1f s: the caller is asked", DEADLINE)
            return None
        except Exception:
            log.exception("picking failed: the caller is asked")
            return None
        best = max(range(len(options)), key=weights.__getitem__)
        return best if weights[best] >= SURE else None

    def _weigh(self, text: str, options: Sequence[str]) -> list[float]:
        """Of each option. They are listed in both orders: a small LLM likes whatever comes first."""
        forwards = self._once(text, options)
        backwards = self._once(text, options[::-1])[::-1]
        return [(one * other) ** 0.5 for one, other in zip(forwards, backwards, strict=True)]

    def _once(self, text: str, options: Sequence[str]) -> list[float]:
        letters = LETTERS[: len(options)]
        listed = "\n".join(f"{letter}: {option}" for letter, option in zip(letters, options, strict=True))
        user = f'{listed}\nA caller says: "{text}"\nWhich one does the caller mean?'
        return self._llm.weigh(SYSTEM, user, list(letters))
