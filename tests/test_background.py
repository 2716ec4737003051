"""What goes on behind the caller's back takes no turns: real recordings, real engines, scripted time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from appliance.channels.recorded import Saying
from appliance.engines.silero import Silero
from appliance.engines.whisper import Whisper
from appliance.messages import RATE, Silence
from tests.desk import LINES, call
from tests.engines.conftest import model, recording  # noqa: F401

Model = Callable[[str], Path]
Recording = Callable[[str], bytes]

SECONDS = 14


@pytest.mark.parametrize("level", [-25, -40])
@pytest.mark.parametrize(
    "name", ["tau2_continuous_people_talking", "kitchen_s2i", "moh_manolo_camp-morning_coffee"]
)
async def test_the_desk_speaks_to_its_end_in_a_loud_place_and_does_not_converse_with_it(
    tmp_path: Path,
    model: Model,  # noqa: F811
    recording: Recording,  # noqa: F811
    name: str,
    level: int,
) -> None:
    sound = np.frombuffer(recording(f"noise/{name}.flac"), dtype="<i2").astype(np.float32)[: SECONDS * RATE]
    sound *= 32768 * 10 ** (level / 20) / np.sqrt((sound**2).mean())
    place = Saying(np.clip(sound, -32768, 32767).astype("<i2").tobytes(), into=0.2)
    asr = Whisper(model("whisper-tiny.en"), threads=1)
    result = await call(tmp_path, [], [place], asr=asr, vad=Silero(model("silero-vad")), linger=1.0)  # type: ignore[arg-type]
    assert result.turns[0].spoken.text == LINES.greeting
    assert all(turn.spoken.whole for turn in result.turns)
    assert all(isinstance(turn.cause, Silence) for turn in result.turns[1:])
