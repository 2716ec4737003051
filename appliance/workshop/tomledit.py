"""Changing the facts of a desk file for people who do not write TOML. All else in the file stays as it is:
order, comments, blank lines."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from typing import Any

import tomlkit

from appliance.errors import ConfigError

WIDE = 100
"""Letters from which a list of questions is written one a line."""


@dataclass(frozen=True, slots=True)
class FactForm:
    """A fact as a form shows it."""

    name: str
    ask: tuple[str, ...]
    say: str
    label: str = ""


def facts(text: str) -> list[FactForm]:
    """The facts of a desk file in their order. ConfigError where the file is no TOML."""
    return [
        FactForm(
            name,
            tuple(str(each) for each in _listed(fact.get("ask"))),
            str(fact.get("say", "")),
            str(fact.get("label", "")),
        )
        for name, fact in _parsed(text).get("fact", {}).items()
        if isinstance(fact, dict)
    ]


def put(text: str, fact: FactForm) -> str:
    """The desk file with this fact, in place of the one of that name if there is one. ConfigError where the
    file writes its facts in a way that only people can change."""
    wanted = _parsed(text)
    before = wanted.setdefault("fact", {}).setdefault(fact.name, {})
    lines = StringIO(text).readlines()
    blocks = _blocks(lines)
    if before:
        start, end = blocks.get(fact.name, (0, 0))
        block = _changed("".join(lines[start:end]), fact) if end else ""
    else:
        start = end = max((end for _, end in blocks.values()), default=_end(lines, 0, len(lines)))
        made = f"[fact.{_key(fact.name)}]\nask = []\nsay = {_quoted(fact.say)}\n"
        block = ("" if not start or lines[start - 1].endswith("\n") else "\n") + "\n" + _changed(made, fact)
    before |= {"ask": list(fact.ask), "say": fact.say}
    if fact.label or "label" in before:
        before["label"] = fact.label
    return _surely("".join([*lines[:start], block, *lines[end:]]), wanted, fact.name)


def drop(text: str, name: str) -> str:
    """The desk file without this fact. ConfigError as in `put`."""
    wanted = _parsed(text)
    wanted.get("fact", {}).pop(name, None)
    lines = StringIO(text).readlines()
    start, end = _blocks(lines).get(name, (0, 0))
    while end < len(lines) and not lines[end].strip():
        end += 1
    if not wanted.get("fact"):
        wanted.pop("fact", None)
    return _surely("".join([*lines[:start], *lines[end:]]), wanted, name)


def add_phrases(text: str, flow: str, phrases: Sequence[str]) -> str:
    """The desk file with more phrases that start a flow, as people say them. ConfigError where there is no
    such flow, or it is written in a way that only people can change."""
    wanted = _parsed(text)
    table = wanted.get("flow", {}).get(flow)
    if not isinstance(table, dict):
        raise ConfigError(f"there is no flow.{flow}", "it may have another name by now")
    plain = [" ".join(re.findall(r"[\w']+", phrase)) for phrase in phrases]
    every = list(dict.fromkeys([*map(str, _listed(table.get("phrases"))), *filter(None, plain)]))
    table["phrases"] = every
    document: Any = tomlkit.parse(text)
    document["flow"][flow]["phrases"] = _array(every, tall=False)
    return _surely(tomlkit.dumps(document), wanted, flow, "flow")


def _blocks(lines: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Where each [fact.NAME] begins and ends, without what stands after its last line."""
    tables = {number: table for number, line in enumerate(lines) if (table := _header(line))}
    return {
        next(iter(tables[start]["fact"])): (start, _end(lines, start, after))
        for start, after in pairwise([*tables, len(lines)])
        if isinstance(tables[start].get("fact"), dict) and len(tables[start]["fact"]) == 1
    }


def _header(line: str) -> dict[str, Any]:
    """The table that a line opens; empty where it opens none."""
    if not line.lstrip().startswith("["):
        return {}
    try:
        return tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return {}


def _end(lines: Sequence[str], start: int, after: int) -> int:
    while after > start and (not lines[after - 1].strip() or lines[after - 1].lstrip().startswith("#")):
        after -= 1
    return after


def _changed(block: str, fact: FactForm) -> str:
    """One table with other values; comments at its lines stay."""
    try:
        document = tomlkit.parse(block)
        table: Any = document["fact"][fact.name]
        if list(table.get("ask", [])) != list(fact.ask):
            table["ask"] = _array(fact.ask, "\n" in table["ask"].as_string() if "ask" in table else False)
        if table.get("say") != fact.say:
            table["say"] = fact.say
        if fact.label != table.get("label", ""):
            table["label"] = fact.label
        return tomlkit.dumps(document)
    except (tomlkit.exceptions.TOMLKitError, KeyError, TypeError, AttributeError):
        return ""


def _array(items: Sequence[str], tall: bool) -> Any:
    written = [_quoted(item) for item in items]
    flat = f"[{', '.join(written)}]"
    if tall or len(flat) > WIDE:
        flat = "[\n" + "".join(f"  {each},\n" for each in written) + "]"
    return tomlkit.parse(f"ask = {flat}\n")["ask"]


def _surely(text: str, wanted: dict[str, Any], name: str, table: str = "fact") -> str:
    """The text, if it says just what is wanted."""
    try:
        fine = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        fine = False
    if not fine:
        raise ConfigError(
            f"{table}.{name} is not written as a table of its own", "change it in the whole file"
        )
    return text


def _parsed(text: str) -> dict[str, Any]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the file cannot be read: {error}", "mend it in the whole file first") from error
    if not isinstance(values.get("fact", {}), dict):
        raise ConfigError("fact is not a table", "mend it in the whole file first")
    return values


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """A TOML string. JSON's escapes are TOML's, but for DEL, which TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
