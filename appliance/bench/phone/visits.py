"""Recorded callers who reach the whole desk by telephone, and hear it there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from appliance.app import App
from appliance.bench.phone import ulaw
from appliance.bench.phone.caller import RATE as LINE_RATE
from appliance.bench.phone.caller import call
from appliance.bench.turns.desk import Asking, Called, Desk
from appliance.bench.turns.instrument import Recording
from appliance.bench.turns.recordings import Sound
from appliance.bench.turns.room import Room
from appliance.bench.turns.scenes import Saying, Scene
from appliance.channels import AudioChannel, Call
from appliance.channels.playout import Playout
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.wire import Settings
from appliance.engines.resample import Resampler, resample
from appliance.messages import FRAME, RATE, Audio, Notice, samples
from appliance.observe.recorder import Recorder

CROWDED = 2 * FRAME
"""Samples that wait at the caller's ear after which quiet ones are left out."""


class PhoneDesk(Desk):
    """The whole desk, for callers by telephone too: who calls as what is at which place of its scene."""

    def __init__(self, *more: Any) -> None:
        super().__init__(*more)
        self.callers: dict[str, Room] = {}
        self.turned_away = 0

    def line(self, settings: Settings) -> SipLine:
        return SipLine(settings, 1000, lambda: self.room, self.turn_away)

    async def turn_away(self, channel: AudioChannel, line: str = "") -> None:
        self.turned_away += 1
        await super().turn_away(channel, line)

    async def chat(self, call: Call, *more: Any) -> None:
        room = self.callers.get(call.caller)
        if room is None:
            await super().chat(call, *more)
        else:
            asking: Any = _Following(call, room)
            await App.chat(self, asking, *more)


class _Following(Asking):
    """The caller sees, as a visitor does, when the desk has finished."""

    def notice(self, what: Notice) -> None:
        self._room.notice(what)
        self._call.notice(what)


async def visit(desk: PhoneDesk, port: int, scene: Scene, folder: Path, name: str) -> Called:
    """A scene by telephone; recorded as its caller says and hears it. Refused where nobody answers. The
    caller has a thread and a loop of its own: what keeps the desk busy must not make its telephone late."""
    return await asyncio.to_thread(asyncio.run, _visit(desk, port, scene, folder, name))


async def _visit(desk: PhoneDesk, port: int, scene: Scene, folder: Path, name: str) -> Called:
    path = folder / f"{name}.wav"
    room = desk.callers[name] = Room(scene)
    recorder = Recorder(path)
    up = Resampler(LINE_RATE)

    def hear(pcm: bytes, at: float) -> None:
        """Recorded as it comes, not as it is played: how a telephone does that is not the desk's doing."""
        sound = up.push(pcm)
        if room.began:
            recorder.desk(Audio(sound, samples(at - room.began)))
        _play(room.playout, sound)

    try:
        async with call(name, port) as caller:
            caller.heard = hear
            async for frame in room.microphone():
                recorder.caller(frame)
                caller.send(_halved(frame.pcm))
                if caller.over.is_set():
                    await room.hang_up()
    finally:
        recorder.close()
        del desk.callers[name]
    return Called(scene, Recording.read(path), room.said, [], room.late, room.began, path)


def _play(playout: Playout, sound: bytes) -> None:
    """The caller's ear and the desk have two clocks; what is quiet is left out before it waits for long."""
    if playout.queued <= CROWDED or np.abs(np.frombuffer(sound, dtype="<i2").astype(int)).max() > 100:
        playout.add(sound)


def _halved(pcm: bytes) -> bytes:
    """At the line's rate, and not a moment later, as a filter would be: what is said was narrow before."""
    return np.frombuffer(pcm, dtype="<i2")[:: RATE // LINE_RATE].tobytes()


def by_telephone(sayings: Sequence[Saying]) -> list[Saying]:
    """As they sound at the other end of a telephone line: at 8 kHz, in mu-law."""
    return [replace(saying, sound=narrow(saying.sound)) for saying in sayings]


def narrow(sound: Sound) -> Sound:
    pcm = (np.clip(sound, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()
    back = resample(ulaw.decode(ulaw.encode(resample(pcm, RATE, to=LINE_RATE))), LINE_RATE, to=RATE)
    heard = np.frombuffer(back, dtype="<i2").astype(np.float32) / 32768
    made: Sound = np.zeros(len(sound), dtype=np.float32)
    made[: len(heard)] = heard[: len(made)]
    return made
