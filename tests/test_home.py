"""What Home Assistant is told of the box, by a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from appliance import home
from appliance.config.box import Home
from appliance.console.server import Status
from appliance.home import ENTITIES, HomeLine
from tests.telemetry.brokers import PlainBroker, needs_mosquitto


class Assistant:
    """Listens to all that is told, and remembers the last word on each topic."""

    def __init__(self, port: int) -> None:
        self.heard: dict[str, Any] = {}
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _on_message(self, client: Client, _: Any, message: Any) -> None:
        text = message.payload.decode()
        self.heard[message.topic] = json.loads(text) if text.startswith("{") else text

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PlainBroker]:
    made = PlainBroker(tmp_path)
    yield made
    made.kill()


async def until(found: Any, seconds: float = 30) -> None:
    ends = asyncio.get_running_loop().time() + seconds
    while not found():
        assert asyncio.get_running_loop().time() < ends
        await asyncio.sleep(0.02)


@needs_mosquitto
async def test_the_box_is_found_told_of_and_missed(
    tmp_path: Path, broker: PlainBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "LOOK", 0.02)
    calls, off = [0], [Status("gsm", False, "no modem")]
    settings = Home(broker=f"127.0.0.1:{broker.port}", name="lobby")
    line = HomeLine(settings, tmp_path, lambda: calls[0], lambda: off)
    assistant = Assistant(broker.port)
    heard = assistant.heard
    assert line.state == (False, f"the broker 127.0.0.1:{broker.port} is not there")
    serving = asyncio.create_task(line.serve(None))  # type: ignore[arg-type]
    await until(lambda: "appliance/lobby/state" in heard)
    assert line.state[0]
    assert heard["appliance/lobby/here"] == "online"
    told = heard["appliance/lobby/state"]
    assert (told["calls"], told["problem"], told["off"]) == (0, "on", "gsm")
    for entity in ENTITIES:
        described = heard[f"homeassistant/{entity.kind}/lobby/{entity.key}/config"]
        assert described["state_topic"] == "appliance/lobby/state"
        assert described["value_template"] == f"{{{{ value_json.{entity.key} }}}}"
        assert entity.key in told
    assert len({heard[topic]["unique_id"] for topic in heard if topic.endswith("/config")}) == len(ENTITIES)
    calls[0], off[:] = 2, []
    await until(lambda: heard["appliance/lobby/state"]["calls"] == 2)
    assert heard["appliance/lobby/state"]["off"] == "nothing"
    # A broker that comes back is told all of it again.
    broker.kill()
    await until(lambda: not line.state[0])
    heard.clear()
    broker.start()
    await until(lambda: "appliance/lobby/state" in heard and heard.get("appliance/lobby/here") == "online")
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await until(lambda: heard["appliance/lobby/here"] == "offline")
    assistant.close()


async def test_a_broker_that_refuses_is_tried_again_and_nothing_piles_up_for_it(tmp_path: Path) -> None:
    asked = []

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1000))
        writer.write(b"\x20\x02\x00\x05")  # CONNACK: not authorised.
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuses, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        line = HomeLine(Home(broker=f"127.0.0.1:{port}", name="lobby"), tmp_path, lambda: 0, lambda: [])
        serving = asyncio.create_task(line.serve(None))  # type: ignore[arg-type]
        await until(lambda: len(asked) > 1)
        assert not line.state[0]
        assert not line._client._out_messages
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize(
    "wrong", [{"broker": "x"}, {"broker": "x:y"}, {"broker": "x:0"}, {"name": "Lobby 1"}, {"name": ""}]
)
def test_what_is_no_broker_and_no_name_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has "):
        Home(**wrong)
