"""`appliance fleet bundle`, `bundles` and `rollout`, at the server."""

from __future__ import annotations

import argparse
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from appliance.fleet.rollouts import bundles, rollouts
from appliance.fleet.rollouts.bundles import Pieces
from appliance.fleet.rollouts.rollouts import Plan


def run(arguments: argparse.Namespace) -> int:
    with closing(Store(arguments.store or arguments.folder / "fleet.db")) as store:
        if arguments.what == "bundle":
            return _make(store, arguments)
        if arguments.what == "bundles":
            for each in bundles.every(store):
                kinds = ", ".join(sorted({piece.kind for piece in each.pieces}))
                print(f"{each.version}  {each.hash}  {_time(each.at)}  {each.name}: {kinds}")
            return 0
        match arguments.deed:
            case "start":
                return _start(store, arguments)
            case "list":
                for told in rollouts.every(store):
                    print(_line(told))
            case "show":
                _show(rollouts.one(store, arguments.number))
            case _:
                state = rollouts.steer(store, arguments.number, arguments.deed, audit.here())
                print(f"rollout {arguments.number} is {state}")
    return 0


def _make(store: Store, arguments: argparse.Namespace) -> int:
    made = bundles.make(
        store,
        Pieces(arguments.folder / "pieces"),
        arguments.name,
        _text(arguments.desk),
        _text(arguments.settings),
        {folder.name: folder for folder in arguments.model},
        arguments.system,
        audit.here(),
    )
    print(f"bundle {made.version}, {made.hash}: {len(made.pieces)} pieces")
    print(f"to roll it out: appliance fleet rollout start {made.version}")
    return 0


def _start(store: Store, arguments: argparse.Namespace) -> int:
    plan = Plan(
        _waves(arguments.waves),
        round(arguments.soak * 60),
        arguments.calls,
        arguments.approve,
        arguments.site,
    )
    id = rollouts.start(store, arguments.version, plan, _moment(arguments.at), audit.here())
    print(f"rollout {id}; the server that runs carries it out: appliance fleet rollout show {id}")
    return 0


def _show(told: dict[str, Any]) -> None:
    print(_line(told))
    print(f"boxes: {told['sent']} have it, {told['well']} are well, {told['hurt_boxes']} hurt, "
          f"{told['away']} were not there")  # fmt: skip
    print(f"{told['had']} boxes had it, and answered {told['answered']} calls by it")
    print(f"{told['wrong']} of these were not completed, on {told['hit']} boxes")
    if told["ended"]:
        print(f"over after {(told['ended'] - told['begins']) / 60_000:.1f} minutes")
    print(f"calls compared: {told['candidate']} of the candidate, {told['rest']} others")
    print(f"{'':14} candidate  others  evidence")
    for gate in told["gates"]:
        state = "" if gate["fine"] else "  failed"
        print(
            f"{gate['gate']:14} {gate['candidate']:9.1%} {gate['rest']:7.1%} {gate['evidence']:9.0%}{state}"
        )


def _line(told: dict[str, Any]) -> str:
    bundle, plan = told["bundle"], told["plan"]
    wave = f"wave {told['wave'] + 1} of {len(plan['waves'])}, {told['sent']} boxes"
    why = f": {told['why']}" if told["why"] else ""
    return f"{told['id']}  {told['state']}{why}  bundle {bundle['version']} {bundle['name']}  {wave}"


def _waves(text: str) -> tuple[tuple[int, int], ...]:
    try:
        pairs = [wave.partition(":") for wave in text.split(",")]
        return tuple((int(boxes), int(calls or 100)) for boxes, _, calls in pairs)
    except ValueError as error:
        raise ApplianceError(f"{text!r} is no list of waves", "as in 5:20,25:50,100:100") from error


def _moment(text: str) -> int:
    """Milliseconds since 1970 of a time here; 0 for now."""
    if not text:
        return 0
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError as error:
        raise ApplianceError(f"{text!r} is no time", "as in 2026-12-01T02:00") from error


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ApplianceError(f"{path} cannot be read ({error})", "look at its name") from error
