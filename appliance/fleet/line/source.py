"""Where what boxes tell comes from, and where what they are told goes: the broker's side of the seam."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from appliance.errors import ApplianceError
from appliance.telemetry.wire import LARGEST, VERSION

log = logging.getLogger(__name__)

GROUP = "fleet"
"""Workers share what comes up: each message reaches one of them."""

HELD = 20_000
"""Messages that wait for the worker; what is more is dropped, and sent again by its box."""

IDLE = 0.05
"""Seconds that a worker waits for what comes before it looks whether it is to stop."""

AGAIN = 0.3
"""Seconds before the broker is tried again."""


@dataclass(frozen=True, slots=True)
class Received:
    topic: str
    payload: bytes


class Source(Protocol):
    def fetch(self, most: int, seconds: float) -> list[Received]:
        """What came; waits for the first, and from then on as long as `seconds` for more."""
        ...

    def ack(self, received: Sequence[Received]) -> None:
        """It is stored: it need not be delivered to another worker."""
        ...

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Tell a box; False where the broker is not there."""
        ...

    def kick(self, device: str) -> None:
        """End the session of a box. OSError where the broker is not there."""
        ...

    def start(self) -> None: ...
    def stop(self) -> None: ...


def opened(where: str, worker: str = "worker") -> Source:
    """By `amqp://...` a RabbitMQ cluster; by `mqtt://HOST:PORT` or the path of its socket a broker of MQTT 5
    that lets this machine in. ApplianceError where it is none of them."""
    try:
        if where.startswith(("amqp://", "amqps://")):
            from appliance.fleet.line.amqp import Rabbit

            return Rabbit(where, worker)
        if where.startswith("mqtt://"):
            parts = urlsplit(where)
            if not parts.hostname:
                raise ValueError("a host is missing")
            return Mosquitto(f"{parts.hostname}:{parts.port or 1883}", worker)
    except (TypeError, ValueError) as error:
        # What is wrong may be a part of the password.
        raise ApplianceError(
            f"what is given as {where.partition(':')[0]}:// names no broker",
            "amqp://USER:PASSWORD@HOST:PORT/ or mqtt://HOST:PORT",
        ) from error
    return Mosquitto(Path(where), worker)


class Mosquitto:
    """By a shared subscription of MQTT 5, over the broker's socket or port. What is lost with a worker is
    sent again by the box it came from, so acknowledging it to the broker means nothing here."""

    def __init__(self, broker: Path | str, worker: str = "worker") -> None:
        """`broker`: the path of its socket, or HOST:PORT."""
        host, _, port = str(broker).rpartition(":")
        self._transport: Literal["unix", "tcp"] = "unix" if isinstance(broker, Path) else "tcp"
        self._host, self._port = (str(broker), 1) if isinstance(broker, Path) else (host, int(port))
        self._worker = worker
        self._came: queue.Queue[Received] = queue.Queue(HELD)
        self._client: Client | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="source", daemon=True)
        self.lost = 0
        """Messages for which there was no room."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def fetch(self, most: int, seconds: float) -> list[Received]:
        try:
            found = [self._came.get(timeout=IDLE)]
        except queue.Empty:
            return []
        until = time.monotonic() + seconds
        while len(found) < most:
            try:
                found.append(self._came.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return found

    def ack(self, received: Sequence[Received]) -> None:
        pass

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        client = self._client
        if client is None:
            return False
        return client.publish(topic, payload, 1, retain=retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def kick(self, device: str) -> None:
        """Another by the same name takes its place, and goes."""
        other = Client(CallbackAPIVersion.VERSION2, client_id=device, transport=self._transport)
        other.connect(self._host, self._port)
        until = time.monotonic() + 2
        while not other.is_connected() and time.monotonic() < until:
            other.loop(0.05)
        other.disconnect()
        other.loop(0.05)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._session()
            except OSError as error:
                log.debug("the broker is not there: %s", error)
            except Exception:
                log.exception("the line to the broker failed; it is begun again")
            self._client = None
            self._stopping.wait(AGAIN)

    def _session(self) -> None:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"fleet {self._worker}",
            transport=self._transport,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        client.max_inflight_messages_set(1000)
        client.on_connect = self._connected
        client.on_message = self._heard
        client.connect(self._host, self._port)
        try:
            while not self._stopping.is_set():
                if client.loop(0.05) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    raise ConnectionError("the broker hung up")
        finally:
            client.disconnect()

    def _connected(self, client: Client, *_: Any) -> None:
        shared = f"$share/{GROUP}/va/{VERSION}/+/up/+"
        client.subscribe(
            [(shared, SubscribeOptions(qos=1)), (f"va/{VERSION}/+/state", SubscribeOptions(qos=1))]
        )
        self._client = client

    def _heard(self, client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            # By one byte more it is known to be too large; no box is to fill the memory with the rest.
            self._came.put_nowait(Received(message.topic, bytes(message.payload[: LARGEST + 1])))
        except queue.Full:
            self.lost += 1
