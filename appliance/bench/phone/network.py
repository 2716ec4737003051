"""Recorded callers through bad networks: what is understood of them, and how long the recording is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from appliance.bench.phone.caller import PACKET, Network, call
from appliance.bench.phone.caller import RATE as LINE_RATE
from appliance.bench.phone.lines import sip
from appliance.bench.scoring import Score, score
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.recordings import Clip
from appliance.channels import AudioChannel, Call
from appliance.config import Box
from appliance.engines import Asr, registry
from appliance.engines.resample import resample
from appliance.messages import RATE, Expect
from appliance.observe.recorder import Recorder

NETWORKS = (
    Network(),
    Network(loss=0.01),
    Network(loss=0.05),
    Network(loss=0.10),
    Network(jitter=0.02),
    Network(jitter=0.06),
    Network(loss=0.05, jitter=0.06),
)

PAUSE = 0.6
"""Seconds before and after each sentence."""

LEAD = 1.0
"""Seconds of quiet before the first: the desk's clock begins when its stack lets sound through."""

LENGTH = 20
"""Milliseconds by which a recording may be longer or shorter than its call."""


@dataclass(slots=True)
class _Kept:
    """One call as the desk recorded it."""

    path: Path
    began: float = 0.0
    ended: float = 0.0
    concealed: int = 0


@dataclass
class _Listener:
    """A desk that only listens, and records."""

    folder: Path
    kept: dict[str, _Kept] = field(default_factory=dict)

    async def talk(self, channel: AudioChannel) -> None:
        kept = self.kept[channel.caller] = _Kept(self.folder / f"{channel.caller}.wav")
        recorder = Recorder(kept.path)
        async for frame in channel.microphone():
            kept.began = kept.began or time.monotonic()
            kept.ended = time.monotonic() + len(frame.pcm) / 2 / RATE
            kept.concealed += frame.concealed
            recorder.caller(frame)
        recorder.close()

    async def chat(self, call: Call) -> None:
        raise NotImplementedError


async def network(clips: Sequence[Clip], box: Box, folder: Path) -> list[Figure]:
    """Everybody calls at once, each through a network of their own, and says the same sentences."""
    desk = _Listener(folder)
    said, places = _script(clips)
    async with sip(desk) as (_, port):
        ways = {f"way-{number}": way for number, way in enumerate(NETWORKS)}
        begun = await asyncio.gather(*(_say(name, port, way, said) for name, way in ways.items()))
        await asyncio.sleep(0.5)
    asr: Asr = registry.make("asr", box.engines.asr, box)
    figures: list[Figure] = []
    for (name, way), began in zip(ways.items(), begun, strict=True):
        kept = desk.kept[name]
        shifted = [(start + began - kept.began, end + began - kept.began) for start, end in places]
        figures += await asyncio.to_thread(partial(_judge, asr, kept, way, clips, shifted))
    return figures


def _script(clips: Sequence[Clip]) -> tuple[bytes, list[tuple[float, float]]]:
    """All sentences, s16le 8 kHz, and from when to when each is heard, pauses and all, in seconds."""
    quiet = bytes(2 * round(PAUSE * LINE_RATE))
    said, places = bytes(2 * round(LEAD * LINE_RATE)), []
    for clip in clips:
        start = len(said) / 2 / LINE_RATE
        pcm = (np.clip(clip.sound, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()
        said += quiet + resample(pcm, RATE, to=LINE_RATE) + quiet
        places.append((start, len(said) / 2 / LINE_RATE))
    return said, places


async def _say(name: str, port: int, way: Network, pcm: bytes) -> float:
    """When it began, on this computer's clock."""
    async with call(name, port, way) as caller:
        began = time.monotonic()
        for number in range(len(pcm) // (2 * PACKET)):
            await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
            caller.send(pcm[2 * PACKET * number :][: 2 * PACKET])
    return began


def _judge(
    asr: Asr, kept: _Kept, way: Network, clips: Sequence[Clip], places: Sequence[tuple[float, float]]
) -> list[Figure]:
    sound, _ = soundfile.read(kept.path, dtype="int16", always_2d=True)
    heard = np.ascontiguousarray(sound[:, 0])
    total = Score()
    for clip, (start, end) in zip(clips, places, strict=True):
        stream = asr.stream(Expect())
        stream.push(heard[max(0, round(start * RATE)) : round(end * RATE)].tobytes())
        # Some sets are written in capitals, which elsewhere are letters that are spelled.
        total += score("words", clip.text.lower(), stream.finish().text)
    name = f"{100 * way.loss:.0f} % lost, {1000 * way.jitter:.0f} ms jitter"
    off = 1000 * abs(len(heard) / RATE - (kept.ended - kept.began))
    concealed = f"{kept.concealed} frames concealed of {len(heard) // (RATE // 50)}"
    return [
        Figure("network", f"words wrong, {name}", 100 * total.error, "%", None, total.of, concealed),
        Figure("network", f"recording against its call, {name}", off, "ms", LENGTH, 1),
    ]
