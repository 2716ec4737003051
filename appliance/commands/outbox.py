"""`appliance outbox`: the calls and texts that the desk is to make, and who wants none."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from appliance import config
from appliance.memory.errands import Errands
from appliance.memory.store import Store
from appliance.memory.texts import Refusals, Texts
from appliance.slots.lexer import COUNTRY
from appliance.slots.phones import e164


def outbox(what: str, number: str, box_path: Path | None) -> int:
    """`list` prints them; `never` puts a number among those that are never called, `allow` takes it out."""
    box, _ = config.read_box(box_path)
    store = Store(box.data / "desk.db")
    try:
        refusals = Refusals(store)
        if what == "never":
            refusals.add(e164(number, COUNTRY), "by the manager")
        elif what == "allow":
            refusals.drop(e164(number, COUNTRY))
        else:
            _list(store)
    finally:
        store.close()
    return 0


def _list(store: Store) -> None:
    calls, refused = Errands(store).all(), Refusals(store).all()
    print(f"{len(calls) or 'no'} calls to make or made")
    for _, number, due, state, tries, outcome in calls:
        print(f"{_local(due)}  {number}  {state}, tries: {tries}{', ' + outcome if outcome else ''}")
    print(f"{len(Texts(store).due()) or 'no'} texts wait to be sent")
    print(f"{len(refused) or 'no'} numbers are never called or texted")
    for number, at, why in refused:
        print(f"{_local(at)}  {number}  {why}")


def _local(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}"
