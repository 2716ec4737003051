"""`appliance account`: who may what by the page, from the machine itself. A password is typed, or comes by
the standard input; it is no argument, for everybody may read those."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from appliance import config
from appliance.access import passwords
from appliance.access.house import House
from appliance.console.server import ROLES
from appliance.errors import ApplianceError
from appliance.memory.key import key_of


def account(what: str, name: str, role: str, label: str, days: float, box: Path | None) -> int:
    with _house(box) as house:
        if what == "list":
            return _list(house)
        if not name:
            raise ApplianceError("there is no name", f"appliance account {what} NAME")
        match what:
            case "add":
                house.accounts.check_new(name, role, passwords.NOBODY)
                house.accounts.add(name, role, _password())
            case "role":
                house.accounts.change(name, role)
            case "password":
                _must_be(house, name)
                house.accounts.set_password(name, _password())
            case "single":
                house.accounts.drop_second(name)
            case "remove":
                house.accounts.remove(name)
            case "token":
                print(house.tokens.make(name, label, role, days))
    return 0


def _list(house: House) -> int:
    console = Console(highlight=False)
    table = Table("account", "role", "second factor", "came in", box=None, header_style="bold")
    for each in house.accounts.all():
        table.add_row(each.name, each.role, "yes" if each.second else "no", _day(each.seen))
    console.print(table)
    if tokens := house.tokens.all():
        shown = Table("token of", "for", "role", "until", "used", box=None, header_style="bold")
        for token in tokens:
            shown.add_row(token.account, token.label, token.role, _day(token.expires), _day(token.used))
        console.print(shown)
    if not house.accounts.claimed():
        console.print("There is no admin: whoever is at this machine may do everything by the page.")
    return 0


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise ApplianceError("those were two passwords", "type the same twice")
    return password


def _must_be(house: House, name: str) -> None:
    if house.accounts.one(name) is None:
        raise ApplianceError("there is no such account", "`appliance account list` shows them")


def _day(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d") if seconds else "never"


@contextmanager
def _house(path: Path | None) -> Iterator[House]:
    box, _ = config.read_box(path)
    house = House(box.data / "access.db", ROLES, key=lambda: key_of(box.data))
    try:
        yield house
    finally:
        house.close()
