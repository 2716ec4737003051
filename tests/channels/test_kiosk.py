"""The kiosk on a real audio server, woken by real people through the real engines."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.channels import AudioChannel, Call
from appliance.channels.kiosk import CHIME, Kiosk, KioskChannel
from appliance.channels.soundcard import SoundCard
from appliance.engines import Wake, Woken
from appliance.engines.openwakeword import OpenWakeWord
from appliance.engines.silero import Silero
from appliance.engines.thread import EngineThread
from appliance.messages import FRAME, RATE, Audio, Heard, samples, seconds
from tests.audio_server import AudioServer, Sound, person, recorded, until, where

ROOT = Path(__file__).parents[2]
ALEXA = ROOT.parent / "shared/data/wake_pos/picovoice/alexa"
PHRASE = ("librivox/sense_and_sensibility_01_austen_64kb-0880.wav",)


class Desk:
    """Listens to each call for `listens` seconds, then hangs up."""

    def __init__(self, listens: float = 4.0, says: bytes = b"") -> None:
        self.listens = listens
        self.says = says
        self.calls: list[AudioChannel] = []
        self.frames: list[list[Audio]] = []
        self.ended = 0

    async def talk(self, channel: AudioChannel) -> None:
        frames: list[Audio] = []
        self.calls.append(channel)
        self.frames.append(frames)
        speaking = asyncio.create_task(channel.playout.write(self.says))
        async for frame in channel.microphone():
            assert channel.now() >= frame.end
            frames.append(frame)
            if frame.end >= samples(self.listens):
                await channel.hang_up()
        speaking.cancel()
        self.ended += 1

    async def chat(self, call: Call) -> None:
        raise AssertionError("a kiosk has no text")


@pytest.fixture(scope="module")
def vad() -> Silero:
    directory = ROOT / "models/silero-vad"
    if not directory.is_dir():
        pytest.skip("models/silero-vad is not there: make models")
    return Silero(directory)


@pytest.fixture(scope="module")
def wake() -> OpenWakeWord:
    directory = ROOT / "models/openwakeword"
    if not directory.is_dir():
        pytest.skip("models/openwakeword is not there: make models")
    return OpenWakeWord(directory)


@asynccontextmanager
async def serving(kiosk: Kiosk, desk: Desk, on: bool = True) -> AsyncIterator[None]:
    """The kiosk at work, from when it is on; and nothing of it is left afterwards."""
    before = set(threading.enumerate())
    serving = asyncio.create_task(kiosk.serve(desk))
    try:
        if on:
            await until(lambda: kiosk.state[0])
        yield
    finally:
        start = time.monotonic()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        assert time.monotonic() - start < 5  # One second is what the devices get to close.
    assert set(threading.enumerate()) == before


def sound(frames: list[Audio]) -> Sound:
    assert frames[0].at == 0
    for frame, following in pairwise(frames):
        assert frame.end == following.at, "a gap"
    return np.frombuffer(b"".join(frame.pcm for frame in frames), dtype="<i2")


def whole(said: Sound, heard: Sound) -> int:
    """Where in `heard` it was said; it must be there sample by sample."""
    at = where(said, heard)
    wrong = np.flatnonzero(heard[at : at + len(said)] != said)
    assert not len(wrong), f"{len(wrong)} of {len(said)} samples differ, {wrong[0]} to {wrong[-1]}; at {at}"
    return at


async def test_whoever_speaks_to_it_is_heard_from_before_the_first_word(
    audio_server: AudioServer, vad: Silero
) -> None:
    audio_server.plug()
    desk, said = Desk(), person(*PHRASE)
    starts = next(n for n, p in enumerate(vad.stream().push(said.tobytes())) if p >= 0.5) * vad.window
    async with serving(Kiosk(SoundCard(), vad), desk):
        await asyncio.sleep(1)
        assert not desk.calls
        audio_server.speak(said)
        await until(lambda: desk.ended == 1)
    before = whole(said, sound(desk.frames[0])) + starts
    assert 0.4 < seconds(before) < 0.7
    assert not desk.calls[0].desk_begins
    assert desk.calls[0].half_duplex


async def test_one_call_after_another_from_one_open_device(audio_server: AudioServer, vad: Silero) -> None:
    audio_server.plug()
    told: list[bool] = []
    desk, said = Desk(listens=4), person(*PHRASE)
    kiosk = Kiosk(SoundCard(), vad, echo="hardware", on_state=lambda on, why: told.append(on))
    async with serving(kiosk, desk):
        for calls in (1, 2):
            await asyncio.sleep(1)
            audio_server.speak(said)
            await until(lambda calls=calls: desk.ended == calls)  # type: ignore[misc]
    for frames in desk.frames:
        whole(said, sound(frames))
    assert told == [True, False]
    assert not desk.calls[0].half_duplex
    assert desk.calls[0].id != desk.calls[1].id


def wake_words() -> list[Sound]:
    if not ALEXA.is_dir():
        pytest.skip("../shared/data/wake_pos is not there")
    words = []
    for path in sorted(ALEXA.glob("*.flac")):
        with suppress(soundfile.LibsndfileError):
            word, rate = soundfile.read(path, dtype="int16")
            assert rate == RATE
            words.append(word)
    return words


class Late:
    """Tells of a wake word so much later than another engine, as one that thinks it over does."""

    def __init__(self, wake: Wake, by: int) -> None:
        self._wake = wake
        self._by = by

    def stream(self) -> Late:
        self._stream = self._wake.stream()
        self._woken: Woken | None = None
        return self

    def push(self, pcm: bytes) -> Woken | None:
        if self._woken:
            self._woken = replace(self._woken, after=self._woken.after + len(pcm) // 2)
        self._woken = self._stream.push(pcm) or self._woken
        return self._woken if self._woken and self._woken.after >= self._by else None


@pytest.mark.parametrize("late", [pytest.param(0.0, marks=pytest.mark.slow), 0.8])
async def test_what_follows_the_wake_word_in_the_same_breath_is_heard_whole(
    audio_server: AudioServer, vad: Silero, wake: OpenWakeWord, late: float
) -> None:
    audio_server.plug()
    request = person(*PHRASE)[samples(0.25) :]
    desk = Desk(listens=4)
    kiosk = Kiosk(SoundCard(), vad, Late(wake, samples(late)), "word", chime=False)
    async with serving(kiosk, desk):
        await asyncio.sleep(1)
        audio_server.speak(request)
        await asyncio.sleep(3.5)
        assert not desk.calls, "woken without the wake word"
        said = wake_words()[:4]
        for number, word in enumerate(said, 1):
            loud = np.flatnonzero(np.abs(word) > np.abs(word).max() // 10)
            audio_server.speak(np.concatenate((word[: loud[-1] + samples(0.1)], request)))
            await until(lambda number=number: desk.ended == number)  # type: ignore[misc]
    for frames in desk.frames:
        begins = whole(request, sound(frames))
        assert seconds(begins) < 0.7, "the wake word is heard too"
    assert not desk.calls[0].desk_begins


async def test_the_button_wakes_it_and_it_chimes(audio_server: AudioServer, vad: Silero) -> None:
    audio_server.plug()
    desk, said = Desk(listens=3.5), person(*PHRASE)
    kiosk = Kiosk(SoundCard(), vad, mode="button")
    async with serving(kiosk, desk):
        with audio_server.listening() as recording:
            audio_server.speak(said)
            await asyncio.sleep(3)
            assert not desk.calls
            kiosk.wake_now()
            await asyncio.sleep(0.1)
            audio_server.speak(said)
            await until(lambda: desk.ended == 1)
        out = recorded(recording)
    whole(np.frombuffer(CHIME, dtype="<i2"), out)
    whole(said, sound(desk.frames[0]))
    assert desk.calls[0].desk_begins


async def test_a_handset_that_is_put_back_ends_the_call_and_the_light_goes_out(
    audio_server: AudioServer, vad: Silero
) -> None:
    audio_server.plug()
    desk = Desk(listens=60)
    kiosk = Kiosk(SoundCard(), vad, mode="button", chime=False)
    shown: list[str] = []
    kiosk.show = shown.append
    async with serving(kiosk, desk):
        kiosk.end_now()  # Nobody has lifted it.
        kiosk.wake_now()
        await until(lambda: desk.calls)
        desk.calls[0].notice(Heard("hello", 0, 1, 1, 1))
        kiosk.wake_now()  # It is lifted already.
        kiosk.end_now()
        await until(lambda: desk.ended == 1)
        await until(lambda: shown == ["listening", "thinking", "idle"])
        kiosk.wake_now()  # Lifted again, before the room is quiet.
        await until(lambda: len(desk.calls) == 2)
        assert shown[-1] == "listening"


async def test_a_call_outlives_a_short_absence_of_the_microphone(
    audio_server: AudioServer, vad: Silero
) -> None:
    audio_server.plug()
    desk, said = Desk(listens=9), person(*PHRASE)
    kiosk = Kiosk(SoundCard(), vad, mode="always")
    async with serving(kiosk, desk):
        await asyncio.sleep(1)
        start = time.monotonic()
        audio_server.unplug()
        await until(lambda: not kiosk.state[0], within=10)
        await asyncio.sleep(1)
        audio_server.plug()
        await until(lambda: kiosk.state[0], within=5)
        audio_server.speak(said)
        await until(lambda: desk.ended == 1, within=15)
        assert 6.8 < time.monotonic() - start < 12
    frames = desk.frames[0]
    whole(said, sound(frames))
    assert 1 < seconds(sum(FRAME for frame in frames if frame.concealed)) < 5


async def test_a_call_ends_when_the_microphone_stays_away_and_the_next_one_works(
    audio_server: AudioServer, vad: Silero
) -> None:
    audio_server.plug()
    desk, said = Desk(listens=60, says=bytes(RATE * 60)), person(*PHRASE)
    kiosk = Kiosk(SoundCard(), vad)
    async with serving(kiosk, desk):
        await asyncio.sleep(1)
        audio_server.speak(said)
        await until(lambda: desk.calls)
        await asyncio.sleep(1)
        audio_server.stop()
        await until(lambda: desk.ended == 1, within=6.5)
        audio_server.start()
        audio_server.plug()
        await until(lambda: kiosk.state[0], within=5)
        desk.listens = 4
        await asyncio.sleep(1)
        audio_server.speak(said)
        await until(lambda: desk.ended == 2)
    whole(said, sound(desk.frames[1]))


async def test_a_handset_that_is_lifted_and_put_back_before_anything_comes_of_it_begins_no_call(
    vad: Silero,
) -> None:
    kiosk = Kiosk(SoundCard(), vad, mode="button")
    kiosk.wake_now()
    kiosk.end_now()
    assert not kiosk._pressed.is_set()


async def test_a_call_may_be_hung_up_by_both_sides_at_once(vad: Silero) -> None:
    """The handset is put back as the desk says its last word; no microphone tells of anything."""
    sound = SoundCard()
    channel = KioskChannel(Kiosk(sound, vad), sound, 0, [], desk_begins=True)

    async def heard() -> list[Audio]:
        return [frame async for frame in channel.microphone()]

    listening = asyncio.create_task(heard())
    await asyncio.sleep(0)
    await channel.hang_up()
    await asyncio.sleep(0)
    await channel.hang_up()
    assert await listening == []


async def test_without_a_device_it_waits_and_says_why(audio_server: AudioServer, vad: Silero) -> None:
    audio_server.stop()
    told: list[tuple[bool, str]] = []
    kiosk = Kiosk(SoundCard(), vad, on_state=lambda on, why: told.append((on, why)))
    async with serving(kiosk, Desk(), on=False):
        await until(lambda: told)
        assert kiosk.state == (False, "no microphone; plug one in")
        audio_server.start()
        audio_server.plug()
        await until(lambda: kiosk.state[0], within=5)
    assert [on for on, _ in told] in ([False, True, False], [False, False, True, False])


async def test_a_desk_that_fails_does_not_stop_the_kiosk(audio_server: AudioServer, vad: Silero) -> None:
    class Failing(Desk):
        async def talk(self, channel: AudioChannel) -> None:
            self.calls.append(channel)
            raise RuntimeError("the desk failed")

    audio_server.plug()
    desk = Failing()
    async with serving(Kiosk(SoundCard(), vad, mode="always"), desk):
        await until(lambda: len(desk.calls) >= 2)


async def test_a_sound_card_that_fails_ends_it_with_that_failure(
    audio_server: AudioServer, vad: Silero, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise OSError("the sound card failed")

    card = SoundCard()
    monkeypatch.setattr(card, "keep", fail)
    with pytest.raises(OSError, match="the sound card failed"):
        await Kiosk(card, vad).serve(Desk())


async def test_engines_stay_in_the_thread_that_is_theirs(audio_server: AudioServer, vad: Silero) -> None:
    class Watched:
        """The VAD, and the threads it is used from."""

        window = vad.window

        def __init__(self) -> None:
            self.used_from: set[str] = set()

        def stream(self) -> Watched:
            self.used_from.add(threading.current_thread().name)
            self._stream = vad.stream()
            return self

        def push(self, pcm: bytes) -> list[float]:
            self.used_from.add(threading.current_thread().name)
            return self._stream.push(pcm)

    audio_server.plug()
    thread, watched, desk = EngineThread("the vad"), Watched(), Desk(listens=0.5)
    try:
        async with serving(Kiosk(SoundCard(), watched, thread=thread), desk):
            await asyncio.sleep(1)
            audio_server.speak(person(*PHRASE))
            await until(lambda: desk.ended)
        assert watched.used_from == {"the vad"}
        assert await thread.run(lambda: "still at work") == "still at work"
    finally:
        thread.close()


@pytest.mark.parametrize("mode", ["speech", "word"])
async def test_idle_listening_costs_little(
    audio_server: AudioServer, vad: Silero, wake: OpenWakeWord, mode: str
) -> None:
    audio_server.plug()
    desk = Desk()
    async with serving(Kiosk(SoundCard(), vad, wake, mode), desk):  # type: ignore[arg-type]
        await asyncio.sleep(1)
        start, worked = time.monotonic(), time.process_time()
        await asyncio.sleep(5)
        share = (time.process_time() - worked) / (time.monotonic() - start)
    print(f"idle listening, {mode}: {share:.1%} of one core")
    assert not desk.calls
    # CPU time, so other programs do not count; but this process's own, the test's too, on a core that may run
    # at half its speed.
    assert share < 0.3
