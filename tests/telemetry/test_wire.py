"""What a box and its fleet say to each other, and what is no message."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.telemetry import wire
from appliance.telemetry.wire import BadMessage, Message

BOOT = "0123456789abcdef"
FAULT = Message(BOOT, 1, 1_700_000_000_000, "fault", {"what": "gsm", "on": False, "why": "no modem"})

PLAIN = some.none() | some.booleans() | some.integers() | some.floats() | some.text()
ANY = some.recursive(
    PLAIN, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner), max_leaves=8
)


def envelope(**changed: Any) -> bytes:
    body = {**json.loads(FAULT.pack()), **changed}
    return json.dumps(body).encode()


def test_what_is_packed_is_read_as_it_was() -> None:
    assert wire.read(FAULT.pack(), "ev") == FAULT


def test_every_kind_has_a_schema_and_every_schema_is_of_something() -> None:
    beside = {"envelope", "state", "ack", "cmd", "desired", "desired-body", "piece", "certificate"}
    beside |= set(wire.ASKED)
    assert {path.stem for path in wire.SCHEMAS.glob("*.json")} == {*wire.KINDS, *beside}
    for name in (*wire.KINDS, *beside):
        with pytest.raises(BadMessage):
            wire.check([], name)


def test_a_field_that_is_not_known_yet_is_no_fault_of_the_message() -> None:
    data = {**FAULT.data, "colour": "red"}
    assert wire.read(envelope(d=data), "ev").data == data


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (b"", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"[1]", "malformed"),
        (b"[" * 20_000, "malformed"),
        (envelope(seq=0), "malformed"),
        (envelope(seq=True), "malformed"),
        (envelope(seq=2**60), "malformed"),
        (envelope(ts=float("nan")), "malformed"),
        (envelope(boot="0123456789ABCDEF"), "malformed"),
        (envelope(boot=f"{BOOT}\n"), "malformed"),
        (envelope(k="secret"), "unknown"),
        (envelope(v=2), "unknown"),
        (envelope(d={"what": "gsm"}), "malformed"),
        (envelope(d={"what": "\ud800", "on": True}), "malformed"),
        (FAULT.pack().replace(b'"no modem"', b'"","more":1e999'), "malformed"),
        (envelope(d={"what": "x" * wire.LARGEST, "on": True}), "huge"),
    ],
)
def test_what_is_no_message_is_told_apart(payload: bytes, cause: str) -> None:
    with pytest.raises(BadMessage) as refused:
        wire.read(payload, "ev")
    assert refused.value.cause == cause


def test_a_kind_comes_on_its_own_channel() -> None:
    with pytest.raises(BadMessage):
        wire.read(FAULT.pack(), "rsp")


@pytest.mark.parametrize(
    "topic", ["", "va/1/x", "va/2/x/state", "va/1/A/state", "va/1/-a/state", "va/1/a+/up/ev"]
)
def test_a_topic_that_is_not_of_a_fleet(topic: str) -> None:
    with pytest.raises(BadMessage):
        wire.device_of(topic)


@settings(max_examples=150)
@given(some.binary(max_size=200))
def test_bytes_are_a_message_or_a_bad_one(payload: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.read(payload, "ev")


@settings(max_examples=200)
@given(some.sampled_from(["v", "boot", "seq", "ts", "k", "d"]), ANY, some.sampled_from(sorted(wire.KINDS)))
def test_any_value_in_any_place_is_taken_as_it_is_or_refused(place: str, value: Any, kind: str) -> None:
    payload = envelope(**{"k": kind, place: value})
    try:
        message = wire.read(payload, wire.KINDS[kind].channel)
    except BadMessage as refused:
        assert refused.cause in wire.CAUSES
    else:
        assert 1 <= message.seq <= wire.FARTHEST
        assert json.loads(message.pack()) == json.loads(payload)


@given(some.text(max_size=80))
def test_a_name_that_is_taken_is_one_level_of_a_topic(name: str) -> None:
    if wire.DEVICE.fullmatch(name):
        assert wire.device_of(wire.state_topic(name)) == (name, "state")
        assert not set(name) & set("/+#$ \n")
        assert len(name) <= 63
