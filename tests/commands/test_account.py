"""`appliance account`: who may what, from the terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from appliance.access.house import House
from appliance.commands.account import account
from appliance.console.server import ROLES
from appliance.errors import ApplianceError

pytestmark = pytest.mark.usefixtures("quick_hashes")

PASSWORD = "tall green kettle sings"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    path = tmp_path / "box.toml"
    path.write_text("")
    return path


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def told(capsys: pytest.CaptureFixture[str], what: str, name: str, box: Path, role: str = "manager") -> str:
    assert account(what, name, role, "the house's monitor", 30, box) == 0
    return capsys.readouterr().out


async def test_an_account_from_its_first_day_to_its_last(
    box: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no admin" in told(capsys, "list", "", box)
    for name, role in (("root", "admin"), ("ann", "visitor")):
        typed(monkeypatch, f"{PASSWORD}\n")
        assert PASSWORD not in told(capsys, "add", name, box, role)
    told(capsys, "role", "ann", box, "manager")
    token = told(capsys, "token", "ann", box).strip()
    typed(monkeypatch, f"{PASSWORD} again\n")
    told(capsys, "password", "ann", box)
    listed = told(capsys, "list", "", box)
    assert "monitor" in listed
    assert token not in listed
    assert "no admin" not in listed
    house = House(box.parent / "var/access.db", ROLES)
    who = await house.known("", token)
    assert who
    assert (who.name, who.role) == ("ann", "manager")
    assert house.accounts.check("ann", f"{PASSWORD} again") == "ann"
    told(capsys, "remove", "ann", box)
    assert await house.known("", token) is None
    house.close()


@pytest.mark.parametrize(
    ("what", "name", "wrong"),
    [
        ("add", "", "no name"), ("add", "a b", "no name for an account"), ("add", "ann", "letters"),
        ("password", "nobody", "no such account"), ("remove", "nobody", "no such account"),
        ("token", "nobody", "no such account"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    box: Path, monkeypatch: pytest.MonkeyPatch, what: str, name: str, wrong: str
) -> None:
    typed(monkeypatch, "short\n")
    with pytest.raises(ApplianceError, match=wrong):
        account(what, name, "manager", "", 30, box)
