"""A whole desk on fakes, in scripted time: what a caller says in, what the desk did out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from appliance.actions import Hands, Runner
from appliance.answering.knowledge import Knowledge
from appliance.answering.picking import Picker
from appliance.answering.wording import Wording
from appliance.brain import Brain
from appliance.channels.recorded import TICK, RecordedCaller, Saying
from appliance.clerk import Clerk
from appliance.config import DeskFile, Fact, Lines
from appliance.config.hours import local_now
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines.fake import FakeAsr, FakeEmbed, FakeEndOfTurn, FakeLlm, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.errors import StorageError
from appliance.foresight import Foresight
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import RATE, Notice, Turn, samples
from appliance.observe.recorder import Recorder
from appliance.serving.served import unbroken
from appliance.speech import Speech
from appliance.voice import Voice

LINES = Lines(
    greeting="Hello here is the desk",
    unknown="I don't know shall I take a message",
    message="What is the message",
    taken="Thank you I have noted that",
    goodbye="Goodbye",
    still_there="Are you still there",
    unheard="I cannot hear you",
)
DESK = DeskFile(
    "Alder House",
    LINES,
    {
        "hours": Fact(("when are you open",), "We are open from nine to five."),
        "parking": Fact(("where can I park",), "Park behind the house.", wording="rephrase"),
    },
)


def voice(seconds: float) -> bytes:
    """Something loud, of that length."""
    moments = np.arange(samples(seconds)) / RATE
    return bytes((9000 * np.sin(2 * np.pi * 220 * moments)).astype("<i2").tobytes())


class LateThread(InlineThread):
    """Takes some seconds of scripted time for each piece of work."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def run(self, do, *args):  # type: ignore[no-untyped-def]
        for _ in range(round(self._seconds / 0.02) * TICK):
            await asyncio.sleep(0)
        return do(*args)


@dataclass
class Result:
    turns: list[Turn]
    events: list[Notice]
    caller: RecordedCaller
    notebook: Notebook
    llm: FakeLlm
    played: list[str] = field(default_factory=list)


async def call(
    folder: Path,
    says: Sequence[str],
    sayings: Sequence[Saying] | None = None,
    desk: DeskFile = DESK,
    llm: FakeLlm | None = None,
    asr: FakeAsr | None = None,
    tts: FakeTts | None = None,
    vad: FakeVad | None = None,
    embed: FakeEmbed | None = None,
    eot: FakeEndOfTurn | None = None,
    thinking: float = 0.0,
    linger: float = 4.0,
    record: Path | None = None,
) -> Result:
    """One call. `says` are the words recognised, one a saying; a saying is a second of sound by default.
    `thinking` is what understanding takes, in seconds."""
    events: list[Notice] = []
    turns: list[Turn] = []
    thread = InlineThread()
    hearing = Hearing(vad or FakeVad(), thread, asr or FakeAsr(says), thread, eot, thread)
    speech = Speech(tts or FakeTts(), thread)
    knowledge = Knowledge(desk, embed or FakeEmbed(), LateThread(thinking))
    await knowledge.load()
    store = Store(folder / "desk.db")
    notebook = Notebook(store, thread)
    llm = llm or FakeLlm()
    caller = RecordedCaller(
        sayings if sayings is not None else [Saying(voice(1.0)) for _ in says],
        pace=False,
        linger=linger,
        watch=events.append,
    )
    recorder = Recorder(record) if record else None
    clerk = Clerk(
        desk, EventLog(store), Runner(store, desk.actions), thread, Hands(thread), caller.id, local_now
    )
    brain = Brain(knowledge, notebook, Wording(llm, thread), caller.id, clerk, Picker(llm, thread))
    await clerk.began()
    async with asyncio.timeout(60):
        spoken = Voice(caller, hearing, speech, recorder, desk.silence, unbroken(desk))
        await converse(spoken, brain, turns.append, Foresight(brain, speech, spoken.enough))
    with suppress(StorageError):  # As where it is composed: a full disk is no reason to fall.
        await clerk.ended()
    if recorder:
        recorder.close()
    return Result(turns, events, caller, notebook, llm)
