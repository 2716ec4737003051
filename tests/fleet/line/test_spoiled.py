"""Whatever comes: what is spoiled is counted, stored nowhere, and stops nobody."""

from __future__ import annotations

import json
import os
import random
from collections import Counter

import pytest

from appliance.fleet.keeping import store
from appliance.fleet.line.source import Received
from appliance.telemetry import wire
from tests.fleet.stored import NOW, Server, fault

TOPICS = [
    *("va/1/lobby/up/ev", "va/1/lobby/up/m", "va/1/kitchen/up/ev", "va/1/stranger/up/ev", "va/1/lobby/state"),
    *("va/1/lobby/up/nothing", "va/2/lobby/up/ev", "other", "va/1/lobby/dn/cmd"),
]


def mangled(chance: random.Random, seq: int) -> Received:
    """A message that somebody has spoiled in one of many ways, or not at all."""
    body = json.loads(fault(seq, boot=f"{chance.randrange(3):016x}").pack())
    way = chance.randrange(12)
    if way == 0:
        body["ts"] = NOW + chance.randrange(10**13)
    elif way == 1:
        body[chance.choice(list(body))] = chance.choice([None, -1, 1.5, "x", [], {}, True, 2**70, "\ud800"])
    elif way == 2:
        body["d"] = {"what": "x" * chance.randrange(80), "on": chance.choice([True, "yes"]), "why": "y" * 600}
    elif way == 3:
        body["d"]["more"] = "z" * 40_000
    elif way == 4:
        del body[chance.choice(list(body))]
    elif way == 5:
        body["boot"] = f"{9:016x}"  # Of this start nothing is waited for any more.
        body["k"], body["d"] = (
            "dropped",
            {"boot": body["boot"], "ranges": [[1, chance.choice([3, 2**53, -1])]]},
        )
    payload = json.dumps(body).encode()
    if way == 6:
        payload = payload[: chance.randrange(len(payload))]
    elif way == 7:
        place = chance.randrange(len(payload))
        payload = payload[:place] + chance.randbytes(3) + payload[place + 1 :]
    elif way == 8:
        payload = chance.randbytes(chance.randrange(200))
    return Received(chance.choice(TOPICS) if way > 8 else TOPICS[0], payload)


def fuzz(server: Server, count: int) -> Counter[str]:
    chance = random.Random(7)
    counts: Counter[str] = Counter()
    for start in range(0, count, 500):
        batch = [
            mangled(chance, 1 + chance.randrange(count // 2)) for _ in range(start, min(count, start + 500))
        ]
        counts += server.worker.take(batch)
    states = counts["received"] - sum(
        counts[name] for name in ("huge", "malformed", "unknown", "foreign", "stored", "replayed")
    )
    assert 0 <= states < count / 40  # What came on the state's topic and was one is not counted by itself.
    assert counts["received"] == count
    rows = server.store.read("select count(*), count(distinct boot || ' ' || seq) from message")
    assert rows == [(counts["stored"], counts["stored"])]
    for kind, data, at in server.store.read("select kind, data, at from message"):
        wire.check(json.loads(data), kind)
        assert at <= NOW + store.FUTURE
    return counts


def test_ten_thousand_spoiled_messages_are_each_counted_and_none_is_stored_wrongly(server: Server) -> None:
    counts = fuzz(server, 10_000)
    assert (
        min(counts[name] for name in ("huge", "malformed", "unknown", "foreign", "future", "replayed")) > 50
    )


@pytest.mark.slow
def test_a_hundred_thousand_spoiled_messages(server: Server) -> None:
    print(dict(fuzz(server, int(os.environ.get("MESSAGES", "100000")))))
