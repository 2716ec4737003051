"""The whole desk, called by recorded callers; and the desk file that it answers from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from appliance import config
from appliance.app import App
from appliance.bench.turns.clock import TimedThread
from appliance.bench.turns.instrument import Recording
from appliance.bench.turns.recordings import Clip
from appliance.bench.turns.room import Room, Said
from appliance.bench.turns.scenes import Scene
from appliance.channels import Call
from appliance.config import Box, DeskFile, Fact, Lines
from appliance.engines.thread import EngineThread
from appliance.messages import Expect, Turn

LONG = (
    "The house is open from Monday to Friday between nine and half past five, and on Saturday from ten to "
    "one, and there is a car park behind it where visitors may leave their cars for two hours, and a lift "
    "that goes to every floor, and a waiting room with a coffee machine, and a garden for when it is warm."
)
"""A line of about fifteen seconds, to be interrupted."""

ANSWERS = (
    "The house opens at nine. It closes at half past five.",
    "There is a car park behind the house. Visitors park free for two hours.",
    "Yes, there is a lift to every floor, and a ramp at the side entrance.",
    "The waiting room is on the second floor. There is coffee too.",
    "We are at 42 Mill Lane, next to the library.",
    "Tickets are sold at the desk from ten to four. Children get in free.",
)


@dataclass(slots=True)
class Called:
    """One call, and what it left."""

    scene: Scene
    recording: Recording
    said: list[Said]
    turns: list[Turn] = field(default_factory=list)
    late: float = 0.0
    """Seconds by which the simulated sound card was late at worst."""
    began: float = 0.0
    """`time.monotonic` at the recording's first sample, in real time."""
    path: Path | None = None
    gave_up: bool = False
    """Whether the desk stopped listening while it spoke, because of its echo."""
    outcome: str = ""
    """What is remarkable about it, in a few words."""


class Desk(App):
    """The appliance itself. It is told what it waits for by the scene, as a form's slot would tell it; with
    `scripted` its engines run on scripted time."""

    def __init__(self, box: Box, desk: DeskFile, scripted: bool = False) -> None:
        self._scripted = scripted
        self._room: Room | None = None
        self._turns: list[Turn] = []
        thread = (lambda name, nice: TimedThread()) if scripted else EngineThread
        super().__init__(box, desk, lambda turn: self._turns.append(turn), thread)

    async def chat(self, call: Call, *more: Any) -> None:
        asking: Any = Asking(call, self._room) if self._room else call
        await super().chat(asking, *more)

    async def call(
        self, scene: Scene, folder: Path, talk: Callable[[Room, Path], Any] | None = None
    ) -> Called:
        """A call from a scene; `talk` is another way to hold it than the desk's own."""
        self._turns.clear()
        path = folder / f"{re.sub('[^a-z0-9]+', '-', scene.name.lower())}.wav"
        room = self._room = Room(scene, not self._scripted, self.echo_stream() if scene.echo else None)
        await (talk or self.talk)(room, path)
        return Called(
            scene,
            Recording.read(path),
            room.said,
            list(self._turns),
            room.late,
            room.began,
            path,
            room.gave_up,
        )


class Asking:
    """A Call whose ears wait for what the scene's next saying is an answer to."""

    def __init__(self, call: Call, room: Room) -> None:
        self._call = call
        self._room = room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def expect(self, what: Expect) -> None:
        self._call.expect(self._room.next_expect)


def desk_file(clips: Iterable[Clip] = (), wording: config.Wording = "fixed", every: int = 3) -> DeskFile:
    """A desk that knows what every third of the callers wants, in other words than theirs, and says so of
    the rest."""
    known = [clip for clip in clips if is_worded(clip.text)]
    facts = {
        f"fact_{number}": Fact(_reworded(clip.text), ANSWERS[number % len(ANSWERS)], wording=wording)
        for number, clip in enumerate(known[::every])
    }
    lines = Lines(greeting="Hello.", unknown="I don't know that, I am sorry.", again="Sorry, once more?")
    return DeskFile("The bench", replace(lines, still_there="Hello?"), facts, silence=60.0)


def talkative(greeting: str = LONG) -> DeskFile:
    """A desk that answers whatever is said at length, so that there is something to interrupt. That a call is
    recorded would be said to its end."""
    lines = Lines(**{line.name: LONG for line in fields(Lines) if line.name != "recorded"})
    return DeskFile("The bench", replace(lines, greeting=greeting), silence=60.0)


def box(models_from: Path | None, data: Path) -> Box:
    """The box as it is configured, its memory in a folder of its own."""
    return replace(config.read_box(models_from)[0], data=data, recordings=False)


def is_worded(text: str) -> bool:
    """Whether it is a sentence that a desk could know an answer to; no number, no spelled name."""
    words = re.findall(r"[A-Za-z']+", text)
    return len(words) >= 5 and len("".join(words)) >= 2.6 * len(words)


def _reworded(text: str) -> tuple[str, ...]:
    """Without its first or its last word, so that no caller says the very phrase; letters and spaces only, as
    phrases are."""
    words = re.sub(r"[^a-z' ]", " ", text.lower()).split()
    return " ".join(words[1:]), " ".join(words[:-1])
