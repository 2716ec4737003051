"""TOML into dataclasses, strictly: every error names the file, the line, the field and the mend."""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from collections import Counter
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from appliance.config.given import merged
from appliance.errors import ConfigError

T = TypeVar("T")

Place = tuple[str, ...]
"""Where a value stands: ("fact", "hours", "say"), ("flow", "book", "ask", "2", "prompt")."""


class TomlFile:
    """One TOML file, and where in it things stand."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        """`text` stands in for what is in the file."""
        self.path = path
        try:
            # Some editors of Windows put a mark before UTF-8.
            self.text = path.read_text(encoding="utf-8-sig") if text is None else text
        except OSError as error:
            raise ConfigError(
                f"{path}: cannot be read ({error.strerror})", "check the name and its rights"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not UTF-8 text", "save it as UTF-8") from error
        try:
            self.values: dict[str, Any] = tomllib.loads(self.text)
        except (ValueError, RecursionError) as error:
            at = re.search(r"at line (\d+)", str(error))
            wrong, mend = _unreadable(re.sub(r" \(at .*\)$", "", str(error)))
            line = int(at[1]) if at else len(self.text.splitlines())
            raise ConfigError(wrong, mend, file=str(path), line=line) from error

    def line(self, place: Place) -> int:
        """The line, from 1, on which a place stands, or its table does."""
        table: Place = ()
        numbers: Counter[Place] = Counter()
        best, depth = 1, 0
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?", line):
                table = reached = _keys(header[2])
                if header[1] == "[[":
                    numbers[table] += 1
                    if place != table:
                        table = reached = (*table, str(numbers[table]))
            elif key := re.match(
                r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""", line
            ):
                reached = table + _keys(key[1])
            else:
                continue
            common = len(reached) if place[: len(reached)] == reached else 0
            if common > depth:
                best, depth = number, common
        return best

    def error(self, place: Place, wrong: str, mend: str) -> ConfigError:
        return ConfigError(wrong, mend, file=str(self.path), line=self.line(place), field=".".join(place))

    def over(self, settings: dict[str, Any]) -> TomlFile:
        """The same file with settings over it, as if they stood there; ConfigError where they may not."""
        other = TomlFile(self.path, self.text)
        other.values = merged(self.values, settings)
        return other

    def into(self, kind: type[T]) -> T:
        """The whole file as an instance of a dataclass."""
        return _build(self, kind, self.values, ())


def _unreadable(told: str) -> tuple[str, str]:
    """What is wrong with a file that is no TOML, and the mend, by what its reader tells."""
    if re.match("Cannot (declare|overwrite)", told):
        return "this stands there a second time", "leave one of the two out, or give it another name"
    return told, "look for a missing quote, bracket or equals sign"


def _told(error: ValueError) -> tuple[str, str, Place]:
    """What a dataclass says is wrong with it: what, the mend, and where within it."""
    wrong, mend = (*map(str, error.args[:2]), "")[:2]
    return wrong, mend, error.args[2] if len(error.args) > 2 else ()


def _keys(dotted: str) -> Place:
    return tuple(key.strip().strip("\"'") for key in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted))


def _build(file: TomlFile, kind: type[T], values: dict[str, Any], place: Place) -> T:
    hints = typing.get_type_hints(kind)
    # A key that Python keeps for itself, such as `else`, is spelled in the field's metadata.
    known = {f.metadata.get("key", f.name): f for f in fields(kind) if not f.metadata.get("hidden")}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            mend = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
            raise file.error((*place, key), "is not a known key", mend)
    built = {}
    for name, field in known.items():
        if name in values:
            built[field.name] = _value(file, hints[field.name], values[name], (*place, name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise file.error(place or (name,), f"needs {name}", f"add {name} = ...")
    try:
        return kind(**built)
    except ValueError as error:
        # A dataclass may check itself; it raises ValueError(wrong, mend), or (wrong, mend, place within it).
        wrong, mend, within = _told(error)
        raise file.error((*place, *within), wrong, mend) from error


def _value(file: TomlFile, hint: Any, value: Any, place: Place) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        arms = [arm for arm in get_args(hint) if arm is not type(None)]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return _value(file, float if number and float in arms else arms[0], value, place)
    if is_dataclass(hint):
        _check(file, isinstance(value, dict), place, "must be a table", f"write it as [{'.'.join(place)}]")
        return _build(file, typing.cast(type, hint), value, place)
    if origin is dict:
        _check(file, isinstance(value, dict), place, "must hold tables", f"write [{'.'.join(place)}.NAME]")
        return {key: _value(file, get_args(hint)[1], inner, (*place, key)) for key, inner in value.items()}
    if origin is tuple:
        item = get_args(hint)[0]
        mend = f"write it as [[{'.'.join(place)}]]" if is_dataclass(item) else 'write it as ["...", "..."]'
        _check(file, isinstance(value, list), place, "must be a list", mend)
        places = [(*place, str(n)) if is_dataclass(item) else place for n in range(1, len(value) + 1)]
        return tuple(_value(file, item, inner, at) for inner, at in zip(value, places, strict=True))
    if origin is Literal:
        allowed = get_args(hint)
        _check(file, value in allowed, place, f"is {value!r}", f"one of: {', '.join(map(str, allowed))}")
        return value
    return _plain(file, hint, value, place)


PLAIN: dict[type, tuple[str, Callable[[Any], bool]]] = {
    str: ('text in quotes, like "..."', lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    float: ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    Path: ("a path in quotes", lambda value: isinstance(value, str)),
}


def _plain(file: TomlFile, hint: Any, value: Any, place: Place) -> Any:
    wanted, fits = PLAIN[hint]
    _check(file, fits(value), place, f"is {value!r}", f"it must be {wanted}")
    return hint(value)


def _check(file: TomlFile, fine: bool, place: Place, wrong: str, mend: str) -> None:
    if not fine:
        raise file.error(place, wrong, mend)
