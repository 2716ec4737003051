"""What is told to end does so in order, and says so."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.commands.ending import INTERRUPTED, to_the_end

BUSY = """
import asyncio, sys, tempfile, time
from appliance import __main__ as program

def busy(arguments):
    with tempfile.TemporaryDirectory():
        print("busy", flush=True)
        {wait}

program._check = busy
sys.argv = ["appliance", "check"]
program.main()
"""


@pytest.mark.parametrize("wait", ["time.sleep(60)", "asyncio.run(asyncio.sleep(60))"])
def test_a_command_that_is_killed_leaves_nothing_behind(tmp_path: Path, wait: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY.format(wait=wait)], stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == b"busy\n"
    assert list(tmp_path.iterdir())
    process.terminate()
    # Whoever has sent the signal finds that it was died of.
    assert process.wait(60) == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def command(work: str, **more: Any) -> tuple[int, bytes]:
    """What `appliance check` that does this ends with, and what it complains of."""
    busy = BUSY.format(wait=work)
    done = subprocess.run([sys.executable, "-c", busy], stderr=subprocess.PIPE, timeout=60, **more)
    return done.returncode, done.stderr


def test_where_nobody_answers_what_is_asked_the_mend_is_told() -> None:
    code, told = command("input('for good?')", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert (code, told.splitlines()[-1]) == (1, b"    mend: run it at a terminal")
    assert b"Traceback" not in told


def test_who_reads_no_further_is_no_fault() -> None:
    """As `head`, when it has seen enough."""
    reader, writer = os.pipe()
    os.close(reader)
    assert command("pass", stdout=writer) == (1, b"")
    os.close(writer)


def test_what_was_asked_whether_all_is_well_and_is_cut_off_does_not_say_that_it_is() -> None:
    async def asked() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)
        return 0

    assert to_the_end(asked(), ended=INTERRUPTED) == INTERRUPTED
    assert to_the_end(asked()) == 0


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
