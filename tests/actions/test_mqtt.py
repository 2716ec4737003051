"""A door on a real broker on this machine, and what it replies."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.actions.conftest import Desk, desk_at
from tests.ports import free_port

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
pytestmark = pytest.mark.skipif(
    not Path(MOSQUITTO).exists(), reason="mosquitto is not installed (Debian's package)"
)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    config = tmp_path_factory.mktemp("broker") / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    running = subprocess.Popen([MOSQUITTO, "-c", str(config)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            time.sleep(0.02)
    yield port
    running.terminate()
    running.wait(10)


class Door:
    """A thing on the broker that replies as it is told to."""

    def __init__(self, port: int, version: MQTTProtocolVersion) -> None:
        self.asked: list[dict[str, Any]] = []
        self.respond: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda asked: {"ok": True}
        self._version = version
        self._listening = False
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=version)
        self.client.on_message = self._on_message
        self.client.on_subscribe = self._on_subscribe
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe("doors/+/open", qos=1)
        deadline = time.monotonic() + 5
        while not self._listening and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self._listening

    def _on_subscribe(self, *_: Any) -> None:
        self._listening = True

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        asked = json.loads(message.payload)
        self.asked.append({"topic": message.topic, **asked})
        answer = self.respond(asked)
        if answer is None:
            return
        if self._version == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = message.properties.CorrelationData
            client.publish(message.properties.ResponseTopic, json.dumps(answer), 1, properties=properties)
        else:
            client.publish(asked["reply"], json.dumps({"id": asked["id"], **answer}), 1)


@pytest.fixture(params=[MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311], ids=["v5", "v3"])
def door(broker: int, request: pytest.FixtureRequest) -> Iterator[Door]:
    made = Door(broker, request.param)
    yield made
    made.client.disconnect()
    made.client.loop_stop()


def desk_on(folder: Path, port: int) -> Desk:
    door = {"topic": "doors/{door}/open", "body": {"for": "{name}"}, "timeout": 0.5}
    return desk_at(
        folder,
        {"mqtt.ask": {"host": "127.0.0.1", "port": port, "template": {"door": door}}},
    )


OPEN = {"template": "door", "door": "north", "name": "Eve"}


def test_a_question_gets_its_reply(tmp_path: Path, broker: int, door: Door) -> None:
    door.respond = lambda asked: {"ok": True, "seconds": 5, "odd": [1]}
    outcome = desk_on(tmp_path, broker).run("mqtt.ask", **OPEN)
    assert outcome.result == {"seconds": 5}
    [asked] = door.asked
    assert (asked["topic"], asked["for"], asked["id"]) == ("doors/north/open", "Eve", outcome.key)


def test_the_same_yes_asks_once(tmp_path: Path, broker: int, door: Door) -> None:
    desk = desk_on(tmp_path, broker)
    yes = desk.agreed("mqtt.ask", **OPEN)
    assert desk.run("mqtt.ask", yes, **OPEN) == desk.run("mqtt.ask", yes, **OPEN)
    assert len(door.asked) == 1


def test_a_no_is_a_no(tmp_path: Path, broker: int, door: Door) -> None:
    door.respond = lambda asked: {"ok": False, "why": "locked"}
    assert desk_on(tmp_path, broker).run("mqtt.ask", **OPEN).why == "locked"


def test_silence_leaves_it_in_doubt(tmp_path: Path, broker: int, door: Door) -> None:
    door.respond = lambda asked: None
    assert desk_on(tmp_path, broker).run("mqtt.ask", **OPEN).why == "doubt"


def test_the_reply_to_another_question_is_not_taken(tmp_path: Path, broker: int) -> None:
    door = Door(broker, MQTTProtocolVersion.MQTTv311)
    door.respond = lambda asked: {"id": "another", "ok": True}
    try:
        assert desk_on(tmp_path, broker).run("mqtt.ask", **OPEN).why == "doubt"
    finally:
        door.client.disconnect()
        door.client.loop_stop()


def test_a_slot_stays_one_level_of_the_topic(tmp_path: Path, broker: int, door: Door) -> None:
    for name in ("north/../gate", "#", "+", ""):
        assert desk_on(tmp_path, broker).run("mqtt.ask", **{**OPEN, "door": name}).why == "invalid"
    assert door.asked == []


def test_without_a_broker_nothing_was_asked(tmp_path: Path) -> None:
    assert desk_on(tmp_path, free_port()).run("mqtt.ask", **OPEN).why == "unreachable"
