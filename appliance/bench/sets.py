"""Recorded speech to measure on, in named sets. The recordings are not part of the project: they are read
from a folder whose MANIFEST.tsv has a row per file: file, what, source, licence, sha256, seconds,
transcript."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from appliance.errors import AudioError, StorageError
from appliance.messages import RATE, Expect

Half = Literal["test", "train", "all"]
"""Half of the recordings is for tuning; figures are taken on the other."""

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"

Measure = Literal["words", "digits", "letters", "slots", "nothing"]


@dataclass(frozen=True, slots=True)
class Clip:
    name: str
    pcm: bytes
    """s16le mono 16 kHz."""
    reference: str
    """What was said; a JSON object of slots for orders; "" where nobody speaks."""


@dataclass(frozen=True, slots=True)
class Set:
    """Recordings that are measured alike. Clips are read as they are asked for."""

    name: str
    what: str
    measure: Measure
    folders: tuple[str, ...]
    """Prefixes of the manifest's file names."""
    expect: Expect = field(default_factory=Expect)
    """What the desk would be waiting for."""
    telephone: bool = False
    """Pass the sound through G.711 first."""
    every: int = 1
    """Take each n-th recording only."""
    piece: float = 0.0
    """Seconds; cut longer recordings into pieces of this length."""
    keep: Callable[[dict[str, str]], bool] = lambda row: True
    """Which of the manifest's rows belong to the set."""

    def clips(self, data: Path, limit: int | None = None) -> Iterator[Clip]:
        rows = [
            row
            for row in manifest(data)
            if row["file"].startswith(self.folders) and row["seconds"] and self.keep(row)
        ][:: self.every]
        count = 0
        for row in rows:
            pcm = read(data / row["file"])
            if self.telephone:
                pcm = telephone(pcm)
            reference = row["transcript"] or ""
            for at, part in pieces(pcm, self.piece):
                if limit is not None and count >= limit:
                    return
                count += 1
                yield Clip(
                    f"{row['file']}{at}", part, reference.lower() if reference.isupper() else reference
                )


DIGITS = Expect("digits")
SPELLED = Expect("spelled")


def _worded(row: dict[str, str]) -> bool:
    """Beeps are described in brackets, not transcribed."""
    return bool(row["transcript"]) and not row["transcript"].startswith("[")


def _nobody(row: dict[str, str]) -> bool:
    """Somebody who talks in the background has words, and an engine may hear them."""
    return "talking" not in row["what"]


SETS = {
    each.name: each
    for each in (
        Set("an4", "names, dates, digits, spelling (52)", "words", ("speech16k/an4/test/",)),
        Set("an4-train", "the same, each 5th (100)", "words", ("speech16k/an4/train/",), every=5),
        Set("an4-phone", "AN4 through G.711", "words", ("speech16k/an4/test/",), telephone=True),
        Set("an4-train-phone", "the same", "words", ("speech16k/an4/train/",), every=5, telephone=True),
        Set("numbers", "dictated phone numbers", "digits", ("speech16k/alnum/numbers/",), DIGITS),
        Set("numbers-any", "the same, unannounced", "digits", ("speech16k/alnum/numbers/",)),
        Set("numbers-phone", "through G.711", "digits", ("speech16k/alnum/numbers/",), DIGITS, True),
        Set("names", "spelled names", "letters", ("speech16k/alnum/names/",), SPELLED),
        Set("addresses", "addresses read out", "words", ("speech16k/alnum/addresses/",)),
        Set("orders", "order slots found", "slots", ("speech16k/s2i_coffee/",)),
        Set("prompts8k", "real 8 kHz prompts", "words", ("speech8k/asterisk_en/",), keep=_worded),
        Set("fsdd", "single digits, 8 kHz", "digits", ("speech8k/fsdd/",), DIGITS),
        Set("letters", "single letters and digits", "letters", ("speech16k/letters/",), SPELLED),
        Set("adults", "non-native adults reading", "words", ("speech16k/speechocean762/adult/",), every=4),
        Set("noise", "noise and hold music", "nothing", ("noise/",), piece=6.0, keep=_nobody),
    )
}  # fmt: skip


def manifest(data: Path) -> list[dict[str, str]]:
    path = data / "MANIFEST.tsv"
    if not path.is_file():
        raise StorageError(f"there are no recordings in {data}", "name their folder with --data")
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def slots(reference: str) -> list[str]:
    """The values to be found in an order."""
    return [str(value).strip() for value in json.loads(reference)["slots"].values()]


def read(path: Path) -> bytes:
    """A recording of any rate and channel count as s16le mono 16 kHz."""
    try:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path.name} cannot be read as sound", "give a WAV, FLAC or OGG file") from error
    return to_pcm(resample(sound.mean(axis=1), rate, RATE))


def telephone(pcm: bytes) -> bytes:
    """The sound as a telephone line passes it on: 8 kHz, G.711 mu-law, and back to 16 kHz."""
    narrow = resample(to_float(pcm), RATE, 8000)
    magnitude = np.log1p(255.0 * np.minimum(np.abs(narrow), 1.0)) / np.log(256.0)
    coded = np.sign(narrow) * np.round(magnitude * 127.0) / 127.0
    decoded = np.sign(coded) * (256.0 ** np.abs(coded) - 1.0) / 255.0
    return to_pcm(resample(decoded.astype(np.float32), 8000, RATE))


def pieces(pcm: bytes, length: float) -> Iterator[tuple[str, bytes]]:
    """Cut into pieces of `length` seconds, each with a name; the rest of under a second is dropped. A length
    of 0 leaves it whole."""
    step = 2 * round(length * RATE) or len(pcm)
    for start in range(0, max(1, len(pcm)), max(1, step)):
        part = pcm[start : start + step]
        if start == 0 or len(part) >= 2 * RATE:
            yield (f"@{start // (2 * RATE)}s" if start else ""), part


def resample(sound: NDArray[np.float32], rate: int, to: int) -> NDArray[np.float32]:
    return sound if rate == to else np.asarray(soxr.resample(sound, rate, to), dtype=np.float32)


def to_float(pcm: bytes) -> NDArray[np.float32]:
    return np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2").astype(np.float32) / 32768.0


def to_pcm(sound: NDArray[np.float32]) -> bytes:
    return (np.clip(sound, -1.0, 32767 / 32768) * 32768.0).round().astype("<i2").tobytes()


def half_of(name: str) -> Half:
    """By the file's name alone, so that a recording is always on the same side."""
    return "train" if lot(name) < 0.5 else "test"


def lot(name: str) -> float:
    """0 to 1, always the same for a name."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
