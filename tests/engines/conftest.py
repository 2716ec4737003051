from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.engines.resample import resample

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT.parent / "shared" / "data"
SPHINX = Path("/usr/share/pocketsphinx/test/data")


@pytest.fixture(scope="session")
def model() -> Callable[[str], Path]:
    """The directory of a model; the test is skipped where it was not fetched."""

    def find(name: str) -> Path:
        directory = ROOT / "models" / name
        if not directory.is_dir():
            pytest.skip(f"the model {name} is not here: `appliance models fetch {name}`")
        return directory

    return find


@pytest.fixture(scope="session")
def recording() -> Callable[[str], bytes]:
    """Real human speech, s16le 16 kHz mono; the test is skipped where it is absent."""

    def read(name: str) -> bytes:
        file = DATA / name
        if not file.is_file():
            pytest.skip(f"the recording ../shared/data/{name} is not here")
        sound, rate = soundfile.read(file, dtype="int16", always_2d=True)
        return resample(np.ascontiguousarray(sound).tobytes(), rate, sound.shape[1])

    return read


@pytest.fixture(scope="session")
def speech() -> bytes:
    """Human speech from Debian's pocketsphinx-testdata, s16le 16 kHz mono: "go forward ten meters"."""
    file = SPHINX / "goforward.raw"
    if not file.is_file():
        pytest.skip("the recording goforward.raw is not here: apt-get install pocketsphinx-testdata")
    return file.read_bytes()
