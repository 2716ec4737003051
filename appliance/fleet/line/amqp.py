"""By a quorum queue of a RabbitMQ cluster, to whose MQTT plugin boxes come: what a worker or a node had that
died is given to another."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pika
from pika.exceptions import AMQPError

from appliance.fleet.line.source import AGAIN, IDLE, Received
from appliance.telemetry.wire import LARGEST, VERSION

log = logging.getLogger(__name__)
logging.getLogger("pika").setLevel(logging.CRITICAL)
"""It tells of each node that is not there, six times."""

EXCHANGE = "amq.topic"
"""Where the plugin puts what comes by MQTT, and takes what goes by it; with dots for slashes."""

QUEUE = "fleet"
KEYS = f"va.{VERSION}.*.up.*", f"va.{VERSION}.*.state"

ROOM = 1_000_000
"""Messages that the queue holds; then the oldest go, and their boxes send them again."""

PREFETCH = 2_000
"""Messages that a worker has at the same time."""

FAILURES = AMQPError, OSError


@dataclass(frozen=True, slots=True)
class Delivered(Received):
    tag: int
    session: int
    """An acknowledgement is good in the session of its message only."""


class Rabbit:
    """`addresses`: `amqp://USER:PASSWORD@HOST:PORT/`, of each node, with commas between. What it is asked
    blocks until it is done; a node that is gone is left for the next."""

    def __init__(self, addresses: str, worker: str = "worker") -> None:
        self._nodes = [_parameters(address, worker) for address in addresses.split(",")]
        self._lock = threading.RLock()
        self._came: deque[Delivered] = deque()
        self._connection: Any = None
        self._channel: Any = None
        self._session = 0
        self._closed = False

    def start(self) -> None:
        """It connects when it is first asked for something."""

    def stop(self) -> None:
        with self._lock:
            self._closed = True
            self._hang_up()

    def fetch(self, most: int, seconds: float) -> list[Received]:
        until = time.monotonic() + IDLE
        found: list[Received] = []
        while len(found) < most and (left := until - time.monotonic()) > 0:
            if not self._wait(left):
                time.sleep(min(AGAIN, left))
            if self._came and not found:
                until = time.monotonic() + seconds
            with self._lock:  # Who publishes may connect anew meanwhile, and then nothing has come.
                while self._came and len(found) < most:
                    found.append(self._came.popleft())
        return found

    def ack(self, received: Sequence[Received]) -> None:
        with self._lock:
            tags = [
                each.tag for each in received if isinstance(each, Delivered) and each.session == self._session
            ]
            if tags and self._channel:
                # Batches are stored one after the other: what came before was acknowledged before.
                self._try(lambda: self._channel.basic_ack(max(tags), multiple=True))

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        with self._lock:
            if not self._there():
                return False
            return self._try(lambda: self._channel.basic_publish(EXCHANGE, topic.replace("/", "."), payload))

    def kick(self, device: str) -> None:
        log.warning("end the session of %s at the cluster: rabbitmqctl close_all_user_connections", device)

    def _wait(self, seconds: float) -> bool:
        """For what comes; False where no node is there."""
        with self._lock:
            if not self._there():
                return False
            return bool(self._came) or self._try(
                lambda: self._connection.process_data_events(time_limit=min(seconds, IDLE))
            )

    def _there(self) -> bool:
        if self._closed:
            return False
        # Who deletes the queue ends the line's listening, and nothing else of it: it would hear nothing more.
        if self._channel and not (self._channel.is_open and self._channel.consumer_tags):
            self._hang_up()
        return bool(self._channel) or self._try(self._open)

    def _open(self) -> None:
        self._came.clear()
        self._session += 1
        self._connection = pika.BlockingConnection(self._nodes)
        channel = self._connection.channel()
        channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum", "x-max-length": ROOM})
        for key in KEYS:
            channel.queue_bind(QUEUE, EXCHANGE, key)
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(QUEUE, self._heard)
        self._channel = channel

    def _heard(self, _: Any, method: Any, __: Any, body: bytes) -> None:
        topic = method.routing_key.replace(".", "/")
        self._came.append(Delivered(topic, body[: LARGEST + 1], method.delivery_tag, self._session))

    def _try(self, what: Any) -> bool:
        try:
            what()
        except FAILURES as error:
            log.debug("the cluster is not there: %s", type(error).__name__)
            self._hang_up()
            # The next node is tried first.
            self._nodes = [*self._nodes[1:], self._nodes[0]]
            return False
        return True

    def _hang_up(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        try:
            if connection and connection.is_open:
                connection.close()
        except FAILURES:
            pass


def _parameters(address: str, worker: str) -> pika.URLParameters:
    found = pika.URLParameters(address.strip())
    found.socket_timeout = found.blocked_connection_timeout = 5
    found.client_properties = {"connection_name": worker}
    return found
