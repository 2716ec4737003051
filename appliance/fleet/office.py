"""`appliance fleet account`, `site`, `alert` and `audit`: what is looked after at the server, whether it runs
or not. Imports what is heavy only when it is used."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.errors import ApplianceError

if TYPE_CHECKING:
    from appliance.access.house import House
    from appliance.fleet.keeping.store import Store


def add_parsers(commands: Any, folder: argparse.ArgumentParser) -> None:
    """Each leaves in `run` what is to be done."""
    accounts = _group(commands, "account", "who may come in")
    adding = _add(accounts, "add", folder, _account_add, "make an account; its password is asked for")
    adding.add_argument("name", metavar="NAME")
    _role(adding)
    changing = _add(accounts, "role", folder, _account_role, "give an account another role, or groups")
    changing.add_argument("name", metavar="NAME")
    _role(changing)
    for what, do, told in (
        ("password", _account_password, "give an account another password; who is in by the old one is out"),
        ("remove", _account_remove, "with its sessions and tokens"),
        ("no-second", _account_second, "let an account whose telephone is lost in without a second factor"),
    ):
        _add(accounts, what, folder, do, told).add_argument("name", metavar="NAME")
    token = _add(accounts, "token", folder, _account_token, "make a token for a program; it is shown once")
    token.add_argument("name", metavar="NAME", help="whose it is")
    token.add_argument("--label", default="made at the server", help="what it is for")
    token.add_argument("--days", type=int, default=90, help="for which it holds")
    _role(token)
    _add(accounts, "list", folder, _account_list, "all of them")

    sites = _group(commands, "site", "which group has which sites")
    assigning = _add(sites, "assign", folder, _site_assign, "let a group have sites")
    assigning.add_argument("group", metavar="GROUP", help='small letters, digits and hyphens; "" for none')
    assigning.add_argument("sites", nargs="+", metavar="SITE")
    _add(sites, "list", folder, _site_list, "sites, their groups, and how many boxes stand there")

    alert = _group(commands, "alert", "who is told of what needs attention")
    route = _add(alert, "route", folder, _route_add, "tell somebody")
    route.add_argument("name", metavar="NAME")
    route.add_argument("kind", choices=["webhook", "mail", "mqtt"])
    route.add_argument("target", metavar="ADDRESS", help="see docs/fleet.md")
    route.add_argument("--group", action="append", help="of sites; without it, of all")
    for what, do, told in (
        ("unroute", _route_remove, "tell them no more"),
        ("try", _route_try, "have the server that runs send a word that means nothing"),
    ):
        _add(alert, what, folder, do, told).add_argument("name", metavar="NAME")
    _add(alert, "list", folder, _alert_list, "what needs attention now, and the routes")

    log = _group(commands, "audit", "who changed what")
    verifying = _add(log, "verify", folder, _audit_verify, "whether it is whole")
    verifying.add_argument("--known", default="", metavar="NUMBER:HASH", help="a head that was noted earlier")
    verifying.add_argument("--file", type=Path, metavar="EXPORT", help="an export instead of the log itself")
    _add(log, "export", folder, _audit_export, "all of it, a line of JSON each, signed")


def _group(commands: Any, name: str, told: str) -> Any:
    made = commands.add_parser(name, help=told)
    return made.add_subparsers(required=True, metavar="WHAT", dest="of")


def _add(
    commands: Any, name: str, folder: argparse.ArgumentParser, do: Any, told: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, parents=[folder], help=told)
    made.set_defaults(run=do)
    return made


def _role(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--role", choices=["viewer", "operator", "admin"], default="viewer")
    parser.add_argument("--group", action="append", help="of sites; without it, all of them")


@contextmanager
def _house(asked: argparse.Namespace) -> Iterator[tuple[House, Store]]:
    from appliance.access.house import House
    from appliance.fleet.page.dashboard import ROLES

    house = House(asked.folder / "access.db", ROLES, "fleet")
    try:
        with _store(asked) as store:
            yield house, store
    finally:
        house.close()


@contextmanager
def _store(asked: argparse.Namespace) -> Iterator[Store]:
    from appliance.fleet.keeping.store import Store

    store = Store(asked.store or asked.folder / "fleet.db")
    try:
        yield store
    finally:
        store.close()


def _written(store: Store, what: str, about: str, **detail: Any) -> None:
    from appliance.fleet.people import audit, entrance

    entrance.write(store, audit.here(), what, about, detail)


def _new_password() -> str:
    """Typed twice, or piped in once."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("password: ")
    if first != getpass.getpass("again: "):
        raise ApplianceError("the two are not the same", "type it again")
    return first


def _scope(asked: argparse.Namespace) -> Sequence[str] | None:
    from appliance.fleet.people import scope

    for group in asked.group or ():
        scope.check(group)
    return asked.group or None


