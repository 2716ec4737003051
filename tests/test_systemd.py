"""The units, as systemd itself reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.commands.ending import LONGEST
from appliance.commands.run import LEAVE
from appliance.commands.status import FOLDER
from appliance.config.box import Backups
from appliance.firstboot.radio import SOCKET
from appliance.firstboot.reset import ASKED
from appliance.firstboot.steps import DONE
from appliance.pulse import REBOOTED

UNITS = Path(__file__).parent.parent / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
MOUNT = "run-media-backup.mount"
"""Where a stick for backups is mounted."""

USERS = {
    "appliance-fleet.service": "appliance-fleet",
    "appliance-fleet-worker.service": "appliance-fleet",
    "appliance-wifi.service": "appliance-wifi",
}
"""Of units that are not the desk's; nobody is root."""

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed (Debian's package systemd)"
)


def settings(name: str) -> list[str]:
    lines = (UNITS / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def value(name: str, key: str) -> str:
    return next(line.partition("=")[2] for line in settings(name) if line.startswith(f"{key}="))


def analyze(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment},
    )  # fmt: skip


@needs_systemd
def test_systemd_finds_nothing_wrong_with_any_of_them(tmp_path: Path) -> None:
    program = tmp_path / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "docs").mkdir()
    for page in ("installer.md", "fleet.md", "privacy.md"):
        (tmp_path / "docs" / page).touch()
    for unit in (*SERVICES, UNITS / MOUNT):
        text = unit.read_text().replace("/opt/appliance", str(tmp_path))
        text = text.replace("/usr/sbin/wpa_supplicant", "/usr/bin/true")  # It need not be on this machine.
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name) for unit in (*SERVICES, UNITS / MOUNT)]
    verified = analyze(
        "verify", "--man=no", "--recursive-errors=yes", *names, SYSTEMD_UNIT_PATH=f"{tmp_path}:"
    )
    assert (verified.returncode, verified.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_none_may_reach_more_than_it_needs(unit: Path) -> None:
    rated = analyze("security", "--offline=true", "--threshold=20", str(unit))
    assert rated.returncode == 0, rated.stdout[-400:]


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_none_is_root(unit: Path) -> None:
    assert value(unit.name, "User") == USERS.get(unit.name, "appliance")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_each_has_its_bounds(unit: Path) -> None:
    for bound in ("MemoryMax", "TasksMax"):
        assert value(unit.name, bound)
    assert value(unit.name, "LimitCORE") == "0"


def test_hearing_goes_before_all_else_of_the_box() -> None:
    weights = {
        unit.name: value(unit.name, "CPUWeight") for unit in SERVICES if "CPUWeight" in unit.read_text()
    }
    assert max(weights, key=lambda name: int(weights[name])) in (
        "appliance.service",
        "appliance-safe.service",
    )


def test_box_toml_is_written_by_the_first_start_alone() -> None:
    writes = [unit.name for unit in SERVICES if "ReadWritePaths=/etc/appliance" in settings(unit.name)]
    assert writes == ["appliance-first-boot.service"]


def test_a_stick_for_backups_is_where_the_desk_looks_and_may_write() -> None:
    place = str(Backups().place)
    assert value(MOUNT, "Where") == place
    assert f"ReadWritePaths=-{place}" in settings("appliance.service")
    rule = (UNITS.parent / "image/63-backup.rules").read_text()
    assert MOUNT in rule
    assert f'ENV{{ID_FS_LABEL}}=="{Path(value(MOUNT, "What")).name}"' in rule
    assert "uid=appliance" in value(MOUNT, "Options")


def test_a_first_start_is_done_once_or_when_everything_is_to_be_forgotten() -> None:
    conditions = [line for line in settings("appliance-first-boot.service") if line.startswith("Condition")]
    assert conditions == [
        f"ConditionPathExists=|!/var/lib/appliance/{DONE}",
        f"ConditionPathExists=|/var/lib/appliance/{ASKED}",
    ]


def test_the_radio_listens_where_the_first_start_speaks() -> None:
    folder = (UNITS.parent / "image" / "wifi.conf").read_text().split("DIR=")[1].split()[0]
    assert f"/run/{value('appliance-wifi.service', 'RuntimeDirectory')}" == folder == str(SOCKET.parent)
    assert f"-i {SOCKET.name} " in value("appliance-wifi.service", "ExecStart")


@pytest.mark.parametrize("there", [None, "", "what was chosen"])
def test_the_radio_begins_with_a_whole_file_and_keeps_what_was_chosen(
    tmp_path: Path, there: str | None
) -> None:
    if there is not None:
        (tmp_path / "wifi.conf").write_text(there)
    command = value("appliance-wifi.service", "ExecStartPre").partition(" -c ")[2].strip("'")
    command = command.replace("/var/lib/appliance-wifi", str(tmp_path))
    command = command.replace("/opt/appliance", str(UNITS.parent))
    subprocess.run(["sh", "-c", command], check=True)
    shipped = (UNITS.parent / "image" / "wifi.conf").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["wifi.conf"]
    assert (tmp_path / "wifi.conf").read_text() == (there or shipped)
    assert there or (tmp_path / "wifi.conf").stat().st_mode & 0o777 == 0o600


def test_what_is_told_of_the_desk_lies_where_others_look() -> None:
    for unit in ("appliance.service", "appliance-safe.service"):
        assert Path("/run") / value(unit, "RuntimeDirectory") == FOLDER


def test_safe_mode_is_held_as_tightly_as_the_desk() -> None:
    def sandbox(name: str) -> list[str]:
        lines = settings(name)
        end = lines.index("[Install]") if "[Install]" in lines else None
        return lines[lines.index("User=appliance") : end]

    assert sandbox("appliance-safe.service") == sandbox("appliance.service")


def test_a_worker_of_the_fleet_is_held_as_tightly_as_its_server() -> None:
    server, worker = (settings(f"appliance-fleet{which}.service") for which in ("", "-worker"))
    assert worker[worker.index("CPUWeight=200") :] == server[server.index("CPUWeight=200") :]


def test_failure_leads_from_the_desk_to_a_new_start_of_the_box_and_on_to_safe_mode() -> None:
    assert value("appliance.service", "OnFailure") == "appliance-reboot.service"
    assert value("appliance-reboot.service", "OnFailure") == "appliance-safe.service"
    assert value("appliance-safe.service", "OnSuccess") == "appliance.service"
    assert value("appliance-reboot.service", "ExecStartPre").endswith(f"! -e /var/lib/appliance/{REBOOTED}")


def test_the_desk_and_safe_mode_are_never_up_together() -> None:
    assert value("appliance-safe.service", "Conflicts") == "appliance.service"
    assert "appliance.service" in value("appliance-safe.service", "After").split()


def test_starts_that_never_get_ready_come_to_the_limit_too() -> None:
    """Five starts, each as long as it may take, lie within the time in which they are counted."""
    unit = "appliance.service"
    assert value(unit, "StartLimitIntervalSec") == "15min"
    assert value(unit, "TimeoutStartSec") == "2min"
    assert int(value(unit, "StartLimitBurst")) * 2 < 15


def test_callers_have_their_goodbye_before_systemd_loses_patience() -> None:
    assert float(value("appliance.service", "TimeoutStopSec")) > LEAVE + 10


@pytest.mark.parametrize("unit", ["appliance.service", "appliance-safe.service"])
def test_a_desk_that_hangs_as_it_is_stopped_is_no_failure_that_starts_the_box_anew(unit: str) -> None:
    assert LEAVE + 10 < LONGEST < float(value(unit, "TimeoutStopSec"))
    assert value(unit, "SuccessExitStatus") == "SIGALRM"
