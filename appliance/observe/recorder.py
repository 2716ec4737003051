"""A call as a two-channel recording: caller left, desk right, on one clock."""

from __future__ import annotations

import logging
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.errors import StorageError
from appliance.messages import RATE, Audio, samples
from appliance.observe.locked import Lock, folder_key

log = logging.getLogger(__name__)

HELD = samples(1.0)
"""Sound held back before it is written, since the two sides do not arrive in step."""

AT_ONCE = samples(1.0)
"""Sound that is written at a time. The file's head is right after each, so that a recording plays though the
box went down in mid-call."""


class Recorder:
    """Writes s16le stereo at 16 kHz, encrypted where the data folder is. Sound that never came is silence, so
    that the recording is exactly as long as the call. When the disk fails the call goes on without: `failed`
    says why."""

    def __init__(self, path: Path, origin: int | None = None) -> None:
        """`origin`: the clock with which it begins; else that of the caller's first frame."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            key = folder_key(path)
            self._file = Lock(path, key) if key else _wave(path)
        except OSError as error:
            raise StorageError(
                f"the recording {path} cannot be written ({error.strerror})",
                "free some space on the disk or choose another folder",
            ) from error
        self.failed = ""
        self.path = path
        self.discarded = False
        self.paused = False
        """Meanwhile silence is recorded, of both sides."""
        self._origin = origin
        self._written = 0
        self._held: NDArray[np.int16] = np.zeros((0, 2), dtype="<i2")

    def caller(self, audio: Audio) -> None:
        """A frame from the microphone. The first one sets the recording's start, where nothing else does."""
        if self.discarded:
            return
        if self._origin is None:
            self._origin = audio.at
        self._place(audio, side=0)
        if len(self._held) >= HELD + AT_ONCE:
            self._write(len(self._held) - HELD)

    def desk(self, audio: Audio) -> None:
        """A stretch that was played."""
        if self._origin is not None and not self.discarded:
            self._place(audio, side=1)

    def rename(self, path: Path) -> None:
        """Go on under another name."""
        try:
            self.path = self.path.rename(path)
        except OSError as error:
            self.failed = error.strerror or str(error)
            log.error("the recording is not kept, for it cannot be renamed: %s", self.failed)

    def discard(self) -> None:
        """Delete what was recorded, and record no more. Safe to repeat."""
        self.discarded = True
        self.close()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            self.failed = error.strerror or str(error)
            log.error("a recording that must not be kept could not be deleted: %s", self.failed)

    def close(self) -> None:
        """Write what is held and close the file. Safe to repeat."""
        self._write(len(self._held))
        try:
            self._file.close()
        except OSError as error:
            self.failed = self.failed or str(error)

    def _place(self, audio: Audio, side: int) -> None:
        assert self._origin is not None
        start = audio.at - self._origin - self._written
        pcm = np.frombuffer(audio.pcm, dtype="<i2")[max(0, -start) :]
        start = max(0, start)
        missing = start + len(pcm) - len(self._held)
        if missing > 0:
            self._held = np.vstack([self._held, np.zeros((missing, 2), dtype="<i2")])
        if not self.paused:
            self._held[start : start + len(pcm), side] = pcm

    def _write(self, count: int) -> None:
        if not count:
            return
        if not self.failed:
            try:
                sound = self._held[:count].tobytes()
                if isinstance(self._file, Lock):
                    self._file.write(sound)
                else:
                    self._file.writeframes(sound)
            except OSError as error:
                self.failed = error.strerror or str(error)
                log.error("the recording stops here, the call goes on: %s", self.failed)
        self._written += count
        self._held = self._held[count:]


def _wave(path: Path) -> wave.Wave_write:
    file = wave.open(str(path), "wb")  # noqa: SIM115 - closed by close()
    file.setnchannels(2)
    file.setsampwidth(2)
    file.setframerate(RATE)
    return file
