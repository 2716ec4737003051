"""One version of the desk file, ready for calls. A call ends on the version it began with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from appliance.actions import REGISTRY, Context, Hands, Runner
from appliance.actions.registry import Unreachable
from appliance.answering.knowledge import Knowledge
from appliance.answering.wording import sentences
from appliance.config import DeskFile
from appliance.engines import Embed
from appliance.engines.thread import EngineThread
from appliance.memory import directory
from appliance.memory.notebook import Notebook
from appliance.memory.recall import Recall
from appliance.memory.store import Store


@dataclass(frozen=True, slots=True)
class Place:
    """Where conversations are kept and their actions done."""

    store: Store
    notebook: Notebook
    memory: EngineThread
    hands: Hands
    recall: Recall | None = None
    """What came of earlier conversations; None where they are nothing to this one."""
    trial: bool = False
    """Whether it only tries a desk out: nothing is kept, and nothing outside is reached."""


@dataclass(frozen=True, slots=True)
class Served:
    desk: DeskFile
    knowledge: Knowledge
    runner: Runner
    place: Place
    problems: tuple[str, ...] = ()
    """What is wrong with its papers, in plain words."""
    arm: str = ""
    """`candidate` or `rest`, while a candidate answers some of the calls."""
    version: int = 0
    """Of the fleet's bundle that it is of; 0 where it is of none."""

    async def open(self) -> None:
        """Have its directory looked up in from now on. Raises ConfigError, and then the old one stays."""
        people = directory.entries(self.desk.actions)
        await self.place.memory.run(directory.load, self.place.store, people)

    async def emptied(self, folder: Path) -> Served:
        """A desk that is tried out, on another empty box in `folder`; it need not learn again. Its store is
        the caller's to close."""
        thread = self.place.memory
        store = await thread.run(Store, folder / "desk.db")
        place = Place(store, Notebook(store, thread), thread, Hands(thread), trial=True)
        ready = replace(self, place=place, runner=Runner(store, self.desk.actions, UNSENT))
        await ready.open()
        return ready


async def load(
    desk: DeskFile,
    embed: Embed,
    thread: EngineThread,
    study: EngineThread,
    papers: Path,
    place: Place,
    reader: EngineThread | None = None,
    within: float | None = None,
) -> Served:
    """Learn a desk file in the thread `study`, to be asked in `thread`; indexes of papers lie in `papers`.
    `reader` and `within` are as for `Knowledge.load`. Raises ConfigError."""
    knowledge = Knowledge(desk, embed, thread, index(papers, desk))
    problems = await knowledge.load(study, reader, within)
    runner = Runner(place.store, desk.actions, UNSENT if place.trial else REGISTRY)
    return Served(desk, knowledge, runner, place, tuple(problems))


def index(folder: Path, desk: DeskFile) -> Path:
    """The index of a desk's papers. One for each folder of papers: the calls of an old version may still
    look up in theirs."""
    return folder / f"papers-{hashlib.sha256(desk.documents.encode()).hexdigest()[:8]}.db"


def tidy(folder: Path, desk: DeskFile) -> None:
    """Delete the indexes of papers that this desk does not name."""
    for path in folder.glob("papers-*.db*"):
        if not path.name.startswith(index(folder, desk).name):
            path.unlink(missing_ok=True)


def _unsent(context: Context, **_: Any) -> dict[str, Any]:
    raise Unreachable("a desk that is tried out reaches nobody outside")


UNSENT = {
    name: replace(action, function=_unsent) if action.outside else action for name, action in REGISTRY.items()
}
"""The actions of a desk that is tried out."""


def unbroken(desk: DeskFile) -> frozenset[str]:
    """What is said to its end: lines, and the sentences of them."""
    lines = [desk.line(name) or "" for name in desk.uninterruptible]
    return frozenset([*lines, *(sentence for line in lines for sentence in sentences(line))])


def fixed_lines(desk: DeskFile) -> list[str]:
    """Every line that is said as it stands in the desk file."""
    lines = [getattr(desk.lines, field.name) for field in fields(desk.lines)]
    answers = [line for fact in desk.fact.values() for line in (fact.say, fact.say_closed)]
    lines += [sentence for answer in answers for sentence in sentences(answer)]
    for flow in desk.flow.values():
        lines += [flow.say, flow.done, flow.closed.say if flow.closed else ""]
        lines += [line for ask in flow.ask for line in (ask.prompt, *ask.reprompt)]
    return [line for line in lines if line and "{" not in line]
