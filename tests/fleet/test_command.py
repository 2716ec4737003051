"""The commands, as people type them: a server, a box that joins, is asked to restart, and is revoked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from tests import test_command
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto, wait_for
from tests.test_command import appliance, command, start

pytestmark = needs_mosquitto

PASSWORD = "four words are enough\n"
folder = test_command.folder


def ask(url: str, token: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def ports() -> tuple[str, ...]:
    return "--broker", str(free_port()), "--door", str(free_port()), "--page", str(free_port())


def test_from_an_empty_folder_to_a_box_that_is_steered(folder: Path) -> None:
    where = ports()
    door, page = where[3], where[5]
    keeping = ("--folder", str(folder / "server"))
    server = subprocess.Popen(
        command(folder, "fleet", "serve", "--host", "127.0.0.1", *where, *keeping),
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    box = None
    try:
        assert server.stdout
        assert "boxes come to" in server.stdout.readline()
        assert "on this machine only" in server.stdout.readline()
        assert re.search(r"setup code: \d{4} \d{4} ", server.stdout.readline())
        made = appliance(
            folder, "fleet", "account", "add", "anna", "--role", "admin", *keeping, typed=PASSWORD
        )
        assert "anna may come in" in made.stdout
        token = appliance(
            folder, "fleet", "account", "token", "anna", "--role", "operator", *keeping
        ).stdout.strip()
        invited = appliance(folder, "fleet", "invite", "lobby", *keeping).stdout
        code = re.search(r"lobby  (\S+)", invited)
        assert code
        enrolled = appliance(folder, "fleet", "enrol", code[1], f"127.0.0.1:{door}")
        table = enrolled.stdout[enrolled.stdout.index("[fleet]") :]
        with (folder / "box.toml").open("a") as file:
            file.write(table)
        box = start(folder)
        seen = f"http://127.0.0.1:{page}/api/1/boxes/lobby"
        wait_for(lambda: ask(seen, token)["online"], 20)
        wait_for(lambda: ask(seen, token)["version"])
        ask(f"{seen}/commands", token, {"do": "restart"})
        wait_for(lambda: ask(seen, token)["began"].get("before"), 40)
        wait_for(lambda: [each["state"] for each in ask(f"{seen}/commands", token)["items"]] == ["done"])
        assert "no more" in appliance(folder, "fleet", "revoke", "lobby", *keeping).stdout
        wait_for(lambda: ask(seen, token)["state"] == "revoked" and not ask(seen, token)["online"], 5)
        exported = appliance(folder, "fleet", "audit", "export", *keeping).stdout
        told = [json.loads(line).get("what") for line in exported.splitlines()]
        assert told == [
            "account.added", "token.made", "box.invited", "box.enrolled", "command.queued",
            "box.revoked", None,
        ]  # fmt: skip
        (folder / "audit.jsonl").write_text(exported)
        for more in ((), ("--file", str(folder / "audit.jsonl"))):
            assert "it is whole" in appliance(folder, "fleet", "audit", "verify", *keeping, *more).stdout
    finally:
        for process in (box, server):
            if process:
                process.terminate()
                process.communicate(timeout=20)
    assert server.returncode == 0


def test_a_demo_leaves_nothing_behind_when_its_terminal_is_closed() -> None:
    # Not tmp_path: the path of a socket has to be short.
    with tempfile.TemporaryDirectory() as folder:
        demo = subprocess.Popen(
            command(Path(folder), "fleet", "demo", "--boxes", "200", *ports()),
            env={**os.environ, "TMPDIR": folder}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
            # Whoever started the tests may have let them outlive a terminal.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )  # fmt: skip
        assert demo.stdout
        assert "simulated" in demo.stdout.readline()
        [broker] = Path(folder).glob("fleet-*/broker/mosquitto.pid")
        pid = broker.read_text()
        os.killpg(demo.pid, signal.SIGHUP)
        _, said = demo.communicate(timeout=20)
        assert (demo.returncode, "Traceback" in said) == (0, False), said
        assert not Path("/proc", pid).exists()
        assert list(Path(folder).iterdir()) == []
