"""Keys are heard through noise, and no voice is taken for a key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.channels.dtmf import HIGH, KEYS, LOW, DtmfListener
from appliance.channels.recorded import read_recording
from appliance.engines.resample import resample
from appliance.messages import RATE, samples

DATA = Path(__file__).parents[3] / "shared" / "data"


def pressed(keys: str, on: float = 0.08, off: float = 0.08, level: float = 6000, noise: float = 0) -> bytes:
    pieces = [np.zeros(samples(off))]
    moments = np.arange(samples(on)) / RATE
    for key in keys:
        row = next(number for number, line in enumerate(KEYS) if key in line)
        low, high = LOW[row], HIGH[KEYS[row].index(key)]
        tone = np.sin(2 * np.pi * low * moments) + np.sin(2 * np.pi * high * moments)
        pieces += [level * tone, np.zeros(samples(off))]
    sound = np.concatenate(pieces)
    sound += np.random.default_rng(1).normal(0, noise, len(sound)) if noise else 0
    return bytes(np.clip(sound, -32768, 32767).astype("<i2").tobytes())


@settings(deadline=None)
@given(
    st.text("0123456789*#ABCD", max_size=8),
    st.sampled_from([0.05, 0.08, 0.2]),
    st.sampled_from([400.0, 6000.0, 14000.0]),
    st.lists(st.integers(1, 2000), min_size=1, max_size=5),
)
def test_keys_of_any_length_and_level_are_heard_however_the_sound_is_cut(
    keys: str, on: float, level: float, sizes: list[int]
) -> None:
    sound, listener, heard, at, turn = pressed(keys, on, level=level), DtmfListener(), "", 0, 0
    while at < len(sound):
        size = sizes[turn % len(sizes)]
        heard += listener.push(sound[at : at + size])
        at, turn = at + size, turn + 1
    assert heard == keys


def test_keys_are_heard_through_noise_and_a_telephone() -> None:
    assert DtmfListener().push(pressed("15#", level=6000, noise=1500)) == "15#"
    narrow = resample(resample(pressed("4821"), RATE, to=8000), 8000)
    assert DtmfListener().push(narrow) == "4821"


def test_a_key_that_is_held_is_pressed_once() -> None:
    assert DtmfListener().push(pressed("7", on=2.0)) == "7"


def test_a_tone_alone_a_whistle_and_noise_are_no_keys() -> None:
    moments = np.arange(RATE) / RATE
    for frequencies in ((697,), (941, 1000), (440, 880), (1209, 1477)):
        sound = sum(8000 * np.sin(2 * np.pi * f * moments) for f in frequencies)
        assert DtmfListener().push(np.asarray(sound).astype("<i2").tobytes()) == ""
    noise = np.random.default_rng(2).normal(0, 5000, 3 * RATE)
    assert DtmfListener().push(np.clip(noise, -32768, 32767).astype("<i2").tobytes()) == ""


def recordings(folder: str, count: int) -> list[Path]:
    found = sorted((DATA / folder).rglob("*.flac"))[
        :: max(1, len(list((DATA / folder).rglob("*.flac"))) // count)
    ]
    if not found:
        pytest.skip("the recordings are not here")
    return found[:count]


def test_recorded_keys_are_heard() -> None:
    if not (DATA / "dtmf").is_dir():
        pytest.skip("the recordings are not here")
    names = {"star": "*", "pound": "#"}
    rows = [row.split("\t") for row in (DATA / "MANIFEST.tsv").read_text().splitlines()]
    told = {row[0]: names.get(row[-1], row[-1]) for row in rows if row[0].startswith("dtmf/") and row[-1]}
    assert len(told) >= 12
    for file, keys in told.items():
        assert DtmfListener().push(read_recording(DATA / file)) == keys, file


def test_nobodys_voice_presses_a_key() -> None:
    for path in recordings("speech16k", 150):
        assert DtmfListener().push(read_recording(path)) == "", path.name
