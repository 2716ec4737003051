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
