"""What the desk knows, and which of it an utterance asks for."""

from __future__ import annotations

from pathlib import Path

from appliance.config import DeskFile, Fact, Flow
from appliance.documents import Documents, Passage
from appliance.engines import Embed
from appliance.engines.thread import EngineThread
from appliance.errors import ConfigError
from appliance.memo import Memo
from appliance.understanding import Candidate, Understanding, Understood

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
        self.desk = desk
        self._embed = embed
        self._thread = thread
        self._understanding: Understanding | None = None
        self._understood: Memo[Understood] = Memo()
        self._found: Memo[Passage | None] = Memo()
        self._documents = Documents(Path(desk.documents), index, embed) if desk.documents and index else None

    async def load(self) -> list[str]:
        """Learn the phrases and read the papers; what is wrong with a paper, in plain words. Raises
        ConfigError for a phrase that cannot be read."""
        return await self._thread.run(self._load)

    async def understand(self, text: str) -> Understood:
        """Which fact or flow the text means, and how sure that is."""
        assert self._understanding
        understand = self._understanding.understand
        return await self._understood.get(text, lambda: self._thread.run(understand, text))

    async def best(self, text: str, among: tuple[Candidate, ...]) -> Candidate:
        """Which of these the text is nearest to."""
        assert self._understanding
        ranked = await self._thread.run(self._understanding.rank, text)
        names = [candidate.intent for candidate in among]
        return next((each for each in ranked if each.intent in names), among[0])

    async def look_up(self, question: str) -> Passage | None:
        """The sentence of the papers that answers, if one surely does."""
        if not self._documents:
            return None
        answer = self._documents.answer
        return await self._found.get(question, lambda: self._thread.run(answer, question))

    def fact(self, intent: str) -> Fact | None:
        return self.desk.fact.get(intent)

    def flow(self, intent: str) -> Flow | None:
        return self.desk.flow.get(intent)

    def label(self, intent: str) -> str:
        """What the desk calls a fact or a flow."""
        named = self.fact(intent) or self.flow(intent)
        return (named.label if named else "") or intent.replace("_", " ")

    def _load(self) -> list[str]:
        intents = {name: fact.ask for name, fact in self.desk.fact.items()}
        intents |= {name: flow.phrases for name, flow in self.desk.flow.items() if flow.phrases}
        try:
            self._understanding = Understanding({**ALWAYS, **intents}, self._embed)
        except ValueError as error:
            wrong, mend = (*map(str, error.args), "")[:2]
            raise ConfigError(f"desk.toml: {wrong}", mend) from error
        if self._documents and not Path(self.desk.documents).is_dir():
            return [f"{self.desk.documents} is no folder: there are no papers to look anything up in"]
        return self._documents.load() if self._documents else []
