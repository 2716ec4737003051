"""The sound card on a real audio server: PortAudio, ALSA's pulse plugin, PulseAudio's null sinks."""

from __future__ import annotations

import asyncio
import builtins
import ctypes.util
import math
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from appliance.channels.playout import FADE, Playout
from appliance.channels.soundcard import WAITING, SoundCard, raised
from appliance.config.box import Box
from appliance.config.strict import TomlFile
from appliance.errors import ConfigError
from appliance.messages import FRAME, RATE, Audio, samples, seconds
from tests.audio_server import AudioServer, Sound, person, recorded, until, where

LONG = tuple(f"librivox/sense_and_sensibility_01_austen_64kb-{n}.wav" for n in ("0870", "0890", "0920"))
SHORT = ("librivox/sense_and_sensibility_01_austen_64kb-0880.wav",)


@asynccontextmanager
async def kept(card: SoundCard, on: bool = True) -> AsyncIterator[SoundCard]:
    """The card while it is kept open, from when it is on; and nothing of it is left afterwards."""
    before = set(threading.enumerate())
    keeping = asyncio.create_task(card.keep())
    try:
        if on:
            await becomes(card, True)
        yield card
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
    assert set(threading.enumerate()) == before


async def becomes(card: SoundCard, on: bool, within: float = 10.0) -> None:
    await until(lambda: card.on == on, within)


async def hear(card: SoundCard, length: float) -> list[Audio]:
    """The microphone from now on."""
    card._frames.clear()
    card._held = card._next = None
    return [await card.read() for _ in range(round(length * RATE / FRAME))]


def sound(frames: list[Audio]) -> Sound:
    for frame, following in pairwise(frames):
        assert frame.end == following.at, "a gap"
    return np.frombuffer(b"".join(frame.pcm for frame in frames), dtype="<i2")


def tone(length: float, pitch: float = 440) -> bytes:
    moments = np.arange(samples(length)) / RATE
    return (np.sin(2 * np.pi * pitch * moments) * 8000).astype("<i2").tobytes()


async def test_twenty_seconds_of_a_person_are_heard_whole_and_in_time(audio_server: AudioServer) -> None:
    audio_server.plug()
    said = person(*LONG)
    async with kept(SoundCard()) as card:
        await hear(card, 1)
        start = time.monotonic()
        audio_server.speak(said)
        heard = sound(await hear(card, 20))
        took = time.monotonic() - start
    at = where(said, heard)
    assert np.array_equal(heard[at : at + len(said)], said)
    assert 19.9 < took < 21  # A card at 44.1 kHz that is taken for one at 48 would be 1.8 s off.
    assert card.lost == 0


async def test_a_soft_microphone_is_raised_to_the_sample(audio_server: AudioServer) -> None:
    audio_server.plug()
    soft = person(*SHORT) // 8
    async with kept(SoundCard(gain=20 * math.log10(8))) as card:
        await hear(card, 1)
        audio_server.speak(soft)
        heard = sound(await hear(card, seconds(len(soft)) + 2))
    at = where(8 * soft, heard)
    assert np.array_equal(heard[at : at + len(soft)], 8 * soft)


def test_what_is_too_loud_once_it_is_raised_is_cut() -> None:
    loud = np.array([3, -3, 20_000, -20_000, 0], dtype="<i2").tobytes()
    assert np.frombuffer(raised(loud, 2.0), "<i2").tolist() == [6, -6, 32767, -32768, 0]
    assert raised(loud, 1.0) == loud


