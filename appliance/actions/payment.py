"""Paying without telling the desk a card number: by a link to whoever takes payments."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from appliance.actions.registry import Context, Refusal, action
from appliance.memory import texts
from appliance.memory.store import stamp
from appliance.slots.lexer import COUNTRY
from appliance.slots.phones import e164

TEXT = "Pay here, never by telling a card number: {link}"


@action("payment.link", limit=(3, 3600))
def link(context: Context, phone: str, sum: str = "", about: str = "") -> Mapping[str, Any]:
    """Text somebody a link by which they pay.

    phone: the number that the link is texted to
    sum: what is to be paid
    about: what it is for
    """
    template = str(context.settings.get("link", ""))
    if not template.startswith("https://"):
        raise Refusal("none")
    if not any(c.isdecimal() for c in phone):
        raise Refusal("numberless")
    reference = secrets.token_hex(4).upper()
    values = {"reference": reference, "sum": quote(sum, safe=""), "about": quote(about, safe="")}
    text = str(context.settings.get("text", TEXT)).format(link=template.format_map(values))
    number = e164(phone, COUNTRY)
    if not texts.put(context.db, stamp(context.now), number, text, context.conversation, context.key):
        raise Refusal("refused")
    return {"phone": phone, "reference": reference, "text": context.key}


@link.undo
def withdraw(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    context.db.execute(
        "update text set state = 'withdrawn' where key = ? and state = 'waiting'", result["text"]
    )
    return {"phone": result["phone"]}
