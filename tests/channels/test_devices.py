"""Loudspeakers and microphones of real devices (AEC challenge): the far end is nobody, the near end is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.bench.sets import DATA
from appliance.channels.echo import Canceller
from appliance.channels.soundcard import LEAD
from appliance.engines.silero import Silero
from appliance.engines.webrtc import WebrtcEcho
from appliance.messages import FRAME, seconds
from appliance.turns.interruption import Act, Evidence

MODELS = Path(__file__).parents[2] / "models"
PAIRS = {path.stem.split("_", 1)[1].rsplit("_", 1)[0]: path for path in sorted(DATA.glob("aec/*_mic.wav"))}

pytestmark = pytest.mark.skipif(
    not PAIRS or not (MODELS / "silero-vad").is_dir(),
    reason="../shared/data/aec, or the model silero-vad, is not here",
)


def stops(what: str) -> list[float]:
    """Seconds at which the desk would fall silent, if it went on all the same."""
    return [at for at, act in _acts(PAIRS[what]) if act is Act.STOP]


def _acts(microphone: Path) -> Iterator[tuple[float, Act]]:
    heard, _ = soundfile.read(microphone, dtype="int16")
    played, _ = soundfile.read(str(microphone).replace("_mic", "_lpb"), dtype="int16")
    canceller, vad, evidence = (
        Canceller(WebrtcEcho().stream(), LEAD),
        Silero(MODELS / "silero-vad"),
        Evidence(),
    )
    canceller.playing(played.tobytes(), 0)
    listening = vad.stream()
    for at in range(0, min(len(heard), len(played)) - FRAME, FRAME):
        cleaned = canceller.clean(np.ascontiguousarray(heard[at : at + FRAME]).tobytes(), at)
        for probability in listening.push(cleaned.pcm):
            if act := evidence.step(probability, vad.window, cleaned.near):
                yield seconds(at + FRAME), act


def test_what_comes_out_of_its_own_loudspeaker_hardly_stops_the_desk() -> None:
    # Eight seconds of speech, some of it louder than the device can play undistorted.
    assert len(stops("farend_singletalk")) <= 1


def test_who_speaks_into_it_does() -> None:
    # The near end begins to speak at 4.15 s.
    assert any(4.15 <= at <= 4.3 for at in stops("doubletalk"))


def test_where_nothing_is_played_whoever_speaks_does() -> None:
    assert stops("nearend_singletalk")[0] < 0.3
