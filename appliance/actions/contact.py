"""Calls and texts that the desk is to make, or never to make again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from appliance.actions.registry import Context, Refusal, action
from appliance.memory import errands, texts
from appliance.memory.calendar import instant
from appliance.memory.store import stamp
from appliance.slots.lexer import COUNTRY
from appliance.slots.phones import e164


@action("contact.refuse", permit="anyone", limit=(5, 3600), confirm=False)
def refuse(context: Context, phone: str = "") -> Mapping[str, Any]:
    """Never call or text a number again.

    phone: the number; else the one that the call comes from
    """
    number = phone or context.caller.number
    if not any(c.isdecimal() for c in number):
        raise Refusal("numberless")
    texts.refuse(context.db, stamp(context.now), e164(number, COUNTRY), "said so")
    return {"phone": number}


@refuse.undo
def allow(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    context.db.execute("delete from refusal where number = ?", e164(result["phone"], COUNTRY))
    return {"phone": result["phone"]}


@action("contact.call", limit=(3, 3600))
def call(context: Context, phone: str, what: str, at: datetime | None = None) -> Mapping[str, Any]:
    """Have the desk itself call somebody and tell them something, in the hours for it.

    phone: the number to call
    what: what is to be told
    at: when; else as soon as may be
    """
    if not any(c.isdecimal() for c in phone):
        raise Refusal("numberless")
    due = context.now
    if at:
        due = at if at.tzinfo else instant(at, context.now)
    if due < context.now - timedelta(minutes=1):
        raise Refusal("past")
    number = e164(phone, COUNTRY)
    if not errands.put(
        context.db, stamp(context.now), number, what, due, None, context.key, context.conversation
    ):
        raise Refusal("refused")
    return {"phone": phone}


@call.undo
def withdraw(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    context.db.execute(
        "update errand set state = 'withdrawn' where conversation = ? and number = ? and state = 'waiting'",
        context.conversation, e164(result["phone"], COUNTRY),
    )  # fmt: skip
    return {"phone": result["phone"]}
