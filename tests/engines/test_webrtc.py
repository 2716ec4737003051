"""WebRTC's echo canceller on real recordings, and in real rooms' responses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from appliance.channels.soundcard import LEAD
from appliance.config import Box, Engines, Kiosk
from appliance.engines import registry
from appliance.engines.webrtc import WebrtcEcho
from appliance.messages import FRAME_BYTES, RATE, samples
from tests.engines.conftest import DATA

Sound = NDArray[np.float32]
Recording = Callable[[str], bytes]

FAR = "aec/9mkQhVtzTEy2hDk-6u2Sww_farend_singletalk"
NEAR = "aec/DLhjtuwiEkS-68TsUVvW5g_nearend_singletalk"
BOTH = "aec/DMTgmZwtgUilp4omPK7-OQ_doubletalk"


def sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768


def pcm(sound: Sound) -> bytes:
    return (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


def level(sound: Sound) -> float:
    return float(10 * np.log10(np.mean(sound**2) + 1e-10))


def cleaned(played: bytes, heard: bytes, **settings: bool) -> tuple[Sound, Sound]:
    """What was heard, and what is left of it."""
    length = min(len(played), len(heard)) // FRAME_BYTES * FRAME_BYTES
    stream = WebrtcEcho(**settings).stream()
    left = b"".join(
        stream.remove(played[at : at + FRAME_BYTES], heard[at : at + FRAME_BYTES])
        for at in range(0, length, FRAME_BYTES)
    )
    return sound(heard[:length]), sound(left)


def test_a_loudspeaker_recorded_in_a_real_room_is_removed(recording: Recording) -> None:
    heard, left = cleaned(recording(f"{FAR}_lpb.wav"), recording(f"{FAR}_mic.wav"))
    settled = len(heard) // 2
    assert level(heard[settled:]) - level(left[settled:]) > 25


def test_a_person_alone_is_left_as_they_are(recording: Recording) -> None:
    heard, left = cleaned(recording(f"{NEAR}_lpb.wav"), recording(f"{NEAR}_mic.wav"))
    assert abs(level(heard) - level(left)) < 1


def test_a_person_who_talks_over_the_loudspeaker_is_heard(recording: Recording) -> None:
    heard, left = cleaned(recording(f"{BOTH}_lpb.wav"), recording(f"{BOTH}_mic.wav"))
    assert level(heard) - level(left) < 6


def room(name: str) -> Sound:
    path = DATA / "rir" / name
    if not path.is_file():
        pytest.skip(f"the recording ../shared/data/rir/{name} is not here")
    response, rate = soundfile.read(path, dtype="float32", always_2d=True)
    response = soxr.resample(response[:, 0], rate, RATE)
    response = response[max(0, int(np.argmax(np.abs(response))) - 32) :][: RATE // 2]
    return np.asarray(response / np.sqrt((response**2).sum()), dtype=np.float32)


@pytest.mark.parametrize("gain", [0, -10, -20])
@pytest.mark.parametrize(
    "name", ["am_impulse_response_0.wav", "lhotse_real_8ch.wav", "sb_rir1.wav", "sb_rir3.wav"]
)
def test_an_echo_is_removed_in_every_room_though_the_crystals_drift(
    recording: Recording, name: str, gain: int
) -> None:
    spoken = recording("speech16k/librispeech/" + first("speech16k/librispeech"))
    far = sound(spoken * 2)[: 16 * RATE]
    far = far / np.abs(far).max() * 0.5
    late = np.zeros(samples(LEAD), dtype=np.float32)
    echo = np.concatenate([late, np.convolve(far, room(name))])[: len(far)] * 10 ** (gain / 20)
    # A loudspeaker whose crystal is 100 parts in a million fast: 1.6 ms after 16 s.
    echo = np.interp(np.arange(len(echo)) * 1.0001, np.arange(len(echo)), echo).astype(np.float32)
    hiss = np.random.default_rng(1).normal(0, 10 ** (-65 / 20), len(echo)).astype(np.float32)
    heard, left = cleaned(pcm(far), pcm(echo + hiss))
    half = len(heard) // 2
    assert level(heard[half:]) - level(left[half:]) > 12


def first(folder: str) -> str:
    if not (DATA / folder).is_dir():
        pytest.skip(f"the recordings ../shared/data/{folder} are not here")
    return max((DATA / folder).iterdir(), key=lambda file: (file.stat().st_size, file.name)).name


def test_silence_stays_silence() -> None:
    heard, left = cleaned(bytes(2 * RATE), bytes(2 * RATE))
    assert not heard.any()
    assert np.abs(left).max() < 1e-3


def test_steady_noise_goes_where_that_is_wanted() -> None:
    noise = pcm(np.random.default_rng(1).normal(0, 0.02, 4 * RATE).astype(np.float32))
    kept, suppressed = (cleaned(bytes(len(noise)), noise, noise=wanted)[1] for wanted in (False, True))
    assert level(kept[2 * RATE :]) - level(suppressed[2 * RATE :]) > 6


def test_a_kiosk_suppresses_no_noise_and_changes_no_level_unless_it_is_told_to() -> None:
    """Of noise as loud as a soft voice, as much is left as there was."""
    hiss = pcm(np.random.default_rng(1).normal(0, 0.005, 8 * RATE).astype(np.float32))
    lost = {}
    for noise in ("keep", "suppress"):
        stream = registry.make("echo", Engines().echo, Box(kiosk=Kiosk(noise=noise))).stream()
        lost[noise] = level(sound(hiss)[6 * RATE :]) - level(
            sound(stream.remove(bytes(len(hiss)), hiss))[6 * RATE :]
        )
    assert abs(lost["keep"]) < 1
    assert 10 < lost["suppress"] < 14
