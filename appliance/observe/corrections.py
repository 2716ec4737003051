"""What a person corrects in a call becomes a scenario, so that it is seen when it goes wrong again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from appliance.errors import StorageError
from appliance.observe.calls import Kept
from appliance.system.writing import write

STAND_INS = {
    "card": "4111 1111 1111 1111",
    "phone": "212 555 0142",
    "e-mail": "ann at example dot com",
    "name": "Ann Smith",
    "number": "482913",
}
"""What is said in a scenario where something private was left out of the call."""

_LEFT_OUT = re.compile(r"\[([a-z-]+)\]")


def correct(
    path: Path,
    desk: Path | None,
    call: Kept,
    turns: Sequence[Mapping[str, Any]],
    number: int,
    intent: str,
) -> str:
    """Write down that turn `number` of a call should have been decided as `intent`; the scenario's name.
    `desk` is the desk file, None for the one that ships. Whatever happened later in the call is left out.
    ValueError where nothing was heard in that turn, StorageError where the file cannot be written."""
    until = [turn for turn in turns if turn["number"] <= number and turn["cause"] in ("heard", "silence")]
    if not until or until[-1]["number"] != number or not until[-1]["heard"]:
        raise ValueError(f"nothing was heard in turn {number}")
    name = f"{call.began.astimezone():%Y-%m-%d %H:%M}, call {call.id[:12]}, turn {number}"
    says = [said(turn) for turn in until]
    scenario: dict[str, Any] = {
        "now": f"{call.began.astimezone():%Y-%m-%dT%H:%M}",
        "says": says,
        "decided": [*("" for _ in until[:-1]), intent],
    }
    if left := [line for line, turn in zip(says, until, strict=True) if _took(turn)]:
        scenario["messages"] = [" ".join(left)]
    if done := _done(call, turns, number):
        scenario["done"] = done
    _add(path, desk, name, scenario)
    return name


def said(turn: Mapping[str, Any]) -> str:
    """What the caller said in a turn, with something else in the place of what was left out."""
    if not turn["heard"]:
        return "..."
    text = " ".join(word for word, *_ in turn["heard"]["words"])
    return _LEFT_OUT.sub(lambda found: STAND_INS.get(found[1], found[0]), text)


def _took(turn: Mapping[str, Any]) -> bool:
    """Whether the turn's words were kept as a message."""
    return bool(turn["decision"] and turn["decision"]["intent"] == "taken")


def _done(call: Kept, turns: Sequence[Mapping[str, Any]], number: int) -> list[str]:
    """What had been done by the end of a turn."""
    later = next((turn for turn in turns if turn["number"] > number), None)
    if later is None:
        return [f"{deed['action']} {deed['why'] or 'ok'}" for deed in call.deeds]
    ends = call.began.timestamp() + later["at"] / 16_000
    before = [deed for deed in call.deeds if datetime.fromisoformat(deed["began"]).timestamp() < ends]
    return [f"{deed['action']} {deed['why'] or 'ok'}" for deed in before]


def _add(path: Path, desk: Path | None, name: str, scenario: Mapping[str, Any]) -> None:
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        file = tomlkit.parse(text)
        file["desk"] = str(desk or "")
        file.setdefault("scenario", tomlkit.table(is_super_table=True))[name] = scenario
        write(path, tomlkit.dumps(file))
    except (OSError, TOMLKitError) as error:
        raise StorageError(
            f"the scenario cannot be written to {path} ({error})", "mend the file, or take it away"
        ) from error
