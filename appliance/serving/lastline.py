"""The one line that a desk says which cannot start: its sound, kept as a file of its own for that day."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import numpy as np
import soundfile

from appliance.channels.recorded import read_recording
from appliance.config import SHIPPED
from appliance.errors import AudioError, StorageError
from appliance.messages import RATE, Line
from appliance.speech import Speech
from appliance.system.writing import write

NAME = "out-of-order.flac"


async def keep(speech: Speech, text: str, folder: Path) -> None:
    """Have its sound on the disk, in the desk's own voice. Raises StorageError."""
    pcm = b"".join([piece async for piece in speech.speak(Line(text))])
    await asyncio.to_thread(_write, folder / NAME, pcm)


def sound(folder: Path) -> bytes:
    """s16le mono 16 kHz: the desk's own, or, where none was ever made or it is broken, the one that ships."""
    try:
        return read_recording(folder / NAME)
    except AudioError:
        return read_recording(SHIPPED / NAME)


def _write(path: Path, pcm: bytes) -> None:
    """Whole or not at all, and not again where it is there already."""
    try:
        if path.exists() and soundfile.read(path, dtype="int16")[0].tobytes() == pcm:
            return
        sound = io.BytesIO()
        soundfile.write(sound, np.frombuffer(pcm, dtype="<i2"), RATE, format="FLAC")
        write(path, sound.getvalue())
    except (OSError, RuntimeError) as error:
        raise StorageError(f"{path} cannot be written ({error})", "free some space on the disk") from error
