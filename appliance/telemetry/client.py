"""The box's line to its fleet: paho-mqtt, driven by a thread of our own that no failure ends."""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from appliance.errors import ApplianceError
from appliance.telemetry import wire
from appliance.telemetry.identity import Identity
from appliance.telemetry.outbox import Outbox
from appliance.telemetry.wire import Message

log = logging.getLogger(__name__)

WINDOW = 200
"""Messages that are under way at the same time."""

AGAIN = 5.0
"""Seconds after which a message that is not acknowledged is sent again; then twice that, and so on."""

SELDOM = 300.0
"""Seconds between two tries at the most."""

RECONNECT = 2.0, 30.0
"""Seconds before the first and between later tries to connect, at the most; less by chance, and more in a
large fleet, so that ten thousand boxes that lost their broker do not come back at once."""

LOOK = 0.1
"""Seconds between two looks at what there is to send."""

CONNECT = 20.0
KEEPALIVE = 30
"""Seconds that the broker may take to answer: many may come at once, and who gives up would only have to be
answered anew; and without a word after which a box counts as gone."""

DEAF = 120.0
"""Seconds for which nothing is acknowledged, though something waits, before the line is begun anew: a node of
a cluster that failed may have lost what this box listens to, and nothing else tells of that."""

LEAVE = 6.0
"""Seconds in which a line that is stopped should have ended."""

ASKED = 16
"""Questions to the fleet that wait to be sent; who gets no answer asks again."""

RENEW = 3600.0
"""Seconds between two looks whether it is time for a new certificate."""

CALM = 10.0
"""Seconds that a connection has to last to count as a good one."""


@dataclass(frozen=True, slots=True)
class Address:
    device: str
    host: str
    port: int
    ca: Path | None = None
    """The fleet's certificate; None goes without TLS."""
    certificate: Path | None = None
    key: Path | None = None
    """The box's own."""


@dataclass(slots=True)
class Sent:
    message: Message
    at: float
    first: float
    tries: int = 1

    def due(self) -> float:
        return float(self.at + min(AGAIN * 2 ** (self.tries - 1), SELDOM))


def pause(tries: int, spread: float = 0.0) -> float:
    """Seconds to wait before connecting again, after so many tries in vain: any up to twice as many as the
    last time, so that those who come are spread evenly; but the first may only have been too early.
    `spread`: seconds over which the fleet would have them come."""
    first, longest = RECONNECT
    first, longest = max(first, spread), max(longest, 4 * spread)
    return random.uniform(0, min(first * 2 ** min(max(0, tries - 1), 20), longest))


