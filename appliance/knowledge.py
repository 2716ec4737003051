"""What the desk knows, and which of it an utterance asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.config import DeskFile, Fact
from appliance.engines import Embed
from appliance.engines.thread import EngineThread

SURE = 0.5
"""Cosine to a fact's nearest question above which the fact is meant."""

MARGIN = 0.04
"""How much nearer than the next fact it has to be."""

TALK: Mapping[str, tuple[str, ...]] = {
    "yes": ("yes", "yes please", "yeah", "sure", "okay then", "that would be nice", "please do"),
    "no": ("no", "no thank you", "nope", "not now", "that's all", "nothing else", "I'm fine"),
    "hello": ("hello", "hi there", "good morning", "good afternoon", "hey"),
    "thanks": ("thank you", "thanks a lot", "thank you very much", "great, thanks"),
    "repeat": (
        "what did you say?",
        "sorry, what?",
        "can you repeat that?",
        "say that again",
        "what was that?",
        "pardon?",
    ),
    "message": (
        "can I leave a message?",
        "take a message",
        "please tell them that",
        "I want to leave a note",
    ),
    "goodbye": ("goodbye", "bye", "see you later", "that's all, bye", "have a nice day"),
}
"""What people say to any desk, whatever it knows."""


@dataclass(frozen=True, slots=True)
class Match:
    """What an utterance is nearest to."""

    name: str
    """A fact's name, a key of TALK, or `unknown`."""
    score: float
    fact: Fact | None = None


class Knowledge:
    """The facts of a desk file, embedded once. Shared by all conversations."""

    def __init__(self, desk: DeskFile, embed: Embed, thread: EngineThread) -> None:
        self.desk = desk
        self._embed = embed
        self._thread = thread
        self._names: list[str] = []
        self._rows: NDArray[np.float32] = np.zeros((0, embed.dimensions), dtype=np.float32)

    async def load(self) -> None:
        """Embed the questions. Before that nothing matches."""
        asked = [(name, phrase) for name, fact in self.desk.fact.items() for phrase in fact.ask]
        asked += [(f"talk {name}", phrase) for name, phrases in TALK.items() for phrase in phrases]
        self._rows = await self._thread.run(self._embed.embed, [phrase for _, phrase in asked])
        self._names = [name for name, _ in asked]

    async def match(self, text: str) -> Match:
        """The fact or small talk that the text means, or `unknown` with the best score."""
        if not self._names:
            return Match("unknown", 0.0)
        row = (await self._thread.run(self._embed.embed, [text]))[0]
        scores: dict[str, float] = {}
        for name, score in zip(self._names, (self._rows @ row).tolist(), strict=True):
            scores[name] = max(score, scores.get(name, -1.0))
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        name, best = ranked[0]
        second = ranked[1][1] if len(ranked) > 1 else -1.0
        if best < SURE or best - second < MARGIN:
            return Match("unknown", best)
        return Match(name.removeprefix("talk "), best, self.desk.fact.get(name))
