"""What root does for a service, in a folder that is the service's own."""

from __future__ import annotations

import importlib.util
import os
import shutil
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The installer, for folders of our own and the user that we are."""
    loader = SourceFileLoader("install", str(ROOT / "tools" / "install"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("install", loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    monkeypatch.setattr(module, "CONFIG", tmp_path / "etc")
    monkeypatch.setattr(module, "DATA", tmp_path / "data")
    monkeypatch.setattr(module, "ids", lambda user: (os.geteuid(), os.getegid()))
    monkeypatch.setattr(shutil, "chown", lambda *_: None)
    (tmp_path / "data").mkdir()
    return module


def test_a_link_in_the_desks_folder_leads_root_nowhere(tool: ModuleType, tmp_path: Path) -> None:
    secret, desk = tmp_path / "shadow", tmp_path / "mine.toml"
    secret.write_text("root's own")
    desk.write_text("# mine")
    (tmp_path / "data" / "desk.toml").symlink_to(secret)
    tool.configure(None, desk)
    assert secret.read_text() == "root's own"
    assert not (tmp_path / "data" / "desk.toml").is_symlink()
    assert (tmp_path / "data" / "desk.toml").read_text() == "# mine"


def test_a_desk_file_that_is_there_stays(tool: ModuleType, tmp_path: Path) -> None:
    there = tmp_path / "data" / "desk.toml"
    there.write_text("# changed by the page")
    tool.configure(None, None)
    tool.configure(None, there)
    assert there.read_text() == "# changed by the page"


IMAGE = {"appliance-first-boot.service", "appliance-wifi.service", "appliance-wifi.sysusers"}
"""What only a flashed box has: here somebody has set up the network, and says what the box is."""


def test_each_unit_is_the_desks_the_fleets_or_the_images(tool: ModuleType) -> None:
    installed = {
        Path(name).name for name in (*tool.SYSTEM, *tool.FLEET_SYSTEM) if name.startswith("systemd/")
    }
    assert {path.name for path in (ROOT / "systemd").iterdir()} == installed | IMAGE
    assert not installed & IMAGE


@pytest.mark.parametrize("theirs", [True, False])
def test_the_fleets_server_is_put_on_without_a_desk(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: bool
) -> None:
    """A mosquitto that was here before is somebody's, and goes on."""
    done: list[str] = []
    monkeypatch.setattr(tool, "FLEET_OPTIONS", tmp_path / "options")
    monkeypatch.setattr(tool, "debian", lambda packages: done.append(" ".join(packages)))
    monkeypatch.setattr(tool, "copy", lambda source, there: done.append(source.name))
    monkeypatch.setattr(tool, "program", lambda beside: done.append(f"not {beside}"))
    monkeypatch.setattr(tool, "do", lambda *command: done.append(" ".join(command)))
    monkeypatch.setattr(tool, "runs", lambda *command: theirs or "restart" in command)
    tool.install_fleet("fleet.example.org")
    assert (tmp_path / "options").read_text() == 'OPTIONS="--name fleet.example.org"\n'
    assert {"appliance-fleet.sysusers", "appliance-fleet.service"} <= set(done)
    assert ("systemctl disable --now --quiet mosquitto.service" in done) is not theirs
    assert not any(
        command.endswith(" appliance.service") for command in done if command.startswith("systemctl")
    )


@pytest.mark.parametrize(
    "options", [["--fleet", 'a" -x'], ["--fleet", "a.b", "--remove"], ["--fleet", "a.b", "--box", __file__]]
)
def test_what_is_no_name_of_a_fleet_is_refused(
    tool: ModuleType, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["install", *options])
    with pytest.raises(SystemExit, match="--fleet"):
        tool.main()
