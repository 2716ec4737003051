"""A desk that cannot start as it should takes every call all the same, and says one line."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
from websockets.sync.client import connect
from websockets.typing import Origin

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, read_recording
from appliance.channels.scripted import ScriptedCaller
from appliance.commands.safe import FixedDesk, run_safe
from appliance.config import SHIPPED, Box
from appliance.serving import lastline
from tests import test_command
from tests.test_app import LEAVING, VOICE
from tests.test_command import command

folder = test_command.folder

LINE = np.full(8000, 3000, dtype="<i2").tobytes()
"""Half a second."""


async def test_a_caller_hears_the_line_to_its_end_and_is_let_go() -> None:
    heard = bytearray()
    caller = RecordedCaller([], linger=60)
    caller.playout.on_played = lambda audio: heard.extend(audio.pcm)
    await asyncio.wait_for(FixedDesk(LINE, "Being mended.").talk(caller), 10)
    assert bytes(heard) == LINE
    assert caller._gone


async def test_who_hangs_up_first_keeps_nobody() -> None:
    caller = RecordedCaller([], pace=False, linger=0.1)
    desk = FixedDesk(LINE, "Being mended.")
    await asyncio.wait_for(desk.talk(caller), 10)
    await asyncio.wait_for(desk.over(), 1)


async def test_who_writes_reads_it() -> None:
    caller = ScriptedCaller([])
    await FixedDesk(LINE, "Being mended.").chat(caller)
    assert caller.spoken().text == "Being mended."


async def test_the_line_is_the_desks_own_once_it_was_well_and_else_the_one_that_ships(tmp_path: Path) -> None:
    shipped = read_recording(SHIPPED / lastline.NAME)
    assert len(shipped) > 2 * 16_000
    assert lastline.sound(tmp_path) == shipped
    desk = replace(LEAVING, lines=replace(LEAVING.lines, out_of_order="Back at noon"))
    async with App(Box(tmp_path, engines=VOICE), desk) as app:
        await app.prepared()
    own = lastline.sound(tmp_path)
    assert 0.8 < len(own) / 32_000 < 1.0  # Three words of the fake voice.
    (tmp_path / lastline.NAME).write_bytes(b"the card is worn out")
    assert lastline.sound(tmp_path) == shipped


async def test_the_card_is_not_written_to_again_for_the_same_line(tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        async with App(Box(tmp_path, engines=VOICE), LEAVING) as app:
            await app.prepared()
        written.append((tmp_path / lastline.NAME).stat().st_mtime_ns)
    assert written[0] == written[1]


def test_neither_file_of_configuration_need_be_valid(folder: Path) -> None:
    (folder / "desk.toml").write_text("[broken")
    (folder / "data").mkdir()
    (folder / "data" / "desk.db").write_bytes(b"no database")
    process = subprocess.Popen(
        [*command(folder, "run"), "--safe"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    port = (folder / "port").read_text()
    try:
        test_command.answers(process, folder)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            assert json.loads(answer.read())["status"][0]["name"] == "safe mode"
        with connect(f"ws://127.0.0.1:{port}/chat", origin=Origin(f"http://127.0.0.1:{port}")) as chat:
            said = " ".join(str(message) for message in chat)
        assert "This desk is being mended." in said
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 0, output
    assert "line 1" in output
    assert "Traceback" not in output


async def test_it_ends_by_itself_so_that_the_desk_is_tried_again(folder: Path) -> None:
    async with asyncio.timeout(10):
        assert await run_safe(folder / "box.toml", folder / "desk.toml", lasts=0.3) == 0