def _account_add(asked: argparse.Namespace) -> int:
    groups = _scope(asked)
    with _house(asked) as (house, store):
        house.accounts.check_new(asked.name, asked.role, password := _new_password())
        house.accounts.add(asked.name, asked.role, password, groups)
        _written(store, "account.added", asked.name, role=asked.role, scope=groups)
    print(f"{asked.name} may come in")
    return 0


def _account_role(asked: argparse.Namespace) -> int:
    groups = _scope(asked)
    with _house(asked) as (house, store):
        house.accounts.change(asked.name, asked.role, groups)
        _written(store, "account.changed", asked.name, role=asked.role, scope=groups)
    return 0


def _account_password(asked: argparse.Namespace) -> int:
    with _house(asked) as (house, store):
        house.accounts.set_password(asked.name, _new_password())
        _written(store, "account.password", asked.name)
    return 0


def _account_remove(asked: argparse.Namespace) -> int:
    with _house(asked) as (house, store):
        house.accounts.remove(asked.name)
        _written(store, "account.removed", asked.name)
    return 0


def _account_second(asked: argparse.Namespace) -> int:
    with _house(asked) as (house, store):
        house.accounts.drop_second(asked.name)
        _written(store, "account.second-dropped", asked.name)
    return 0


def _account_token(asked: argparse.Namespace) -> int:
    groups = _scope(asked)
    with _house(asked) as (house, store):
        made = house.tokens.make(asked.name, asked.label, asked.role, asked.days, groups)
        _written(store, "token.made", asked.name, role=asked.role, scope=groups, label=asked.label)
    print(made)
    return 0


def _account_list(asked: argparse.Namespace) -> int:
    with _house(asked) as (house, _):
        for each in house.accounts.all():
            groups = "all groups" if each.scope is None else ", ".join(sorted(each.scope))
            print(f"{each.name}  {each.role}  {groups}{'  second factor' if each.second else ''}")
    return 0


def _site_assign(asked: argparse.Namespace) -> int:
    from appliance.fleet.people import audit, scope

    with _store(asked) as store:
        scope.assign(store, asked.sites, asked.group, audit.here())
    return 0


def _site_list(asked: argparse.Namespace) -> int:
    from appliance.fleet.people import scope

    with _store(asked) as store:
        for site, group, boxes in scope.sites(store):
            print(f"{site or '(no site)'}  {group or '(no group)'}  {boxes}")
    return 0


def _route_add(asked: argparse.Namespace) -> int:
    from appliance.fleet.alerts import notices
    from appliance.fleet.people import audit

    with _store(asked) as store:
        way = notices.add(store, asked.name, asked.kind, asked.target, asked.group, audit.here())
    if way.secret:
        print(f"webhooks are signed with: {way.secret}")
    return 0


def _route_remove(asked: argparse.Namespace) -> int:
    from appliance.fleet.alerts import notices
    from appliance.fleet.people import audit

    with _store(asked) as store:
        notices.remove(store, asked.name, audit.here())
    return 0


def _route_try(asked: argparse.Namespace) -> int:
    from appliance.fleet.alerts import notices
    from appliance.fleet.people import audit

    with _store(asked) as store:
        print(f"queued: {notices.try_out(store, asked.name, audit.here())}")
    return 0


def _alert_list(asked: argparse.Namespace) -> int:
    from appliance.fleet.alerts import alerts, notices

    with _store(asked) as store:
        for alert in alerts.listed(store, open_only=True):
            hand = f"  {alert.acked_by} has it in hand" if alert.acked else ""
            print(f"{alert.severity}  {alert.cause}  {alert.site}  {alert.boxes}{hand}")
        for way in notices.ways(store):
            groups = "all groups" if way.groups is None else ", ".join(sorted(way.groups))
            print(f"route {way.name}  {way.kind}  {notices.safe(way.target)}  {groups}")
    return 0


def _audit_verify(asked: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from appliance.fleet.people import audit

    if asked.file:
        try:
            signer: Any = load_pem_public_key((asked.folder / "keys" / "signer.pem").read_bytes())
            with asked.file.open() as lines:
                found = audit.read_export(iter(lines), signer)
        except (OSError, ValueError) as error:
            raise ApplianceError(f"the export cannot be verified ({error})", "look at its name") from error
    else:
        with _store(asked) as store:
            found = audit.verify(store, asked.known)
    print(f"{found.rows:,} changes; head {found.rows}:{found.head}")
    if found.wrong:
        raise ApplianceError(f"the log is not whole: {found.wrong}", "compare it with a backup or an export")
    print("it is whole")
    return 0


def _audit_export(asked: argparse.Namespace) -> int:
    from appliance.fleet.membership.authority import Authority
    from appliance.fleet.people import audit

    key = Authority(asked.folder / "keys").bundle_key
    with _store(asked) as store:
        for line in audit.export(store, key):
            print(line)
    return 0
