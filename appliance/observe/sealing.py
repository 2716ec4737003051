"""What was recorded of a call becomes the recording that is kept: Opus in Ogg, exactly as long as the call,
with a tone where something private was said.

While a call lasts its sound is written as it comes (`.part`; `.asked` until the caller has agreed to it), so
that a power cut costs a second of it. What is private is known when the words are: the call is sealed when it
is over."""

from __future__ import annotations

import io
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from appliance.errors import StorageError
from appliance.messages import RATE, samples
from appliance.observe.locked import Lock, folder_key, locked, pieces

log = logging.getLogger(__name__)

PART, ASKED, SEALED = ".part", ".asked", ".ogg"

HEADER = 44
"""Bytes of a WAV before its sound."""

BLOCK = samples(1.0)
FRAME = 4
"""Bytes of a sample of both sides."""

ROOM = 200 << 20
"""Bytes that must be free on the disk for a call to be recorded: an hour of it."""

TONE = 1000
"""Hertz, and ..."""
LOUD = 3000
"""... its height, of 32768."""

AROUND = {0: samples(0.3), 1: samples(0.1)}
"""By how much a tone is longer than the words, by side: a caller's are placed by guess."""

Sound = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Beep:
    """A stretch of the clock in which one side is a tone."""

    side: int
    """0 the caller, 1 the desk."""
    start: int
    end: int


def has_room(folder: Path) -> bool:
    """Whether the disk surely takes another call."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(folder).free >= ROOM
    except OSError:
        return False


def beeps(turns: Iterable[Mapping[str, Any]]) -> Iterator[Beep]:
    """What must not be heard of turns, as `account.kept` made them. Of who told a card number, all that was
    said in that breath: it is not certain where in it the digits lie."""
    for turn in turns:
        heard = turn["heard"]
        for text, start, end in heard["words"] if heard else ():
            if text == "[card]":
                yield Beep(0, heard["start"], heard["end"])
            elif _left_out(text):
                yield Beep(0, start, end)
        for text, start, end in turn["spoken"]["words"]:
            if _left_out(text):
                yield Beep(1, start, end)


def known(turns: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """The clocks up to which it is known what each side said, of turns as `account.kept` made them: the
    caller to the last words that were understood, the desk to the end of its last line. Who is told goodbye,
    or asked whether they are there, may be in the middle of a sentence."""
    heard, spoken = 0, 0
    for turn in turns:
        heard = max(heard, turn["heard"]["end"] if turn["heard"] else 0)
        spoken = max(spoken, turn["spoken"]["end"] or 0)
    return heard, spoken


def seal(part: Path, muted: Sequence[Beep], until: tuple[int, int] | None = None) -> Path:
    """Write the recording, whole or not at all, delete `part`, and return its path. After the clocks `until`,
    if they are given, each side is silence: nobody knows what was said there. StorageError where the disk
    does not take it."""
    kept = part.with_suffix(SEALED)
    new = part.with_suffix(".new")
    try:
        key = folder_key(part)
        whole = io.BytesIO() if key else new
        with soundfile.SoundFile(whole, "w", RATE, 2, format="OGG", subtype="OPUS") as file:
            at = 0
            for block in unsealed(part):
                sound = np.frombuffer(block[: len(block) // FRAME * FRAME], dtype="<i2").reshape(-1, 2).copy()
                _mute(sound, at, muted)
                for which, end in enumerate(until or ()):
                    sound[max(0, end - at) :, which] = 0
                file.write(sound)
                at += len(sound)
            if not at:  # No player opens an Opus without a single sample.
                file.write(np.zeros((1, 2), dtype="<i2"))
        if isinstance(whole, io.BytesIO) and key:
            with closing(Lock(new, key)) as locking:
                locking.write(whole.getvalue())
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(kept)
        part.unlink()
    except (OSError, RuntimeError) as error:
        new.unlink(missing_ok=True)
        raise StorageError(
            f"the recording {kept} cannot be written ({error})", "free some space on the disk"
        ) from error
    return kept


def side(part: Path, which: int, start: int, end: int) -> bytes:
    """What one side said between two clocks, s16le; nothing where it cannot be read."""
    content = bytearray()
    try:
        for block in unsealed(part, start * FRAME):
            content += block
            if len(content) >= (end - start) * FRAME:
                break
    except (OSError, ValueError, StorageError):
        return b""
    sound = np.frombuffer(bytes(content[: max(0, end - start) * FRAME]), dtype="<i2")
    return bytes(sound[: len(sound) // 2 * 2].reshape(-1, 2)[:, which].tobytes())


def unfinished(folder: Path) -> list[tuple[Path, str]]:
    """What a crash left: each `.part`, and the call that it is of. What nobody agreed to is deleted."""
    if not folder.is_dir():
        return []
    for path in (*folder.glob(f"*{ASKED}"), *folder.glob("*.new")):
        path.unlink(missing_ok=True)
    return [(path, path.stem.partition("-")[2]) for path in sorted(folder.glob(f"*{PART}"))]


def unsealed(part: Path, start: int = 0) -> Iterator[bytes]:
    """The sound of what is not sealed yet, from a byte of it on, in whole samples of both sides."""
    if locked(part):
        yield from pieces(part, start)
        return
    with part.open("rb") as raw:
        raw.seek(HEADER + start)
        while block := raw.read(BLOCK * FRAME):
            yield block


def _mute(sound: Sound, at: int, muted: Sequence[Beep]) -> None:
    for each in muted:
        start = max(0, each.start - AROUND[each.side] - at)
        end = min(len(sound), each.end + AROUND[each.side] - at)
        if start < end:
            moments = np.arange(at + start, at + end)
            tone = LOUD * np.sin(2 * np.pi * TONE * moments / RATE)
            sound[start:end, each.side] = tone.astype("<i2")


def _left_out(text: str) -> bool:
    return text.startswith("[") and text.endswith("]")
