"""Who works here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.actions.registry import Context, Refusal, action
from appliance.memory.directory import Contact
from appliance.memory.directory import find as look_up
from appliance.memory.directory import on_duty as those_on_duty


@action(permit="anyone", limit=(60, 3600), confirm=False)
def find(context: Context, name: str) -> Mapping[str, Any]:
    """Find a person, or a role, in the directory.

    name: who is asked for
    """
    found = look_up(context.db, name)
    if not found:
        raise Refusal("none")
    if len(found) > 1:
        raise Refusal("several", people=[_told(each) for each in found])
    return _told(found[0])


@action(permit="anyone", limit=(60, 3600), confirm=False)
def on_duty(context: Context, role: str = "") -> Mapping[str, Any]:
    """Who is on duty now.

    role: of what kind; any where it is not given
    """
    found = those_on_duty(context.db, context.now, role)
    if not found:
        raise Refusal("none")
    return {**_told(found[0]), "people": [_told(each) for each in found]}


def _told(contact: Contact) -> dict[str, str]:
    return {"name": contact.name, "role": contact.role, "extension": contact.extension}
