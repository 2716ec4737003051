"""Sound that every recogniser must survive, and real clips that Debian ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.engines.resample import resample
from appliance.messages import RATE

ASTERISK = Path("/usr/share/asterisk/sounds")
SPHINX = Path("/usr/share/pocketsphinx/test/data")


def prompt(name: str) -> bytes:
    """A prompt from Debian's asterisk-core-sounds-en-wav: 8 kHz telephone speech, brought to 16 kHz."""
    for folder in ASTERISK.glob("en*"):
        if (folder / f"{name}.wav").is_file():
            sound, rate = soundfile.read(folder / f"{name}.wav", dtype="int16")
            return resample(sound.tobytes(), rate)
    pytest.skip(f"the prompt {name} is not here: apt-get install asterisk-core-sounds-en-wav")


def clip(name: str) -> bytes:
    """A recording from Debian's pocketsphinx-testdata, 16 kHz."""
    file = SPHINX / name
    if not file.is_file():
        pytest.skip(f"the recording {name} is not here: apt-get install pocketsphinx-testdata")
    if file.suffix == ".raw":
        return file.read_bytes()
    sound, rate = soundfile.read(file, dtype="int16")
    return resample(sound.tobytes(), rate)


def white_noise(seconds: float, level: float = 0.1) -> bytes:
    sound = np.random.default_rng(7).normal(0, level, round(seconds * RATE))
    return (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


def tone(seconds: float, hertz: float = 440.0) -> bytes:
    at = np.arange(round(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * hertz * at) * 16000).astype("<i2").tobytes()


def clipped(pcm: bytes) -> bytes:
    """Far too loud: most of it at the rails."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32) * 30
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


WORDLESS = {
    "nothing": b"",
    "half a sample": b"\x01",
    "one sample": b"\x01\x40",
    "a click": b"\x00\x40" * 40,
    "silence": bytes(2 * RATE * 3),
    "faint hiss": white_noise(3, 0.0005),
    "white noise": white_noise(4),
    "a tone": tone(3),
    "full scale": b"\xff\x7f" * RATE,
}
"""Sound in which nobody speaks."""
