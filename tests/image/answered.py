"""One recorded utterance in, one answer out: run inside a system, on its own engines. An emulated processor
is some thirty times too slow for the loop, which keeps time: each engine is asked by itself, and the desk by
text.

python answered.py RECORDING
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from appliance.app import App
from appliance.channels.recorded import read_recording
from appliance.channels.scripted import ScriptedCaller
from appliance.config import SHIPPED, read_box, read_desk
from appliance.messages import RATE, Expect, Turn


async def main(recording: Path, data: Path) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, _ = read_desk(SHIPPED / "desk.toml")
    began = time.monotonic()
    turns: list[Turn] = []
    # Early, and never at ease: to make the sound of every line ahead would take hours.
    async with App(replace(box, data=data), desk, turns.append, early=True) as app:
        await app.voiced()
        print(f"off: {app.off}", flush=True)
        said = read_recording(recording)
        speech = np.array(app.engine("vad")[0].stream().push(said)) > 0.5
        print(f"speech in {speech.mean():.0%} of it", flush=True)
        heard = hear(app, said)
        print(f"heard: {heard!r}", flush=True)
        await app.chat(ScriptedCaller([heard]))
        answer = turns[-1].spoken.text
        print(f"decided: {turns[-1].decision.intent} said: {answer!r}", flush=True)
        sound = b"".join(app.engine("tts")[0].speak(answer))
        print(f"spoken in {len(sound) / 2 / RATE:.1f} s, heard again: {hear(app, sound)!r}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")


def hear(app: App, sound: bytes) -> str:
    stream = app.engine("asr")[0].stream(Expect())
    stream.push(sound)
    return str(stream.finish().text)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
