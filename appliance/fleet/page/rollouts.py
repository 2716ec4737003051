"""What the REST API does about bundles and rollouts, each deed once: see api.py."""

from __future__ import annotations

from typing import Any

from appliance.fleet.page.api import (
    NUMBER,
    OBJECT,
    PAGED,
    STRING,
    TRUTH,
    Asked,
    Operation,
    Room,
    page_of,
    record,
    shown,
    text,
)
from appliance.fleet.people.scope import Missing
from appliance.fleet.rollouts import bundles, rollouts
from appliance.fleet.rollouts.rollouts import Plan

BUNDLE = shown(version=NUMBER, name=STRING, at=NUMBER, by=STRING, hash=STRING, parts=OBJECT)
ROLLOUT = shown(id=NUMBER, bundle=OBJECT, state=STRING, why=STRING, wave=NUMBER, sent=NUMBER, wrong=NUMBER,
                gates={"type": "array", "items": OBJECT})  # fmt: skip

TOML = {"type": "string", "pattern": r"^[^\x00]*$", "description": "400,000 characters at the most"}
PERCENT = {"type": "integer", "minimum": 1, "maximum": 100}
WAVE = {"type": "array", "items": PERCENT, "minItems": 2, "maxItems": 2}


def _bundles(room: Room, asked: Asked) -> Any:
    return asked.paged([bundles.told(each) for each in bundles.every(room.store, *asked.window)])


def _make(room: Room, asked: Asked) -> Any:
    made = bundles.make(room.store, room.pieces, **asked.body, who=asked.name)
    return bundles.told(made)


def _start(room: Room, asked: Asked) -> Any:
    body = dict(asked.body)
    version, begins = body.pop("bundle"), body.pop("begins", 0)
    if "waves" in body:
        body["waves"] = tuple((boxes, calls) for boxes, calls in body["waves"])
    id = rollouts.start(room.store, version, Plan(**body), begins, asked.name)
    return rollouts.one(room.store, id)


def _rollouts(room: Room, asked: Asked) -> Any:
    most, skip = asked.window
    return asked.paged(rollouts.every(room.store, most, skip))


def _rollout(room: Room, asked: Asked) -> Any:
    number = asked.path["rollout"]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Missing(f"there is no rollout {number[:20]!r}")
    try:
        return rollouts.one(room.store, int(number))
    except rollouts.NoRollout as error:
        raise Missing(str(error)) from error


def _steer(room: Room, asked: Asked) -> Any:
    id = int(_rollout(room, asked)["id"])
    return {"state": rollouts.steer(room.store, id, asked.body["do"], asked.name)}


ROLLING = (
    Operation("bundles", "GET", "/bundles", "Bundles, the newest first", "viewer", _bundles,
              page_of(BUNDLE), PAGED, whole=True),
    Operation("makeBundle", "POST", "/bundles", "Make one of a desk file, or of settings; models and systems "
              "are put into one at the server", "admin", _make, BUNDLE, status=201, whole=True,
              body=record("name", name=text(128, 1), desk=TOML, settings=TOML)),
    Operation("startRollout", "POST", "/rollouts", "Begin one, now or at a time", "admin", _start, ROLLOUT,
              status=201, whole=True,
              body=record("bundle", bundle={"type": "integer", "minimum": 1, "maximum": 1_000_000_000},
                          waves={"type": "array", "items": WAVE, "minItems": 1, "maxItems": 20},
                          soak={"type": "integer", "minimum": 0, "maximum": 2_592_000},
                          calls={"type": "integer", "minimum": 0, "maximum": 1_000_000},
                          approve=TRUTH, site=text(200),
                          begins={"type": "integer", "minimum": 0, "maximum": 10**14})),
    Operation("rollouts", "GET", "/rollouts", "Rollouts, the newest first", "viewer", _rollouts,
              page_of(ROLLOUT), PAGED, whole=True),
    Operation("rollout", "GET", "/rollouts/{rollout}", "How one goes", "viewer", _rollout,
              ROLLOUT, whole=True),
    Operation("steerRollout", "POST", "/rollouts/{rollout}/steer", "Pause, resume, approve, stop", "operator",
              _steer, shown(state=STRING), body=record("do", do={"enum": list(rollouts.DEEDS)}), whole=True),
)  # fmt: skip
