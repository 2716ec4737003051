"""Filling the desk file's templates with what callers said, so that it stays data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from appliance.actions.registry import Refusal

PLAIN = (str, int, float, bool)

LARGEST = 65_536
"""Bytes of an answer that are read."""


def chosen(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A template of the desk file."""
    template = settings.get("template", {}).get(name)
    if not isinstance(template, Mapping):
        raise Refusal("invalid", wrong=f"the desk file has no template {name!r} for this")
    return template


def repeats(settings: Mapping[str, Any], arguments: Mapping[str, Any]) -> bool:
    """Whether the template that was used is declared safe to repeat."""
    template = settings.get("template", {}).get(arguments.get("template"), {})
    return bool(template.get("repeat", False))


def fill(text: str, slots: Mapping[str, str], quote: Callable[[str], str]) -> str:
    """Each {slot} by its value, as `quote` makes it safe."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in slots:
            raise Refusal("invalid", wrong=f"nothing fills {match[0]}")
        return quote(slots[match[1]])

    return re.sub(r"\{(\w+)\}", value, text)


def fill_all(value: Any, slots: Mapping[str, str]) -> Any:
    """A structure whose texts are filled; what is filled in cannot change the structure."""
    if isinstance(value, str):
        return fill(value, slots, str)
    if isinstance(value, Mapping):
        return {key: fill_all(inner, slots) for key, inner in value.items()}
    return [fill_all(inner, slots) for inner in value] if isinstance(value, list | tuple) else value


def picked(answer: bytes, wanted: Mapping[str, str]) -> dict[str, Any]:
    """What is taken from a JSON answer: {name: "data.ticket.number"}. Only plain values; nothing where the
    answer is no JSON or has no such place."""
    try:
        whole = json.loads(answer)
    except ValueError:
        return {}
    found = {}
    for name, path in wanted.items():
        value = whole
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, PLAIN):
            found[name] = value
    return found
