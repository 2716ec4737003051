"""What recorded callers are made of: speech, short words, noises and rooms, found in a folder of recordings
by what its manifest says of each. Half of the recordings, by a hash of the file's name, is for tuning;
figures are taken on the other."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.bench.sets import Half, half_of, lot, manifest, resample, to_float
from appliance.errors import AudioError
from appliance.messages import RATE, samples

Sound = NDArray[np.float32]
"""-1 to 1 at 16 kHz, shape (samples,)."""

DEBIAN = Path("/usr/share/pocketsphinx/test/data/cards")
"""Where Debian's pocketsphinx-testdata puts recordings of people."""

WINDOW = RATE // 200
"""Resolution with which the edges of speech are found: 5 ms."""

STEADY = 6
"""Windows of sound that are speech; a click is shorter."""

FAINT = 32
"""A voice is nowhere so many times, 30 dB, below its loudest."""

LOUD = 0.05
"""Level that callers are brought to: root mean square of their speech, full scale 1."""

BACK_CHANNELS = re.compile(r"(yes|yeah|yep|ok|okay|oh|right|sure|mhm|mm|uh huh|i see)[.!]?", re.IGNORECASE)
"""What people say while they go on listening."""

COMMANDS = re.compile(r"(stop|no|help|go|cancel|quit|repeat|wait|nope)[.!]?", re.IGNORECASE)
"""What people say to be let in."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording of one person, without the quiet around their words."""

    name: str
    sound: Sound
    """Begins with the first sound of speech and ends with the last."""
    text: str = ""
    """What is said; empty where nobody wrote it down."""


@dataclass(frozen=True, slots=True)
class Library:
    """The recordings of one half. Each of its lists is read when it is asked for, in the manifest's order
    shuffled by the names' hashes, so that the first few are a fair draw."""

    data: Path
    half: Half = "test"

    def callers(self) -> Iterator[Clip]:
        """A sentence or an order, 0.8 to 9 s, by many people."""
        folders = (
            "speech16k/an4", "speech16k/s2i_coffee", "speech16k/vctk", "speech16k/speechocean762/adult",
            "speech16k/harvard", "speech16k/gcp", "speech16k/librispeech", "speech16k/alnum/addresses",
            "speech16k/pocketsphinx", "speech8k/asterisk_en",
        )  # fmt: skip

        def fits(row: dict[str, str]) -> bool:
            words = row["transcript"]
            return not (words.startswith("[") or BACK_CHANNELS.fullmatch(words) or COMMANDS.fullmatch(words))

        sources = [self._clips((folder,), fits) for folder in folders]
        return self._speech(_in_turn(sources), 0.8, 9.0)

    def numbers(self) -> Iterator[Clip]:
        """Dictated telephone numbers."""
        return self._speech(self._clips(("speech16k/alnum/numbers",)), 1.5, 14.0)

    def names(self) -> Iterator[Clip]:
        """Spelled names."""
        return self._speech(self._clips(("speech16k/alnum/names",)), 1.0, 14.0)

    def short(self, words: re.Pattern[str]) -> Iterator[Clip]:
        """Single words, by what they are."""

        def fits(row: dict[str, str]) -> bool:
            return words.fullmatch(row["transcript"].strip()) is not None

        return self._speech(self._clips(("speech", "turn"), fits), 0.1, 1.5)

    def fillers(self) -> Iterator[Clip]:
        """ "Um": nobody wrote it down where people said it, and a spoken letter M is nearest."""
        letters = self._clips(("speech16k/letters",), lambda row: row["transcript"].lower() == "m")
        return self._speech(letters, 0.1, 1.0)

    def noises(self) -> Iterator[Clip]:
        """What a desk hears that nobody says: 0.3 to 2.5 s of each noise, from where it is loudest."""

        def fits(row: dict[str, str]) -> bool:
            return not re.search(r"talking|crowd|music|hold|multi-channel|silence", row["what"])

        for clip in self._clips(("noise/",), fits):
            length = min(len(clip.sound), samples(0.3 + 2.2 * lot(clip.name[::-1])))
            start = loudest(clip.sound, length)
            yield Clip(clip.name, levelled(clip.sound[start : start + length]))

    def backgrounds(self) -> Iterator[Clip]:
        """Places in which people speak: at least 8 s of steady sound."""

        def fits(row: dict[str, str]) -> bool:
            return not re.search(r"music|hold|talking", row["what"])

        for clip in self._clips(("noise/",), fits):
            if len(clip.sound) >= samples(8):
                yield Clip(clip.name, clip.sound[: samples(60)])

    def rooms(self) -> Iterator[Clip]:
        """Room responses from the direct sound on, of unit energy."""
        for clip in self._clips(("rir/",)):
            start = int(np.argmax(np.abs(clip.sound)))
            response = clip.sound[max(0, start - 16) : start + samples(0.4)]
            yield Clip(clip.name, (response / np.sqrt((response**2).sum())).astype(np.float32))

    def _clips(
        self,
        folders: tuple[str, ...],
        fits: Callable[[dict[str, str]], bool] = lambda row: True,
    ) -> Iterator[Clip]:
        """Whole recordings; those that cannot be read are passed over."""
        rows = {row["file"]: {key: value or "" for key, value in row.items()} for row in manifest(self.data)}
        found = {
            name: (self.data / name, "" if row["transcript"].startswith("{") else row["transcript"])
            for name, row in rows.items()
            if name.startswith(folders) and fits(row)
        }
        if folders == ("speech16k/pocketsphinx",):
            found |= {path.name: (path, "") for path in sorted(DEBIAN.glob("*.wav"))}
        for name in sorted(found, key=_digest):
            path, text = found[name]
            if self.half in ("all", half_of(name)):
                with suppress(AudioError):
                    yield Clip(name, read(path), text)

    def _speech(self, clips: Iterable[Clip], least: float, most: float) -> Iterator[Clip]:
        for clip in clips:
            sound = trimmed(clip.sound)
            if samples(least) <= len(sound) <= samples(most):
                yield replace(clip, sound=levelled(sound))