def test_a_gain_that_cannot_be_is_an_error_of_box_toml(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    for wrong in ("-3", "50"):
        path.write_text(f"[kiosk]\ngain = {wrong}\n")
        with pytest.raises(ConfigError, match=r"kiosk.*gain"):
            TomlFile(path).into(Box)
    path.write_text("[kiosk]\ngain = 20\n")
    assert TomlFile(path).into(Box).kiosk.gain == 20


async def test_what_is_played_comes_out_of_the_speaker_intact(audio_server: AudioServer) -> None:
    audio_server.plug()
    said = person(*SHORT)
    async with kept(SoundCard()) as card:
        for _ in range(4):
            heard: list[Audio] = []
            playout = Playout(heard.append)
            card.play(playout)
            underruns = card.underruns
            with audio_server.listening() as recording:
                await playout.write(said.tobytes())
                await playout.drain()
                await asyncio.sleep(0.5)
            # The account of it is whole in any case; the sound itself, unless the machine was too busy.
            assert b"".join(audio.pcm for audio in heard) == said.tobytes()
            if card.underruns == underruns:
                break
    out = recorded(recording)
    at = where(said, out)
    assert np.array_equal(out[at : at + len(said)], said)
    sound(heard)


async def clicks_off_by(card: SoundCard) -> list[float]:
    """Seconds between the clock at which a click was said to be heard and that at which it was heard."""
    played: list[Audio] = []
    playout = Playout(played.append)
    card.play(playout)
    listening = asyncio.create_task(hear(card, 6))
    await asyncio.sleep(0.5)
    click = np.zeros(samples(0.3), dtype="<i2")
    click[:32] = 20_000
    for _ in range(5):
        await playout.write(click.tobytes())
        await playout.drain()
        await asyncio.sleep(0.5)
    told = [audio.at for audio in played if np.abs(np.frombuffer(audio.pcm, "<i2")).max() > 10_000]
    frames = await listening
    loud = np.flatnonzero(np.abs(sound(frames)) > 8000) + frames[0].at
    heard = loud[np.diff(loud, prepend=-RATE) > RATE // 10]
    assert len(told) == 5
    # A machine that is too busy may swallow one or two; those that are heard are where they were said to be.
    assert len(heard) >= 3
    return [min(abs(seconds(int(a) - b)) for b in told) for a in heard]


async def test_both_directions_lie_on_one_clock(audio_server: AudioServer) -> None:
    """The speaker is looped back into the microphone, so the two times should be the same."""
    audio_server.plug()
    async with kept(SoundCard(microphone="loopback")) as card:
        await asyncio.sleep(3)
        assert max(await clicks_off_by(card)) < 0.02


async def test_a_device_that_cannot_do_16_khz_mono_is_resampled(
    audio_server: AudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs at 44.1 kHz in stereo, and still on one clock."""
    import sounddevice

    def unable(stream: type) -> type:
        class Unable(stream):  # type: ignore[misc]
            def __init__(self, samplerate: int, channels: int, **more: object) -> None:
                if samplerate == RATE:
                    raise sounddevice.PortAudioError("Invalid sample rate", -9997)
                if channels == 1:
                    raise sounddevice.PortAudioError("Invalid number of channels", -9998)
                super().__init__(samplerate=samplerate, channels=channels, **more)

        return Unable

    for name in ("RawInputStream", "RawOutputStream"):
        monkeypatch.setattr(sounddevice, name, unable(getattr(sounddevice, name)))
    audio_server.plug()
    said = person(*SHORT)
    async with kept(SoundCard(microphone="loopback")) as card:
        await asyncio.sleep(3)
        assert max(await clicks_off_by(card)) < 0.03
        playout = Playout()
        card.play(playout)
        listening = asyncio.create_task(hear(card, 4.5))
        await playout.write(said.tobytes())
        heard = sound(await listening)
    at = where(said, heard)
    assert np.corrcoef(heard[at : at + len(said)], said)[0, 1] > 0.98


async def test_a_cut_stops_the_sound_at_the_speaker(audio_server: AudioServer) -> None:
    audio_server.plug()
    async with kept(SoundCard(microphone="loopback")) as card:
        await asyncio.sleep(2)
        playout = Playout()
        card.play(playout)
        listening = asyncio.create_task(hear(card, 2))
        speaking = asyncio.create_task(playout.write(tone(5)))
        await asyncio.sleep(1)
        playout.cut()
        cut = card.now()
        await asyncio.wait_for(speaking, 3)
        await asyncio.wait_for(playout.drain(), 10)
        frames = await listening
    loud = np.flatnonzero(np.abs(sound(frames)) > 500)
    assert seconds(int(loud[-1]) + frames[0].at - cut) < 0.12


async def test_a_cut_that_is_followed_by_the_end_still_fades(audio_server: AudioServer) -> None:
    audio_server.plug()
    heard: list[Audio] = []
    with audio_server.listening() as recording:
        async with kept(SoundCard()) as card:
            await asyncio.sleep(2)
            playout = Playout(heard.append)
            card.play(playout)
            speaking = asyncio.create_task(playout.write(tone(5)))
            await asyncio.sleep(1)
            playout.cut()
            await speaking
        await asyncio.wait_for(playout.drain(), 10)
        await asyncio.sleep(0.3)
    account = np.frombuffer(b"".join(audio.pcm for audio in heard), "<i2")
    assert np.abs(account[-20:]).max() < 2500, "the fade is not in the account"
    out = recorded(recording)
    last = int(np.flatnonzero(np.abs(out) > 100)[-1])
    fade = out[last - FADE : last + 1].astype(int)
    assert np.abs(fade[-20:]).max() < 2500, f"a click: {fade}"


class Host(Exception):
    """PortAudio's error, as it is when the audio server is gone: to be written down it asks the server."""

    def __str__(self) -> str:
        raise Host(*self.args)


@pytest.mark.parametrize("error", [("it is on fire", -9999, (0, -1, "")), ("it is on fire",), ()])
@pytest.mark.parametrize("call", ["_terminate", "_initialize", "query_devices", "RawInputStream"])
async def test_an_error_of_the_sound_system_is_told_and_survived(
    audio_server: AudioServer, monkeypatch: pytest.MonkeyPatch, call: str, error: tuple[object, ...]
) -> None:
    import sounddevice

    def fail(*_: object, **__: object) -> None:
        raise Host(*error)

    audio_server.plug()
    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patch:
            patch.setattr(sounddevice, "PortAudioError", Host)
            patch.setattr(sounddevice, call, fail)
            card = await stack.enter_async_context(kept(SoundCard(), on=False))
            if call != "_terminate":
                await until(lambda: card.why != "not started")
                assert "does not open" in card.why
                assert not card.on
        await becomes(card, True)


async def test_a_sound_system_that_does_not_start_when_it_is_loaded_is_tried_again(
    audio_server: AudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio_server.plug()
    import sounddevice

    def fail(name: str, *rest: object) -> object:
        if name == "sounddevice":
            raise sounddevice.PortAudioError("Error initializing PortAudio", -9999, (0, 0, ""))
        return load(name, *rest)

    load = builtins.__import__
    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "__import__", fail)
            card = await stack.enter_async_context(kept(SoundCard(), on=False))
            await until(lambda: card.why != "not started")
            assert card.why.startswith("the sound system does not open (Error initializing PortAudio)")
        await becomes(card, True)


async def test_a_slow_listener_loses_the_oldest_and_time_goes_on(audio_server: AudioServer) -> None:
    audio_server.plug()
    async with kept(SoundCard()) as card:
        first = await hear(card, 0.2)
        await asyncio.sleep(3)
        frames = [await card.read() for _ in range(WAITING + 60)]
    sound(first + frames)
    concealed = [frame for frame in frames if frame.concealed]
    assert len(concealed) == pytest.approx(50, abs=5)
    assert card.lost == len(concealed) * FRAME
    assert not any(any(frame.pcm) for frame in concealed)


@pytest.mark.parametrize("how", ["unplugged", "server dies"])
async def test_a_device_that_goes_and_comes_back(audio_server: AudioServer, how: str) -> None:
    told: list[tuple[bool, str]] = []
    audio_server.plug()
    async with kept(SoundCard(on_state=lambda on, why: told.append((on, why)))) as card:
        await hear(card, 0.5)
        playout = Playout()
        card.play(playout)
        speaking = asyncio.create_task(playout.write(tone(60)))
        await asyncio.sleep(0.5)
        audio_server.unplug() if how == "unplugged" else audio_server.stop()
        await becomes(card, False)
        await asyncio.sleep(1.5)
        if how == "server dies":
            audio_server.start()
        audio_server.plug()
        await becomes(card, True)
        # The clock went on, the gap is silence, and what was being played goes on.
        frames = [await card.read() for _ in range(300)]
        sound(frames)
        assert seconds(sum(FRAME for frame in frames if frame.concealed)) > 1.5
        playout.cut()
        await asyncio.wait_for(speaking, 3)
        await asyncio.wait_for(playout.drain(), 10)
    assert [on for on, _ in told] == [True, False, *[False] * (len(told) - 4), True, False]
    assert "gone" in told[1][1]


async def test_without_any_device_it_says_so_and_waits(audio_server: AudioServer) -> None:
    async with kept(SoundCard(), on=False) as card:
        await until(lambda: card.why != "not started")
        assert not card.on
        assert card.why.startswith('the microphone "default" does not open')
        assert card.why.endswith("plug one in")
        audio_server.plug()
        await becomes(card, True, within=5)


async def test_without_an_audio_server_there_is_no_microphone(audio_server: AudioServer) -> None:
    audio_server.stop()
    async with kept(SoundCard(), on=False) as card:
        await until(lambda: card.why == "no microphone; plug one in")


async def test_a_device_of_an_unknown_name_is_answered_with_those_that_are_there(
    audio_server: AudioServer,
) -> None:
    audio_server.plug()
    told: list[str] = []
    async with kept(SoundCard("Jabra", on_state=lambda on, why: told.append(why)), on=False):
        await until(lambda: told)
    assert told[0] == (
        'no microphone is called "Jabra"; plug it in, or choose one that is there: loopback, default'
    )


async def test_without_portaudio_it_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    told: list[str] = []
    async with kept(SoundCard(on_state=lambda on, why: told.append(why)), on=False):
        await until(lambda: told)
    assert "apt install libportaudio2" in told[0]
