"""One recorded utterance in, one answer out: run inside a system, on its own engines. Tells what was heard
and said.

python answered.py RECORDING
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying, read_recording
from appliance.config import SHIPPED, read_box, read_desk
from appliance.messages import Heard, Turn


async def main(recording: Path) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, _ = read_desk(SHIPPED / "desk.toml")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as data:
        seen: list[object] = []
        async with App(replace(box, data=Path(data)), replace(desk, silence=120.0)) as app:
            await app.voiced()  # Not `prepared`: to make the sound of every line ahead takes hours here.
            print(f"off: {app.off}")
            await app.talk(
                RecordedCaller([Saying(read_recording(recording))], linger=3.0, watch=seen.append), None
            )
    for turn in (each for each in seen if isinstance(each, Turn)):
        heard = turn.cause.text if isinstance(turn.cause, Heard) else ""
        print(f"heard: {heard!r} decided: {turn.decision.intent} said: {turn.spoken.text!r}")
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
