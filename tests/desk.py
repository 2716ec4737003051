"""A whole desk on fakes, in scripted time: what a caller says in, what the desk did out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from appliance.actions import Hands, Runner
from appliance.brain import Brain
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.clerk import Clerk, local_now
from appliance.config import DeskFile, Fact, Lines
from appliance.conversation import converse
from appliance.ears import Hearing
from appliance.engines.fake import FakeAsr, FakeEmbed, FakeLlm, FakeTts, FakeVad
from appliance.engines.inline import InlineThread
from appliance.knowledge import Knowledge
from appliance.memory.events import EventLog
from appliance.memory.notebook import Notebook
from appliance.memory.store import Store
from appliance.messages import RATE, Notice, Turn, samples
from appliance.observe.recorder import Recorder
from appliance.speech import Speech
from appliance.voice import Voice
from appliance.wording import Wording

LINES = Lines(
    greeting="Hello here is the desk",
    unknown="I don't know shall I take a message",
    message="What is the message",
    taken="Thank you I have noted that",
    goodbye="Goodbye",
    still_there="Are you still there",
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
    linger: float = 4.0,
    record: Path | None = None,
) -> Result:
    """One call. `says` are the words recognised, one a saying; a saying is a second of sound by default."""
    events: list[Notice] = []
    turns: list[Turn] = []
    thread = InlineThread()
    hearing = Hearing(vad or FakeVad(), thread, asr or FakeAsr(says), thread)
    speech = Speech(tts or FakeTts(), thread)
    knowledge = Knowledge(desk, embed or FakeEmbed(), thread)
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
    brain = Brain(knowledge, notebook, Wording(llm, thread), caller.id, clerk)
    async with asyncio.timeout(60):
        await converse(Voice(caller, hearing, speech, recorder, desk.silence), brain, turns.append)
    if recorder:
        recorder.close()
    return Result(turns, events, caller, notebook, llm)
