"""What the desk plays is taken out of what it hears, by the clock."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.channels.echo import Canceller
from appliance.channels.kiosk import Kiosk
from appliance.channels.playout import Playout
from appliance.channels.soundcard import SoundCard
from appliance.engines.fake import FakeEcho, FakeVad
from appliance.engines.webrtc import WebrtcEcho
from appliance.messages import FRAME, RATE, samples
from tests.audio_server import AudioServer, person, until


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The canceller of these tests takes nothing of a voice, so that nothing is given back."""
    monkeypatch.setattr("appliance.channels.echo.SURELY", math.inf)


def tone(length: int, level: float = 0.3) -> np.ndarray:  # type: ignore[type-arg]
    return (level * 32767 * np.sin(np.arange(length) / 7)).astype("<i2")


def hear(canceller: Canceller, sound: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """All of it, frame by frame, from clock 0 on."""
    frames = [sound[at : at + FRAME] for at in range(0, len(sound) - FRAME + 1, FRAME)]
    left = [canceller.clean(frame.astype("<i2").tobytes(), at * FRAME).pcm for at, frame in enumerate(frames)]
    return np.frombuffer(b"".join(left), dtype="<i2")


@pytest.mark.usefixtures("trusting")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(1, 900)), max_size=12))
def test_whatever_the_pieces_and_the_gaps_each_sample_is_taken_out_at_its_time(
    pieces: list[tuple[int, int]],
) -> None:
    canceller, at = Canceller(FakeEcho().stream()), 0
    heard = np.zeros(40 * FRAME, dtype=np.int16)
    for gap, length in pieces:
        at += gap
        sound = tone(length)
        canceller.playing(sound.tobytes(), at)
        end = min(at + length, len(heard))
        heard[at:end] = sound[: max(0, end - at)]
        at += length
    assert not hear(canceller, heard).any()


@pytest.mark.usefixtures("trusting")
def test_an_echo_that_comes_before_its_time_is_found_within_the_lead() -> None:
    quiet, sound = np.zeros(5 * FRAME, dtype=np.int16), tone(20 * FRAME)
    canceller = Canceller(FakeEcho(delay=FRAME).stream(), lead=2 * FRAME / RATE)
    canceller.playing(sound.tobytes(), 6 * FRAME)
    assert not hear(canceller, np.concatenate([quiet, sound, quiet])).any()


@pytest.mark.usefixtures("trusting")
def test_somebody_who_speaks_meanwhile_is_left() -> None:
    canceller = Canceller(FakeEcho().stream())
    desk = tone(50 * FRAME)
    caller = (2000 * np.random.default_rng(1).normal(0, 1, len(desk)).clip(-3, 3)).astype("<i2")
    canceller.playing(desk.tobytes(), 0)
    assert np.array_equal(hear(canceller, desk + caller), caller)


def test_a_voice_that_the_canceller_takes_with_the_echo_is_given_back_by_half() -> None:
    class Takes:
        def remove(self, played: bytes, heard: bytes) -> bytes:
            return bytes(len(heard)) if any(played) else heard

    canceller = Canceller(Takes())
    desk = tone(50 * FRAME, 0.02)
    caller = (3000 * np.random.default_rng(1).normal(0, 1, len(desk)).clip(-3, 3)).astype("<i2")
    canceller.playing(desk.tobytes(), 0)
    left = hear(canceller, desk + caller).astype(float)
    assert np.sqrt((left**2).mean()) == pytest.approx(1500, rel=0.2)


def test_what_is_left_of_an_echo_in_a_room_that_is_not_learnt_yet_is_no_voice() -> None:
    useless = Canceller(FakeEcho(gain=0.0).stream())
    desk = tone(3 * RATE)
    useless.playing(desk.tobytes(), 0)
    left = hear(useless, 0.5 * np.concatenate([np.zeros(FRAME), desk[:-FRAME]]))
    assert np.abs(left).max() <= 0.01 * np.abs(desk).max()


