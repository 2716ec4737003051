"""Checking what an action is called with. Values come from speech and from models: none
is trusted."""

from __future__ import annotations

import inspect
import math
import types
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal, Union, get_args, get_origin

LONGEST = 2_000
"""Characters of a text."""

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Kind:
    """A type that an argument may have."""

    schema: Mapping[str, Any]
    wanted: str
    """In plain words, with an example."""
    read: Callable[[Any], Any]
    """ValueError or TypeError where the value is none."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > LONGEST or any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise ValueError
    return text


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError
    if abs(value) > LARGEST:
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date.fromisoformat(value)


def _time(value: Any) -> time:
    found = value if isinstance(value, time) else time.fromisoformat(value)
    if found.tzinfo:
        raise ValueError
    return found


def _datetime(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) < len("2026-07-14T14:30"):
        raise ValueError
    return datetime.fromisoformat(value)


KINDS: Mapping[type, Kind] = {
    str: Kind({"type": "string"}, f"a text of at most {LONGEST} characters", _text),
    int: Kind({"type": "integer"}, "a whole number", _whole),
    float: Kind({"type": "number"}, "a number", _number),
    bool: Kind({"type": "boolean"}, "true or false", _truth),
    date: Kind({"type": "string", "format": "date"}, "a day like 2026-07-14", _date),
    time: Kind({"type": "string", "format": "time"}, "a time like 14:30", _time),
    datetime: Kind(
        {"type": "string", "format": "date-time"}, "a day and time like 2026-07-14T14:30", _datetime
    ),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kind: Kind
    required: bool
    optional: bool
    """Whether None will do."""
    description: str

    def schema(self) -> dict[str, Any]:
        schema = dict(self.kind.schema)
        if self.optional and "type" in schema:
            schema["type"] = [schema["type"], "null"]
        return {**schema, "description": self.description} if self.description else schema

    def check(self, value: Any) -> Any:
        """The value as the function takes it; ValueError says what is wrong."""
        if value is None and self.optional:
            return None
        try:
            return self.kind.read(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{self.name} must be {self.kind.wanted}") from None


def parameter(name: str, hint: Any, default: Any, description: str) -> Parameter:
    """From a parameter's annotation; TypeError where no argument can be of that type."""
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        if len(arms) != 1:
            raise TypeError(f"{name}: {hint} is not one type, or one and None")
        optional, hint = True, arms[0]
    required = default is inspect.Parameter.empty
    if get_origin(hint) is Literal:
        return Parameter(name, _choice(get_args(hint)), required, optional, description)
    if hint not in KINDS:
        raise TypeError(f"{name}: an argument cannot be of type {hint}")
    return Parameter(name, KINDS[hint], required, optional, description)


def _choice(options: tuple[Any, ...]) -> Kind:
    def read(value: Any) -> Any:
        for option in options:
            if type(value) is type(option) and value == option:
                return option
        raise ValueError

    return Kind({"enum": list(options)}, f"one of {', '.join(map(str, options))}", read)


def plain(value: Any) -> Any:
    """A checked value as JSON keeps it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("auto" if value.second or value.microsecond else "minutes")
    return value.isoformat() if isinstance(value, date) else value
