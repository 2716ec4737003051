"""What is left for a person: messages, and wishes to be called back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.actions.registry import Context, Refusal, action
from appliance.memory.notebook import add_message
from appliance.memory.store import stamp


@action("message.take", permit="anyone", limit=(20, 3600), confirm=False)
def take(context: Context, text: str, name: str = "", phone: str = "", to: str = "") -> Mapping[str, Any]:
    """Take a message and give it a ticket number.

    text: what the person shall know
    name: who leaves it
    phone: where the caller can be reached
    to: whom it is for
    """
    if not text:
        raise Refusal("empty")
    at = stamp(context.now)
    return {"ticket": add_message(context.db, context.conversation, at, text, name, phone, to)}


@take.undo
def tear_up(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    context.db.execute("update message set state = 'withdrawn' where id = ?", result["ticket"])
    return {"ticket": result["ticket"]}


@action("callback.request", limit=(3, 3600))
def request(context: Context, phone: str, name: str = "", about: str = "") -> Mapping[str, Any]:
    """Note that somebody wants to be called back.

    phone: the number to call
    name: who wants to be called
    about: what it is about
    """
    if not any(c.isdecimal() for c in phone):
        raise Refusal("numberless")
    rows = context.db.execute(
        """insert into callback (at, conversation, name, phone, about)
            values (?, ?, ?, ?, ?) returning id""",
        stamp(context.now), context.conversation, name, phone, about,
    )  # fmt: skip
    return {"ticket": rows[0][0]}


@request.undo
def withdraw(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    context.db.execute("update callback set state = 'withdrawn' where id = ?", result["ticket"])
    return {"ticket": result["ticket"]}
