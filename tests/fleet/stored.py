"""What boxes tell, taken by a worker into a store, without a broker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from appliance.fleet.keeping.store import Store
from appliance.fleet.line.source import Received
from appliance.fleet.line.worker import Worker
from appliance.telemetry import wire
from appliance.telemetry.wire import Message

BOOT = "0123456789abcdef"
NOW = 1_900_000_000_000


class Kept:
    """A Source that gives nothing, and keeps what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []

    def fetch(self, most: int, seconds: float) -> list[Received]:
        return []

    def ack(self, received: Sequence[Received]) -> None:
        pass

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        self.published.append((topic, payload))
        return True


class Server:
    def __init__(self, where: Path | str) -> None:
        self.time = NOW / 1000
        self.store = Store(where, lambda: self.time)
        with self.store.write() as db:
            db.executemany(
                "insert into box (name, site, since) values (?, 'North', 0)", [("lobby",), ("kitchen",)]
            )
        self.source = Kept()
        self.worker = Worker(self.source, self.store)

    def take(self, *messages: Message, device: str = "lobby") -> Counter[str]:
        return self.worker.take(
            [Received(wire.up(device, message.kind), message.pack()) for message in messages]
        )

    @property
    def stored(self) -> list[int]:
        return [seq for (seq,) in self.store.read("select seq from message order by boot, seq")]

    @property
    def acks(self) -> list[dict[str, object]]:
        return [json.loads(payload) for topic, payload in self.source.published if topic.endswith("ack")]


def fault(seq: int, boot: str = BOOT, at: int = NOW, on: bool = False) -> Message:
    return Message(boot, seq, at, "fault", {"what": "gsm", "on": on})