def read(path: Path) -> Sound:
    """A recording of any rate and channel count; formats that libsndfile lacks are left to ffmpeg, where it
    is installed."""
    try:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return resample(sound.mean(axis=1), rate, RATE)
    except (OSError, soundfile.LibsndfileError) as error:
        if shutil.which("ffmpeg") and path.is_file():
            ask = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-ar", str(RATE), "-"]
            made = subprocess.run(ask, capture_output=True, check=False)
            if made.stdout:
                return to_float(made.stdout)
        raise AudioError(f"{path.name} cannot be read as sound", "give a WAV, FLAC or OGG file") from error


def trimmed(sound: Sound) -> Sound:
    """From the first to the last stretch of 30 ms that is within 30 dB of the loudest and clear of the
    recording's own noise."""
    level = levels(sound)
    if not len(level) or not level.max():
        return sound[:0]
    floor = float(np.percentile(level, 5))
    loud = level > max(level.max() / FAINT, min(3 * floor, level.max() / 6))
    steady = np.flatnonzero(np.convolve(loud, np.ones(STEADY), "valid") == STEADY)
    if not len(steady):
        return sound[:0]
    return sound[steady[0] * WINDOW : (steady[-1] + STEADY) * WINDOW]


def first_heard(level: Sound) -> int:
    """The first window of a stretch of 30 ms that is within 30 dB of the loudest; 0 where there is none."""
    heard = np.convolve(level > level.max(initial=0.0) / FAINT, np.ones(STEADY), "valid") == STEADY
    return int(np.argmax(heard)) if len(heard) else 0


def levels(sound: Sound) -> Sound:
    """Root mean square of each whole window."""
    whole = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW)
    level: Sound = np.sqrt((whole**2).mean(axis=1))
    return level


def levelled(sound: Sound) -> Sound:
    """At the level that callers have; its loudest sample within range."""
    level = levels(sound)
    loud = level[level > level.max(initial=0.0) / 10]
    gain = LOUD / float(np.sqrt((loud**2).mean())) if len(loud) else 1.0
    made: Sound = sound * np.float32(min(gain, 0.99 / max(float(np.abs(sound).max(initial=0.0)), 1e-6)))
    return made


def loudest(sound: Sound, length: int) -> int:
    """Where the loudest stretch of a length begins."""
    energy = np.concatenate(([0.0], np.cumsum(sound.astype(np.float64) ** 2)))
    return int(np.argmax(energy[length:] - energy[: len(energy) - length]))


def _in_turn(sources: Iterable[Iterator[Clip]]) -> Iterator[Clip]:
    """One of each in turn, and of those that have more on and on."""
    waiting = deque(sources)
    while waiting:
        source = waiting.popleft()
        if clip := next(source, None):
            yield clip
            waiting.append(source)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
