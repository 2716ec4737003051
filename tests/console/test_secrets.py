"""Passwords, codes and tokens are in no log line, no process list and no other file."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.access.house import House
from appliance.console.server import ROLES
from tests.console.editing import NEWER, PASSWORD, editing

OTHER = "eleven quiet harbours sleep"
ROOT = Path(__file__).parents[2]


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_no_log_line_and_no_file_of_the_desk_holds_what_opens_the_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with editing(tmp_path, claimed=True) as page:
        code = page.house.pairing.code()
        secrets = [PASSWORD, OTHER, "a mistyped brass bell", code, code.replace(" ", "")]
        await page.ask("/access/pair", {"code": code, "name": "eve", "password": OTHER})
        await page.enter("ann", "a mistyped brass bell")
        await page.enter("a mistyped brass bell", PASSWORD)
        await page.enter("root")
        secrets.append(page.cookie.partition("=")[2])
        _, told = await page.ask(
            "/access/tokens/make", {"label": "x", "role": "manager", "days": 1, "password": PASSWORD}
        )
        secrets.append(told["token"])
        _, told = await page.ask("/access/second/propose", {"password": PASSWORD})
        await page.ask("/access/second/confirm", {"code": "000000"})
        await page.ask("/access/accounts/password", {"name": "vic", "new": OTHER, "password": PASSWORD})
        await page.publish(NEWER)
        secrets.append(page.cookie.partition("=")[2])
        kept = everything(tmp_path)
    logged = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "did not know" in logged
    for secret in secrets:
        assert secret
        assert secret not in logged
        assert secret.encode() not in kept
    assert told["secret"] not in logged
    assert told["secret"].encode() not in kept


def test_a_password_is_typed_and_in_no_process_list(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_text("")
    command = [sys.executable, "-m", "appliance", "account", "add", "ann", "--role", "admin"]
    pipe = subprocess.PIPE
    adding = subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert adding.stdin
    adding.stdin.write(f"{OTHER}\n")
    adding.stdin.flush()
    seen = b""
    until = time.monotonic() + 30
    while adding.poll() is None and time.monotonic() < until:
        for name in ("cmdline", "environ"):
            try:
                seen += Path(f"/proc/{adding.pid}/{name}").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                break
        time.sleep(0.01)
    told, _ = adding.communicate(timeout=30)
    assert adding.returncode == 0, told
    assert b"account" in seen
    assert OTHER.encode() not in seen
    assert OTHER not in told
    house = House(tmp_path / "var/access.db", ROLES)
    assert house.accounts.check("ann", OTHER) == "ann"
    house.close()
