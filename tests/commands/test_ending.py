"""How what runs is ended."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, time
from appliance.commands.ending import leave, told_to_stop

async def main():
    stop = told_to_stop(within=0.5)
    print("up", flush=True)
    await stop
    {ends}

asyncio.run(main())
leave(0)
"""


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        pytest.param("pass", 0, id="in-time"),
        pytest.param("time.sleep(60)", -signal.SIGALRM, id="hung-in-its-loop"),
        pytest.param("await asyncio.to_thread(time.sleep, 60)", -signal.SIGALRM, id="hung-in-a-thread"),
    ],
)
def test_what_hangs_as_it_ends_is_ended_by_its_alarm(ends: str, code: int) -> None:
    program = [sys.executable, "-c", PROGRAM.format(ends=ends)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.wait(30) == code
