"""The service manager is told what it asked for, and whoever does not listen keeps nobody waiting."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from appliance.system.notify import Manager


@pytest.mark.parametrize("abstract", [False, True])
def test_what_is_told_arrives_in_one_datagram(tmp_path: Path, abstract: bool) -> None:
    name = f"@appliance-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1) if abstract else name)
        Manager({"NOTIFY_SOCKET": name}).tell(READY=1, STATUS="answering")
        assert manager.recv(4096) == b"READY=1\nSTATUS=answering"


def test_nobody_need_listen(tmp_path: Path) -> None:
    Manager({}).tell(READY=1)
    Manager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell(READY=1)


def test_a_manager_that_reads_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        manager = Manager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(10_000):
            manager.tell(WATCHDOG=1)


def test_the_watchdog_is_for_the_process_that_it_is_meant_for() -> None:
    assert Manager({"WATCHDOG_USEC": "30000000"}).watchdog == 30.0
    assert Manager({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}).watchdog == 30.0
    assert Manager({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog == 0.0
    assert Manager({}).watchdog == 0.0
