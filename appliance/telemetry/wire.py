"""What goes over the wire between a box and its fleet: topics, the envelope, and a JSON Schema for each kind
of message. A message is parsed as if a stranger had written it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import fastjsonschema

from appliance.errors import ApplianceError

VERSION = 1

LARGEST = 32 << 10
"""Bytes of a message from a box."""

LARGEST_DOWN = 512 << 10
"""Bytes of a message to a box."""

DEVICE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""What a box may be called: a label of a host's name."""

BOOT = re.compile(r"[0-9a-f]{16}", re.ASCII)

FARTHEST = 2**53 - 1
"""The largest whole number that every reader of JSON takes as it is."""

SCHEMAS = Path(__file__).parent / "schemas"

Channel = Literal["ev", "m", "log", "rsp", "reported"]
Level = Literal["detail", "record", "alert"]


@dataclass(frozen=True, slots=True)
class Kind:
    channel: Channel
    level: Level
    """What goes first where there is no room: details, then records; alerts never."""


KINDS: Mapping[str, Kind] = {
    "began": Kind("ev", "record"),
    "call": Kind("ev", "record"),
    "turn": Kind("m", "detail"),
    "health": Kind("m", "detail"),
    "fault": Kind("ev", "alert"),
    "unanswered": Kind("ev", "record"),
    "dropped": Kind("ev", "alert"),
    "answer": Kind("rsp", "alert"),
    "log": Kind("log", "record"),
    "reported": Kind("reported", "alert"),
}
"""What a box tells. There is a schema for each; fields are only ever added."""


class BadMessage(ApplianceError):
    """What came is no message. `cause` is one of CAUSES."""

    def __init__(self, cause: str, wrong: str) -> None:
        super().__init__(wrong)
        self.cause = cause


CAUSES = ("huge", "malformed", "unknown")
"""Why a message is none: too large; not as its schema says; of a kind or a version that is not known."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that a box tells. (device, boot, seq) is its name: made once, and kept once."""

    boot: str
    """Which start of the box: 16 hex digits that no other start has."""
    seq: int
    """1, 2, 3 ... in that start, without gaps."""
    ts: int
    """Milliseconds since 1970, UTC, by the clock of the box."""
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def pack(self) -> bytes:
        envelope = {"v": VERSION, "boot": self.boot, "seq": self.seq, "ts": self.ts, "k": self.kind}
        return pack({**envelope, "d": self.data})


def state_topic(device: str) -> str:
    """Retained: whether the box is there."""
    return f"va/{VERSION}/{device}/state"


def up(device: str, kind: str) -> str:
    return f"va/{VERSION}/{device}/up/{KINDS[kind].channel}"


def down(device: str, what: Literal["ack", "cmd", "desired", "piece", "certificate"]) -> str:
    return f"va/{VERSION}/{device}/dn/{what}"


ASKED = ("fetch", "renew")
"""What a box asks for and is answered at once, if at all: it is in no outbox, and asked again where nothing
comes."""


def asked(device: str, what: Literal["fetch", "renew"]) -> str:
    return f"va/{VERSION}/{device}/up/{what}"


def device_of(topic: str) -> tuple[str, str]:
    """The box that a topic belongs to, and the rest of it; BadMessage where it is none of ours."""
    parts = topic.split("/", 3)
    if len(parts) < 4 or parts[:2] != ["va", str(VERSION)] or not DEVICE.fullmatch(parts[2]):
        raise BadMessage("unknown", "the topic is not of a fleet")
    return parts[2], parts[3]


def pack_part(sha256: str, offset: int, part: bytes, gone: bool = False) -> bytes:
    """A part of a piece, after a line that tells which."""
    head = {"sha256": sha256, "offset": offset, **({"gone": True} if gone else {})}
    return pack(head) + b"\n" + part


def unpack_part(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """The line before a part, and the part. Raises BadMessage for whatever else it is."""
    head, _, part = payload.partition(b"\n")
    return unpack(head, "piece"), part


def pack(body: Mapping[str, Any], errors: Literal["strict", "replace"] = "strict") -> bytes:
    """`errors`: of half a surrogate. ValueError for that, and for a number that is none."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode(errors=errors)


def unpack(payload: bytes, schema: str, largest: int = LARGEST) -> dict[str, Any]:
    """A JSON object that its schema takes. Raises BadMessage for whatever else it is."""
    if len(payload) > largest:
        raise BadMessage("huge", f"it has {len(payload)} bytes, and {largest} are taken")
    try:
        body = json.loads(payload.decode(), parse_constant=_not_json)
        # Half a surrogate, and 1e999, are a string and a number to Python, and to nobody else.
        pack(body)
    except (ValueError, RecursionError) as error:
        raise BadMessage("malformed", f"it is no JSON ({type(error).__name__})") from error
    check(body, schema)
    return dict(body)


def check(body: Any, schema: str) -> None:
    """BadMessage where a schema does not take it."""
    try:
        _schema(schema)(body)
    except (fastjsonschema.JsonSchemaValueException, RecursionError, OverflowError) as error:
        told = getattr(error, "rule", type(error).__name__)
        raise BadMessage("malformed", f"it breaks the rule {told} of {schema}") from error


def read(payload: bytes, channel: str) -> Message:
    """What a box sent on a channel. Raises BadMessage, and nothing else, whatever came."""
    body = unpack(payload, "envelope")
    kind = KINDS.get(body["k"])
    if body["v"] != VERSION or kind is None:
        raise BadMessage("unknown", "its kind or its version is not known here")
    if kind.channel != channel:
        raise BadMessage("malformed", f"{body['k']} does not come on {channel}")
    check(body["d"], body["k"])
    return Message(body["boot"], body["seq"], body["ts"], body["k"], body["d"])


@cache
def _schema(name: str) -> Callable[[Any], Any]:
    rules = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    made: Callable[[Any], Any] = fastjsonschema.compile(rules, use_default=False, detailed_exceptions=False)
    return made


def _not_json(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
