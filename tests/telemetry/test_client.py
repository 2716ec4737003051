"""The box's line to its fleet, by a real broker: what is kept, sent again, taken; and what ends it not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from appliance.errors import StorageError
from appliance.memory.store import Store
from appliance.telemetry import client as clients
from appliance.telemetry import wire
from appliance.telemetry.client import Address, Line
from appliance.telemetry.outbox import Outbox
from tests.telemetry.brokers import PlainBroker, needs_mosquitto, wait_for

pytestmark = needs_mosquitto

FAULT = {"what": "gsm", "on": False}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PlainBroker]:
    made = PlainBroker(tmp_path)
    yield made
    made.kill()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RECONNECT", (0.05, 0.1))
    monkeypatch.setattr(clients, "AGAIN", 0.3)
    monkeypatch.setattr(clients, "LOOK", 0.02)


class Box:
    def __init__(self, folder: Path, port: int, **on: Any) -> None:
        self.store = Store(folder / "desk.db")
        self.outbox = Outbox(self.store)
        self.line = Line(Address("lobby", "127.0.0.1", port), self.outbox, **on)
        self.line.start()

    def close(self) -> None:
        self.line.stop()
        self.store.close()

    @property
    def waiting(self) -> int:
        return self.outbox.waiting().count


class Fleet:
    """Hears what comes up, and acknowledges it when it is told to."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.acks = True
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="fleet")
        self.client.on_connect = lambda client, *_: client.subscribe("va/1/#", 1)
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(0.05, 0.1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        if "/dn/" in message.topic:
            return
        body = json.loads(message.payload)
        self.heard.append((message.topic.split("/", 3)[3], body))
        if self.acks and "seq" in body:
            self.say("ack", {"boot": body["boot"], "upto": 0, "also": [[body["seq"], body["seq"]]]})

    def say(self, what: Any, body: Any, **options: Any) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.client.publish(wire.down("lobby", what), payload, 1, **options)

    def numbers(self) -> list[int]:
        return [body["seq"] for topic, body in self.heard if topic == "up/ev"]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def fleet(broker: PlainBroker) -> Iterator[Fleet]:
    made = Fleet(broker.port)
    wait_for(made.client.is_connected)
    yield made
    made.close()


def test_what_is_told_arrives_and_leaves_the_outbox_once_acknowledged(
    tmp_path: Path, broker: PlainBroker, fleet: Fleet
) -> None:
    box = Box(tmp_path, broker.port)
    count = clients.WINDOW + 50
    for _ in range(count):
        box.outbox.tell("fault", FAULT)
    wait_for(lambda: box.waiting == 0)
    assert sorted(set(fleet.numbers())) == list(range(1, count + 1))
    box.close()


def test_it_stays_and_is_sent_again_until_the_fleet_has_it(
    tmp_path: Path, broker: PlainBroker, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "AGAIN", 0.05)
    fleet.acks = False
    box = Box(tmp_path, broker.port)
    box.outbox.tell("fault", FAULT)
    wait_for(lambda: len(fleet.numbers()) >= 3)
    assert box.waiting == 1
    fleet.acks = True
    wait_for(lambda: box.waiting == 0)
    box.close()


def test_a_line_on_which_nothing_is_acknowledged_is_begun_anew(
    tmp_path: Path, broker: PlainBroker, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "DEAF", 0.3)
    box = Box(tmp_path, broker.port)
    fleet.acks = False
    box.outbox.tell("fault", FAULT)
    wait_for(lambda: sum(body.get("online", False) for _, body in fleet.heard) >= 2)
    fleet.acks = True
    wait_for(lambda: not box.waiting)
    box.close()


def test_a_wait_before_connecting_grows_and_never_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RECONNECT", (2.0, 30.0))
    for tries, spread, most in (
        (0, 0, 2.0), (1, 0, 2.0), (3, 0, 8.0), (5_000, 0, 30.0),
        (0, 33, 33.0), (1, 33, 33.0), (2, 33, 66.0), (5_000, 33, 132.0),
    ):  # fmt: skip
        waits = [clients.pause(tries, spread) for _ in range(300)]
        assert 0 <= min(waits) < most / 4
        assert most * 3 / 4 < max(waits) <= most


def test_a_box_comes_back_in_as_many_seconds_as_its_fleet_would_have(
    tmp_path: Path, broker: PlainBroker, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    spreads: list[float] = []

    def pause(tries: int, spread: float = 0) -> float:
        spreads.append(spread)
        return 0.02

    monkeypatch.setattr(clients, "pause", pause)
    box = Box(tmp_path, broker.port)
    wait_for(lambda: box.line.state[0])
    fleet.say("ack", {"boot": "f" * 16, "upto": 0, "spread": 33})
    wait_for(lambda: box.line.acked)
    broker.kill()
    wait_for(lambda: spreads)
    assert spreads[0] == 33
    box.close()


def test_a_box_is_there_until_it_goes_or_is_lost(tmp_path: Path, broker: PlainBroker, fleet: Fleet) -> None:
    def there() -> list[bool]:
        return [body["online"] for topic, body in fleet.heard if topic == "state"]

    box = Box(tmp_path, broker.port)
    wait_for(lambda: there() == [True])
    box.close()
    wait_for(lambda: there() == [True, False])


@pytest.mark.parametrize("times", [3])
def test_a_broker_that_is_killed_again_and_again_is_survived(
    tmp_path: Path, broker: PlainBroker, fleet: Fleet, times: int
) -> None:
    box = Box(tmp_path, broker.port)
    for _ in range(times):
        wait_for(lambda: box.line.state[0])
        for _ in range(20):
            box.outbox.tell("fault", FAULT)
        broker.kill()
        for _ in range(20):
            box.outbox.tell("fault", FAULT)
        wait_for(lambda: not box.line.state[0])
        assert "127.0.0.1" in box.line.state[1]
        broker.start()
    wait_for(lambda: box.waiting == 0, 20)
    assert sorted(set(fleet.numbers())) == list(range(1, 40 * times + 1))
    box.close()


def test_no_failure_of_a_callback_ends_the_line(
    tmp_path: Path, broker: PlainBroker, fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    got: list[dict[str, Any]] = []

    def take(command: dict[str, Any]) -> None:
        got.append(command)
        raise ZeroDivisionError

    box = Box(tmp_path, broker.port, on_command=take)
    wait_for(lambda: box.line.state[0])
    fleet.say("cmd", {"id": "1", "do": "doctor", "expires": 1, "now": 0})
    wait_for(lambda: got)
    box.outbox.tell("fault", FAULT)
    wait_for(lambda: box.waiting == 0)
    assert "begun again" in caplog.text
    box.close()


def test_a_disk_that_takes_no_command_does_not_end_the_session(
    tmp_path: Path, broker: PlainBroker, fleet: Fleet
) -> None:
    got: list[dict[str, Any]] = []

    def take(command: dict[str, Any]) -> None:
        got.append(command)
        raise StorageError("the disk is full", "free some space")

    box = Box(tmp_path, broker.port, on_command=take)
    wait_for(lambda: box.line.state[0])
    for id in ("1", "2"):
        fleet.say("cmd", {"id": id, "do": "doctor", "expires": 1, "now": 0})
    box.outbox.tell("fault", FAULT)
    wait_for(lambda: len(got) == 2 and box.waiting == 0)
    box.close()
    wait_for(lambda: ("state", False) in [(topic, body.get("online")) for topic, body in fleet.heard])
    assert [body["online"] for topic, body in fleet.heard if topic == "state"] == [True, False]


def test_nonsense_from_the_fleet_is_not_taken(tmp_path: Path, broker: PlainBroker, fleet: Fleet) -> None:
    got: list[object] = []
    fleet.acks = False
    box = Box(tmp_path, broker.port, on_command=got.append)
    box.outbox.tell("fault", FAULT)
    wait_for(lambda: fleet.numbers())
    for what in ("ack", "cmd"):
        for body in (
            b"",
            b"{",
            b"[]",
            {"boot": 1},
            {"boot": "x", "upto": 9},
            {"id": "a b", "do": "x", "expires": 1, "now": 0},
        ):
            fleet.say(what, body)
    fleet.say("ack", {"boot": "f" * 16, "upto": 99})
    fleet.say("cmd", {"id": "good", "do": "doctor", "expires": 1, "now": 0})
    wait_for(lambda: got)
    assert [command["id"] for command in got if isinstance(command, dict)] == ["good"]
    assert box.waiting == 1
    box.close()


def test_what_a_box_should_be_waits_for_it(tmp_path: Path, broker: PlainBroker, fleet: Fleet) -> None:
    got: list[bytes] = []
    fleet.say("desired", b"a bundle", retain=True)
    box = Box(tmp_path, broker.port, on_desired=got.append)
    wait_for(lambda: got == [b"a bundle"])
    box.close()
