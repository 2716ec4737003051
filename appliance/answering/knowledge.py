"""What the desk knows, and which of it an utterance asks for."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.answering.language import unsworn
from appliance.answering.memo import Memo
from appliance.config import DeskFile, Fact, Flow, Mode, standing
from appliance.engines import Embed
from appliance.engines.kept import KeptEmbed
from appliance.engines.thread import EngineThread
from appliance.errors import ConfigError, StorageError
from appliance.understanding import OUTSIDE, Candidate, Understanding, Understood
from appliance.understanding.phrases import Phrases

if TYPE_CHECKING:
    from appliance.documents import Documents, Passage

log = logging.getLogger(__name__)

MEANINGS = "meanings.npz"
"""A file beside the index of the papers."""

MESSAGE = "leave_a_message"
"""What callers may want of any desk."""

ALWAYS = {
    MESSAGE: (
        "(can|could|may) I leave [you] (a message|a note)",
        "[please] take a message",
        "I (want|would like) to leave (a message|a note)",
        "(please|can you) tell (them|him|her|somebody)",
    ),
}


class Knowledge:
    """The facts, flows and papers of a desk. Shared by all conversations."""

    def __init__(self, desk: DeskFile, embed: Embed, thread: EngineThread, index: Path | None = None) -> None:
        self.desk = standing.whole(desk)
        self.urgent = frozenset(name for name, fact in self.desk.fact.items() if fact.urgent)
        """The facts that cannot wait."""
        self._embed = embed
        self._thread = thread
        self._understanding: Understanding | None = None
        self._services: Phrases | None = None
        self._index = index
        self._documents: Documents | None = None
        self.papers_off = ""
        """Why nothing is looked up in papers; empty where it is."""
        self._understood: Memo[Understood] = Memo()
        self._found: Memo[Passage | None] = Memo()

    async def load(
        self,
        thread: EngineThread | None = None,
        reader: EngineThread | None = None,
        within: float | None = None,
    ) -> list[str]:
        """Learn the phrases and read the papers; what is wrong with a paper, in plain words. Raises
        ConfigError for a phrase that cannot be read. In a `thread` of its own, no call waits for it; papers
        are read by `reader`, if there is one, and where that takes longer than `within` seconds, the desk
        answers without them until they are read."""
        thread = thread or self._thread
        await thread.run(self._learn)
        self.papers_off = "they are being read"
        self._reading = asyncio.create_task((reader or thread).run(self._read_papers))
        try:
            await asyncio.wait([self._reading], timeout=within)
        except asyncio.CancelledError:
            self._reading.cancel()
            raise
        if self._reading.done():
            return self._reading.result()
        log.info("papers: %s", self.papers_off)
        self._reading.add_done_callback(self._read)
        return []

    async def understand(self, text: str) -> Understood:
        """Which fact or flow the text means, and how sure that is."""
        assert self._understanding
        text = unsworn(text)
        return await self._understood.get(text, lambda: self._thread.run(self._understand, text))

    async def look_up(self, question: str) -> Passage | None:
        """The sentence of the papers that answers, if one surely does; none where they cannot be read."""
        if not self._documents:
            return None
        answer = self._documents.answer
        try:
            return await self._found.get(question, lambda: self._thread.run(answer, question))
        except StorageError as error:
            log.error("papers are off: %s", error)
            self.papers_off = str(error)
            return None

    def fact(self, intent: str) -> Fact | None:
        return self.desk.fact.get(intent)

    def flow(self, intent: str) -> Flow | None:
        return self.desk.flow.get(intent)

    def mode(self, intent: str) -> Mode:
        """Who has a part in it."""
        named = self.fact(intent) or self.flow(intent)
        return (named.mode if named else None) or self.desk.mode

    def rephrased(self, intent: str) -> bool:
        """Whether the LLM may put its lines differently."""
        named = self.fact(intent) or self.flow(intent)
        wording = named.wording if named else "fixed"
        match self.mode(intent):
            case "worded":
                return wording != "fixed"
            case "hybrid":
                return (wording or self.desk.wording.default) == "rephrase"
        return False

    def pickable(self, intent: str) -> bool:
        """Whether the LLM may say that it is meant."""
        named = self.fact(intent) or self.flow(intent)
        fixed = named is not None and named.wording == "fixed"
        return self.desk.wording.pick and self.mode(intent) == "hybrid" and not fixed

    def label(self, intent: str) -> str:
        """What the desk calls a fact or a flow."""
        named = self.fact(intent) or self.flow(intent)
        own = named.label if named else "leaving a message" if intent == MESSAGE else ""
        return own or intent.replace("_", " ")

    def _understand(self, text: str) -> Understood:
        """By what the desk file says, and then by what every desk can do."""
        assert self._understanding
        assert self._services
        understood = self._understanding.understand(text)
        if understood.how != "phrase" and (match := self._services.match(text)):
            return Understood("accept", "phrase", (Candidate(match.intent, 1.0),), match.slots)
        return understood

    def _read(self, reading: asyncio.Task[list[str]]) -> None:
        """Later than was waited for."""
        if reading.cancelled():
            return
        if error := reading.exception():
            self.papers_off = f"they cannot be read ({error})"
            log.error("papers are off: %s", error)
            return
        for problem in reading.result():
            log.warning("papers: %s", problem)

    def _learn(self) -> None:
        intents = {name: fact.ask for name, fact in self.desk.fact.items()}
        services = standing.phrases(self.desk)
        self._services = Phrases(services)
        own = {name: flow for name, flow in self.desk.flow.items() if name not in services}
        intents |= {name: flow.phrases for name, flow in own.items() if flow.phrases}
        intents = {**ALWAYS, **intents}
        by_phrase = [intent for intent in intents if self.mode(intent) == "rules"]
        embed = KeptEmbed(self._embed, self._index.with_name(MEANINGS)) if self._index else self._embed
        try:
            self._understanding = Understanding(intents, embed, OUTSIDE, by_phrase)
        except ValueError as error:
            wrong, mend = (*map(str, error.args), "")[:2]
            raise ConfigError(f"desk.toml: {wrong}", mend) from error
        if isinstance(embed, KeptEmbed):
            embed.learned()

    def _read_papers(self) -> list[str]:
        """What is wrong with them, in plain words: a desk answers without papers too."""
        folder = self.desk.documents
        self._documents = None
        if not folder or not self._index:
            self.papers_off = "desk.toml names none"
            return []
        if not Path(folder).is_dir():
            self.papers_off = f"{folder} is no folder: there are no papers to look anything up in"
            return [self.papers_off]
        # No desk without papers waits at its start for what judges them.
        from appliance.documents import Documents

        try:
            documents = Documents(Path(folder), self._index, self._embed)
            problems = documents.load()
        except StorageError as error:
            self.papers_off = str(error)
            return [f"papers are off: {error}"]
        self._documents, self.papers_off = documents, ""
        return problems