class Line:
    """What is in the outbox goes to the fleet, again and again until it is acknowledged. `on_command` gets
    each command, `on_desired` what the box should be, `on_piece` a part of that, as they come over the wire,
    in this line's thread."""

    def __init__(
        self,
        address: Address,
        outbox: Outbox,
        on_command: Callable[[dict[str, Any]], None] = lambda command: None,
        on_desired: Callable[[bytes], None] = lambda payload: None,
        on_piece: Callable[[dict[str, Any], bytes], None] = lambda which, part: None,
    ) -> None:
        self._address = address
        self._outbox = outbox
        self._on_command = on_command
        self._on_desired = on_desired
        self._on_piece = on_piece
        self.identity = (
            Identity(address.certificate, address.key) if address.certificate and address.key else None
        )
        self._asked: deque[tuple[Literal["fetch", "renew"], dict[str, Any]]] = deque(maxlen=ASKED)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)
        self._sent: dict[tuple[str, int], Sent] = {}
        self._why = "connecting"
        self._connected = False
        self._renewed_at = -RENEW
        self._again = False
        self._answered = 0.0
        self._spread = 0.0
        self.acked = 0
        """Acknowledgements so far."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Tell the fleet that the box goes, and go."""
        self._stopping.set()
        self._thread.join(LEAVE)

    @property
    def state(self) -> tuple[bool, str]:
        """Whether the broker is there, and why not."""
        return self._connected, self._why

    def ask(self, what: Literal["fetch", "renew"], body: dict[str, Any]) -> None:
        """Ask the fleet, from any thread; an answer may come."""
        self._asked.append((what, body))

    def renew(self) -> None:
        """Ask for a certificate for a new key. ApplianceError where the box has none, or it is not kept."""
        if not self.identity:
            raise ApplianceError("this box comes without a certificate")
        self.ask("renew", {"request": self.identity.ask().decode()})

    def _run(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._session()
            except (OSError, ValueError, ApplianceError) as error:
                self._why = f"{self._address.host}:{self._address.port} cannot be reached ({error})"
            except Exception:
                log.exception("the line to the fleet failed; it is begun again")
                self._why = "it failed; see the log"
            self._connected = False
            tries = 0 if time.monotonic() - began > CALM else tries + 1
            self._stopping.wait(pause(tries, self._spread))

    def _session(self) -> None:
        """From connecting until the connection is gone. OSError says why."""
        client = self._client()
        self._sent.clear()
        self._again = False
        try:
            client.connect(self._address.host, self._address.port, KEEPALIVE)
        except ssl.SSLError:
            self._unused()
            raise
        try:
            while not self._stopping.is_set():
                if (code := client.loop(LOOK)) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    if not self._connected:
                        self._unused()
                    raise ConnectionError(self._refused or f"the broker hung up: {code.name}")
                if self._connected:
                    self._send(client)
                    self._send_asked(client)
                    self._hearken()
                if self._again:
                    return
            if self._connected:
                client.publish(self._state_topic, self._state(False), 1, retain=True)
                client.loop(LOOK)
        finally:
            self._connected = False
            client.disconnect()

    def _unused(self) -> None:
        if self.identity:
            self.identity.failed()

    def _send_asked(self, client: Client) -> None:
        if self.identity and time.monotonic() - self._renewed_at > RENEW:
            self._renewed_at = time.monotonic()
            if self.identity.due():
                self.renew()
        while self._asked:
            what, body = self._asked.popleft()
            client.publish(wire.asked(self._address.device, what), wire.pack(body), 1)

    def _client(self) -> Client:
        self._refused = ""
        address = self._address
        client = Client(CallbackAPIVersion.VERSION2, client_id=address.device)
        client.connect_timeout = CONNECT
        client.max_inflight_messages_set(WINDOW)
        client.on_connect = self._came
        client.on_message = self._heard
        client.will_set(self._state_topic, self._state(False), 1, retain=True)
        if address.ca:
            context = ssl.create_default_context(cafile=str(address.ca))
            if self.identity:
                context.load_cert_chain(*self.identity.pair())
            client.tls_set_context(context)
        return client

    def _came(
        self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._refused = f"the broker refused this box: {code}"
            return
        # What is lost on the way is told again; so nothing of this box needs to outlive a node of a cluster.
        client.subscribe(f"va/{wire.VERSION}/{self._address.device}/dn/#", 0)
        client.publish(self._state_topic, self._state(True), 1, retain=True)
        self._connected, self._why = True, ""
        if self.identity and self.identity.renewed:
            self.identity.came()
            self.ask("renew", {"using": self.identity.serial})

    def _send(self, client: Client) -> None:
        now = time.monotonic()
        for sent in self._sent.values():
            if sent.due() <= now:
                sent.at, sent.tries = now, sent.tries + 1
                self._publish(client, sent.message)
        if room := WINDOW - len(self._sent):
            for message in self._outbox.next(room, frozenset(self._sent)):
                self._sent[message.boot, message.seq] = Sent(message, now, now)
                self._publish(client, message)

    def _hearken(self) -> None:
        """ConnectionError where nothing has been acknowledged for long."""
        oldest = min((sent.first for sent in self._sent.values()), default=None)
        if oldest is not None and time.monotonic() - max(oldest, self._answered) > DEAF:
            raise ConnectionError("nothing is acknowledged")

    def _publish(self, client: Client, message: Message) -> None:
        client.publish(wire.up(self._address.device, message.kind), message.pack(), 1)

    def _heard(self, client: Client, _: Any, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        try:
            _, rest = wire.device_of(message.topic)
            match rest:
                case "dn/ack":
                    self._acknowledged(wire.unpack(payload, "ack", wire.LARGEST_DOWN))
                case "dn/cmd":
                    self._on_command(wire.unpack(payload, "cmd", wire.LARGEST_DOWN))
                case "dn/desired" if payload:
                    self._on_desired(payload)
                case "dn/piece":
                    which, part = wire.unpack_part(payload)
                    self._on_piece(which, part)
                    self._send_asked(client)
                case "dn/certificate" if self.identity:
                    told = wire.unpack(payload, "certificate", wire.LARGEST_DOWN)
                    # It is come by at once: what is wrong with it is known while the old one counts.
                    self._again = self.identity.take(told["certificate"].encode())
        except ApplianceError as error:
            # Nor where the disk is full: the fleet says it again, and other things meanwhile.
            log.warning("what the fleet sent on %s is not taken: %s", message.topic, error)

    def _acknowledged(self, ack: dict[str, Any]) -> None:
        boot, upto, also = ack["boot"], ack["upto"], ack.get("also", [])
        self._outbox.acked(boot, upto, also)
        self._spread = ack.get("spread", 0)
        self.acked += 1
        self._answered = time.monotonic()
        self._sent = {
            (of, seq): sent
            for (of, seq), sent in self._sent.items()
            if of != boot or not (seq <= upto or any(first <= seq <= last for first, last in also))
        }

    @property
    def _state_topic(self) -> str:
        return wire.state_topic(self._address.device)

    def _state(self, online: bool) -> bytes:
        told = {"v": wire.VERSION, "online": online, "boot": self._outbox.boot}
        return wire.pack({**told, "ts": round(time.time() * 1000)})
