"""`appliance first-boot` and `appliance factory-reset`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import numpy as np

from appliance import config
from appliance.config import Box
from appliance.engines import registry
from appliance.engines.thread import EngineThread
from appliance.firstboot import reset as resetting
from appliance.firstboot.steps import Places, Point, first_boot
from appliance.messages import RATE

log = logging.getLogger(__name__)

AGAIN = 60.0
"""Seconds between two times that the box says its password."""


async def run(**places: Any) -> int:
    """`places`: where they are not as an image has them."""
    where = Places(**places)
    resetting.reset(where)
    await first_boot(where, lambda point: tell(point, where))
    return 0


def reset(box_path: Path | None, sure: bool) -> int:
    box, _ = config.read_box(box_path)
    if not sure and input(f"Everything in {box.data} is forgotten at the next start. Type yes: ") != "yes":
        return 1
    resetting.ask(box.data)
    print("At its next start the box forgets everything: start it anew. To think better of it before, delete")
    print(f"    {box.data / resetting.ASKED}")
    return 0


async def tell(point: Point, places: Places) -> None:
    """On the screen, and by voice again and again, until cancelled."""
    print(
        f"\nThis box is new. Join its wireless network and open its page:\n\n"
        f"    network   {point.name}\n    password  {' '.join(groups(point.password))}\n"
        f"    page      http://{places.host}\n\n(The password is typed without the spaces.)\n",
        flush=True,
    )
    voice = EngineThread("voice")
    try:
        box, _ = config.read_box(places.config / "box.toml")
        pcm = await voice.run(_spoken, box, spoken(point, places.host))
        while True:
            await voice.run(_play, box.kiosk.speaker, pcm)
            await asyncio.sleep(AGAIN)
    except Exception as error:  # No voice, no loudspeaker: the screen has it.
        log.warning("the password is not said: %s", error)
    finally:
        voice.close(0)


def groups(digits: str) -> list[str]:
    return [digits[at : at + 4] for at in range(0, len(digits), 4)]


def spoken(point: Point, host: str) -> str:
    """What is said: each digit of its own."""
    said = ". ".join(", ".join(group) for group in groups(point.password))
    name = point.name.split()[-1]
    return (
        f"This desk is new. Its wireless network is called desk {', '.join(name)}. The password is: {said}. "
        f"I say it again: {said}. Then open {host.replace('.', ' dot ')} in a browser."
    )


def _spoken(box: Box, text: str) -> bytes:
    """s16le mono 16 kHz."""
    return b"".join(registry.make("tts", box.engines.tts, box).speak(text))


def _play(speaker: str, pcm: bytes) -> None:
    import sounddevice

    device = None if speaker == "default" else speaker
    sounddevice.play(np.frombuffer(pcm, "<i2"), RATE, device=device, blocking=True)
