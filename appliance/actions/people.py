"""Being known: a caller who wishes it gets a code, and is known by number and code the next time; staff by a
PIN.

    [actions.people]
    pins = "/etc/appliance/pins"    # a file: a name and a PIN of at least four digits in each line
    days = 365                      # for which what was confirmed is remembered
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from appliance.actions.registry import Context, Refusal, action
from appliance.memory import people
from appliance.memory.events import insert
from appliance.memory.store import stamp

LOCK = timedelta(minutes=15)
"""For which nobody may try again who was wrong too often."""

WRONG = 3
"""Codes that may be wrong for one number, and PINs for all, before that."""


@action("people.enrol", permit="caller", limit=(2, 3600), secret=["code"])
def enrol(context: Context, name: str, phone: str) -> Mapping[str, Any]:
    """Remember a caller, and give a code by which the desk knows who it is next time.

    name: what the caller is called
    phone: the number that goes with the code
    """
    if context.caller.verified:
        raise Refusal("known")
    if not name or not any(c.isdecimal() for c in phone):
        raise Refusal("nameless")
    person, code = people.enrol(context.db, stamp(context.now), name, phone)
    _identified(context, "code", name=name, number=phone, person=person)
    return {"name": name, "code": ", ".join((" ".join(code[:3]), " ".join(code[3:])))}


@action("people.verify", permit="anyone", limit=(5, 3600), confirm=False, secret=["code"])
def verify(context: Context, phone: str, code: str) -> Mapping[str, Any]:
    """Find out by number and code who is calling.

    phone: the number that goes with the code
    code: the six digits that were told
    """
    if _wrong(context, "people.verify", phone) >= WRONG:
        raise Refusal("locked")
    known = people.known_by(context.db, phone, _digits(code))
    if known is None:
        raise Refusal("wrong")
    person, name = known
    _identified(context, "code", name=name, number=phone, person=person)
    return {"name": name}


@action("people.staff", permit="anyone", limit=(5, 3600), confirm=False, secret=["pin"])
def staff(context: Context, pin: str) -> Mapping[str, Any]:
    """Find out by a PIN which member of the staff is talking.

    pin: at least four digits
    """
    if _wrong(context, "people.staff") >= WRONG:
        raise Refusal("locked")
    for name, kept in _pins(context.settings.get("pins", "")):
        if hmac.compare_digest(kept, _digits(pin)):
            _identified(context, "staff", name=name)
            return {"name": name}
    raise Refusal("wrong")


def _identified(context: Context, how: str, **who: Any) -> None:
    insert(context.db, context.conversation, stamp(context.now), "identified", {"how": how, **who})


def _wrong(context: Context, name: str, phone: str = "") -> int:
    """Times that it went wrong lately, in whatever conversation."""
    rows = context.db.execute(
        """select count(*) from event where kind = 'outcome' and at > ?
            and json_extract(data, '$.action') = ? and json_extract(data, '$.why') = 'wrong'
            and coalesce(json_extract(data, '$.arguments.phone'), '') = ?""",
        stamp(context.now - LOCK), name, phone,
    )  # fmt: skip
    return int(rows[0][0])


def _pins(path: str) -> list[tuple[str, str]]:
    """Name and PIN of each line; none that is too short."""
    lines = Path(path).read_text(encoding="utf-8").splitlines() if path else []
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return [
        (name.strip(), pin) for name, _, pin in pairs if len(pin) >= 4 and pin.isdecimal() and pin.isascii()
    ]


def _digits(code: str) -> str:
    return "".join(c for c in code if c in "0123456789")