def talk(canceller: Canceller, echo: float, noise: float = 0.0005, lasting: float = 15.0) -> None:
    """The desk talks and is quiet by turns, for as many seconds; its echo is that loud."""
    rng = np.random.default_rng(1)
    desk = tone(samples(lasting))
    desk[(np.arange(len(desk)) // RATE) % 4 == 3] = 0
    canceller.playing(desk.tobytes(), 0)
    hear(canceller, echo * desk + 32767 * rng.normal(0, noise, len(desk)))


def test_an_echo_that_stays_is_known_after_ten_seconds() -> None:
    useless = Canceller(FakeEcho(gain=0.0).stream())
    talk(useless, echo=0.3, lasting=8.0)
    assert useless.removed is None
    assert not useless.fails
    talk(useless, echo=0.3)
    assert useless.removed == pytest.approx(0, abs=0.5)
    assert useless.fails


def test_it_may_be_asked_while_the_microphone_hears_on() -> None:
    canceller = Canceller(FakeEcho(gain=0.0).stream())
    talk(canceller, echo=0.3)
    over = threading.Event()

    def hear_on() -> None:
        while not over.is_set():
            canceller._judge(-20.0, -20.0, -20.0)

    microphone = threading.Thread(target=hear_on)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        microphone.start()
        assert all(canceller.fails for _ in range(5000))
    finally:
        over.set()
        microphone.join()
        sys.setswitchinterval(before)


def test_an_echo_that_goes_is_no_failure() -> None:
    canceller = Canceller(FakeEcho(gain=0.3).stream())
    talk(canceller, echo=0.3)
    assert canceller.removed > 20  # type: ignore[operator]
    assert not canceller.fails


@pytest.mark.parametrize("noise", [0.0005, 0.02])
def test_where_nothing_comes_back_nothing_has_failed(noise: float) -> None:
    canceller = Canceller(FakeEcho(gain=0.0).stream())
    talk(canceller, echo=0.0, noise=noise)
    assert canceller.removed is None
    assert not canceller.fails


def kiosk(echo: Literal["cancel", "hardware", "half-duplex"], cancels: bool) -> Kiosk:
    card = SoundCard(echo=FakeEcho().stream() if cancels else None)
    card.on, card.why = True, "listening"
    return Kiosk(card, FakeVad(), echo=echo)


@pytest.mark.parametrize(
    ("echo", "cancels", "half_duplex"),
    [
        ("cancel", True, False),
        ("cancel", False, True),
        ("hardware", False, False),
        ("half-duplex", False, True),
    ],
)
def test_a_kiosk_is_half_duplex_where_nobody_removes_its_voice_and_says_so(
    echo: Literal["cancel", "hardware", "half-duplex"], cancels: bool, half_duplex: bool
) -> None:
    made = kiosk(echo, cancels)
    assert made.half_duplex is half_duplex
    assert ("nobody can cut in" in made.state[1]) is half_duplex


@pytest.mark.parametrize("echo", ["cancel", "hardware"])
def test_a_kiosk_that_heard_itself_is_half_duplex_until_other_devices_are_there(
    echo: Literal["cancel", "hardware"],
) -> None:
    made = kiosk(echo, cancels=True)
    made.heard_itself()
    assert made.half_duplex
    assert "turn it down" in made.state[1]
    made._sound.on_state(False, "no microphone; plug one in")  # type: ignore[misc]
    assert not made.half_duplex


async def heard_back(audio_server: AudioServer, card: SoundCard) -> float:
    """Play ten seconds of speech; the level of what the microphone has of the last five, in dBFS."""
    said = np.concatenate([person("cards/001.wav", "cards/002.wav", "cards/003.wav")] * 6)[: 10 * RATE]
    keeping, playout = asyncio.create_task(card.keep()), Playout()
    heard: list[bytes] = []
    try:
        await until(lambda: card.on)
        card.play(playout, card.now())
        writing = asyncio.create_task(playout.write(said.astype("<i2").tobytes()))
        while not writing.done() or len(heard) < 10 * 50:
            heard.append((await card.read()).pcm)
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
    sound = np.frombuffer(b"".join(heard[5 * 50 :]), dtype="<i2").astype(np.float32) / 32768
    return float(10 * np.log10(np.mean(sound**2) + 1e-10))


async def test_a_sound_card_whose_microphone_hears_its_speaker_does_not(audio_server: AudioServer) -> None:
    audio_server.plug()
    audio_server.loop_back()
    alone = await heard_back(audio_server, SoundCard())
    card = SoundCard(echo=WebrtcEcho().stream())
    assert alone > -40
    assert await heard_back(audio_server, card) < alone - 15
    assert card.echo
    assert not card.echo.fails


@pytest.mark.slow
async def test_a_sound_system_whose_delay_jumps_is_found_and_nobody_can_cut_in_then(
    audio_server: AudioServer,
) -> None:
    audio_server.plug()
    audio_server.loop_back()
    card, playout = SoundCard(echo=WebrtcEcho().stream()), Playout()
    kiosk = Kiosk(card, FakeVad(), echo="cancel")
    said = np.concatenate([person("cards/001.wav", "cards/002.wav", "cards/003.wav")] * 20)[: 40 * RATE]
    keeping = asyncio.create_task(card.keep())
    try:
        await until(lambda: card.on)
        assert not kiosk.half_duplex
        card.play(playout, card.now())
        writing = asyncio.create_task(playout.write(said.astype("<i2").tobytes()))
        for late in (250, 60, 180, 30, 220, 100, 280, 40):
            for _ in range(4 * 50):
                await card.read()
            if kiosk.half_duplex:
                break
            await asyncio.to_thread(audio_server.loop_back, late)
        writing.cancel()
        assert "now sooner, now later" in kiosk.state[1]
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
