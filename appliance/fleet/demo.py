"""`appliance fleet demo`: boxes that are none, each with a certificate and a connection of its own, so that
there is something to see."""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from appliance.errors import ApplianceError
from appliance.fleet.membership import members
from appliance.fleet.rollouts import bundles, rollouts
from appliance.fleet.rollouts.rollouts import Plan
from appliance.fleet.serve import Fleet
from appliance.telemetry import wire
from appliance.telemetry.bundle import Manifest, read_key, verified
from appliance.telemetry.wire import Message

SITES = ("Alder House", "Birch Clinic", "Cedar Hotel", "Dale Library", "Elm Offices", "Fern Museum")
DESKS = ("3f2a9c0b1d4e", "3f2a9c0b1d4e", "3f2a9c0b1d4e", "77e01b52aa09")
OUTCOMES = {
    "answered": 55,
    "done": 24,
    "handed": 8,
    "unanswered": 6,
    "abandoned": 4,
    "silent": 2,
    "failed": 1,
}
VAIN = (
    "do you sell stamps", "can I buy stamps here", "where do I get a stamp", "is there a cash machine",
    "where can I take out money", "may I bring my dog", "are dogs allowed inside", "may pets come in",
    "I left my umbrella with you", "is there somewhere to charge my car", "can I charge my phone",
)  # fmt: skip
"""What nothing answered, now and then."""
INTENTS = ("greeting", "hours", "book", "parking", "wifi", "goodbye")

HEALTH = 15.0
"""Seconds between two samples of a box's health."""

BETWEEN = 120.0
"""Seconds between two calls to a box, on average."""

HISTORY = 24
"""Hours that a box has to tell of when it comes."""

SWITCHES = {
    "lock": ("locked", True),
    "unlock": ("locked", False),
    "mute": ("muted", True),
    "unmute": ("muted", False),
}
"""Commands that a box keeps to, and by what it tells so."""

MARK, BAD = "# bad", 0.7
"""What a desk file says that fails callers, and the share of them that it fails."""

AGAIN = 5.0
"""Seconds before what was not acknowledged is sent again."""


class Box:
    """One that is simulated, on the loop of this program."""

    def __init__(
        self, name: str, folder: Path, port: int, chance: random.Random, key: Ed25519PublicKey
    ) -> None:
        """`key`: what the fleet signs by."""
        self.name = name
        self._chance = chance
        self._port = port
        self._boot = secrets.token_hex(8)
        self._seq = 0
        self._untold: dict[int, tuple[Message, float]] = {}
        self._calls = 0
        self._desk = chance.choice(DESKS)
        self._version, self._share, self._fails = 0, 100, 0.0
        """What it was given last, the percent of calls that it answers, and its chance to fail one."""
        self._wish: Manifest | None = None
        self._key = key
        self._switched = {"locked": False, "muted": False}
        self._hot = chance.random() < 0.02
        self._slow = chance.lognormvariate(0, 0.15)
        self._client = client = Client(CallbackAPIVersion.VERSION2, client_id=name)
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        client.tls_set_context(context)
        client.will_set(wire.state_topic(name), b'{"online":false}', 1, retain=True)
        client.on_connect = self._came
        client.on_message = self._heard
        loop = asyncio.get_running_loop()
        client.on_socket_open = lambda _, __, socket: loop.add_reader(socket, client.loop_read)
        client.on_socket_close = self._left
        client.on_socket_register_write = lambda _, __, socket: loop.add_writer(socket, client.loop_write)
        client.on_socket_unregister_write = self._written

    async def live(self, between: float = BETWEEN) -> None:
        """Until cancelled, with a call every so many seconds."""
        self._tell_history()
        async with asyncio.TaskGroup() as tasks:
            for part in (self._connected(), self._healthy(), self._called(between)):
                tasks.create_task(part)

    async def _connected(self) -> None:
        while True:
            try:
                # Its handshake blocks for some milliseconds.
                self._client.connect("127.0.0.1", self._port, 30)
                while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self._send()
                    await asyncio.sleep(1)
            except OSError:
                pass
            await asyncio.sleep(self._chance.uniform(0.5, 3))

    async def _healthy(self) -> None:
        if self._chance.random() < 0.04:
            self._tell("fault", {"what": "gsm", "on": False, "why": "no network; look at the antenna"})
        while True:
            self._tell("health", self._health())
            await asyncio.sleep(HEALTH * self._chance.uniform(0.8, 1.2))

    async def _called(self, between: float) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / between))
            self._calls = 1
            self._tell("health", self._health())
            await asyncio.sleep(self._chance.uniform(0.1, 0.3) * between)
            self._calls = 0
            for kind, data in self._call():
                self._tell(kind, data)
            self._tell("health", self._health())

    def _tell_history(self) -> None:
        now = time.time()
        began = {"version": "0.1.0", "desk": self._desk, "system": "aarch64, simulated"}
        self._tell("began", began, now - HISTORY * 3600)
        self._tell("reported", {"desk": self._desk, "serial": 0, "fine": True}, now - HISTORY * 3600)
        for hour in range(HISTORY):
            self._tell("health", self._health(), now - 3600 * hour)
            if self._chance.random() < 0.7:
                for kind, data in self._call():
                    self._tell(kind, data, now - 3600 * (hour + self._chance.random()))

    def _call(self) -> Iterator[tuple[str, dict[str, Any]]]:
        chance, call = self._chance, secrets.token_hex(8)
        count = chance.randint(2, 6)
        for number in range(1, count + 1):
            wait = round(self._slow * chance.lognormvariate(6.1, 0.35)) if number > 1 else None
            yield "turn", {
                "call": call, "n": number, "cause": "heard" if number > 1 else "call",
                "intent": chance.choice(INTENTS) if number > 1 else "greeting", "wait": wait,
                "heard": chance.randint(600, 3000) if number > 1 else None,
                "spoke": chance.randint(900, 4000), "whole": chance.random() < 0.9,
            }  # fmt: skip
        outcome = chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
        if outcome == "unanswered":
            yield "unanswered", {"call": call, "text": chance.choice(VAIN)}
        version = self._version if self._version and chance.random() * 100 < self._share else 0
        if version and chance.random() < self._fails:
            outcome = "failed"
        told = {"call": call, "channel": chance.choice(("gsm", "kiosk", "sip", "web")), "outcome": outcome}
        yield (
            "call",
            {
                **told,
                "seconds": round(chance.uniform(8, 90), 1),
                "turns": count,
                "desk": self._desk,
                "bundle": version,
            },
        )

    def _health(self) -> dict[str, Any]:
        heat = self._chance.gauss(84 if self._hot else 56, 2)
        return {
            "cpu": round(min(100, max(1, self._chance.gauss(25 + 40 * self._calls, 8))), 1),
            "temperature": round(heat, 1), "throttled": heat > 85, "calls": self._calls,
            "memory": round(self._chance.gauss(48, 3), 1), "disk": 31.0, "free": 20_000,
            "signal": round(self._chance.uniform(0.4, 0.9), 2), "waiting": len(self._untold), "oldest": 0,
            **self._switched,
        }  # fmt: skip

    def _tell(self, kind: str, data: dict[str, Any], at: float = 0) -> None:
        self._seq += 1
        message = Message(self._boot, self._seq, round((at or time.time()) * 1000), kind, data)
        self._untold[self._seq] = message, 0.0

    def _send(self) -> None:
        if not self._client.is_connected():
            return
        now = time.monotonic()
        for seq, (message, sent) in list(self._untold.items())[:100]:
            if sent < now - AGAIN:
                self._untold[seq] = message, now
                self._client.publish(wire.up(self.name, message.kind), message.pack(), 1)

    def _left(self, client: Client, _: Any, socket: Any) -> None:
        asyncio.get_running_loop().remove_reader(socket)

    def _written(self, client: Client, _: Any, socket: Any) -> None:
        asyncio.get_running_loop().remove_writer(socket)

    def _came(self, client: Client, *_: Any) -> None:
        client.subscribe(f"va/{wire.VERSION}/{self.name}/dn/#", 1)
        client.publish(wire.state_topic(self.name), b'{"online":true}', 1, retain=True)

    def _heard(self, client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            what = message.topic.rpartition("/")[2]
            if what == "piece":
                return self._got(*wire.unpack_part(bytes(message.payload)))
            if what == "desired":
                return self._wished(verified(bytes(message.payload), self._key, self.name))
            body = wire.unpack(bytes(message.payload), what, wire.LARGEST_DOWN)
        except ApplianceError:
            return
        if what == "ack" and body["boot"] == self._boot:
            ranges = [(1, body["upto"]), *body.get("also", [])]
            acked = [seq for seq in self._untold if any(first <= seq <= last for first, last in ranges)]
            for seq in acked:
                del self._untold[seq]
        elif what == "cmd":
            self._obey(body["id"], body["do"])

    def _obey(self, id: str, do: str) -> None:
        for state in ("received", "running"):
            self._tell("answer", {"id": id, "state": state})
        if do in SWITCHES:
            what, on = SWITCHES[do]
            self._switched[what] = on
            self._tell("health", self._health())
        elif do in ("logs", "stream"):
            lines = [f"INFO demo: {self.name} is simulated, and has {self._calls} calls now"]
            self._tell("log", {"id": id, "part": 1, "parts": 1, "lines": lines})
        self._tell("answer", {"id": id, "state": "done", "result": "this box is simulated"})

    def _wished(self, wish: Manifest) -> None:
        """It takes what it should be, and fetches its desk file, as a box would."""
        if wish.undo:
            self._version, self._share = 0, 100
            self._report(wish, "undone")
        elif desk := wish.of("desk"):
            self._wish = wish
            asked = wire.pack({"sha256": desk[0].sha256, "offset": 0})
            self._client.publish(wire.asked(self.name, "fetch"), asked, 1)

    def _got(self, which: dict[str, Any], part: bytes) -> None:
        wish = self._wish
        if wish and which["sha256"] == wish.of("desk")[0].sha256:
            self._version, self._share = wish.version, wish.share
            self._fails = BAD if MARK.encode() in part else 0.0
            self._report(wish, "trying" if wish.share < 100 else "applied")

    def _report(self, wish: Manifest, state: str) -> None:
        told = {"desk": self._desk, "serial": wish.serial, "fine": True, "state": state}
        self._tell("reported", {**told, "version": self._version, "share": self._share, "hash": wish.hash})


async def demo(count: int, fleet: Fleet, rollout: str | None = None, between: float = BETWEEN) -> None:
    """A fleet that is up, with so many boxes, until cancelled; each has a call every so many seconds.
    `rollout`: a desk file is rolled out, a good or a bad one."""
    chance = random.Random(count)
    names = [f"{SITES[n % len(SITES)].split()[0].lower()}-{n // len(SITES) + 1}" for n in range(count)]
    with tempfile.TemporaryDirectory(prefix="fleet-demo-") as folder:
        await _enrol(fleet, names, Path(folder))
        key = read_key(fleet.authority.signer)
        # Some have never been heard from.
        there = [name for name in names if chance.random() > 0.02] or names
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fleet.serve())
            for name in there:
                box = Box(name, Path(folder), fleet.ports.broker, random.Random(name), key)
                tasks.create_task(box.live(between))
                await asyncio.sleep(0.01)
            if rollout:
                await asyncio.sleep(AGAIN)
                desk = f'name = "Alder House"\n{MARK if rollout == "bad" else ""}\n'
                made = bundles.make(fleet.store, fleet.pieces, f"a {rollout} desk file", desk=desk)
                rollouts.start(
                    fleet.store, made.version, Plan(((5, 50), (25, 50), (100, 100)), soak=120, calls=20)
                )


async def _enrol(fleet: Fleet, names: list[str], folder: Path) -> None:
    """As boxes do, without the way there. In no thread, which would go on writing once this is cancelled."""
    (folder / "ca.pem").write_bytes(fleet.authority.ca.read_bytes())
    for number, name in enumerate(names):
        [code] = members.invite(fleet.store, fleet.authority, [name], SITES[number % len(SITES)]).values()
        key = ec.generate_private_key(ec.SECP256R1())
        request = (
            x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        secret = base64.b32decode(code.replace("-", ""))[: members.SECRET]
        _, issued = members.enrol(fleet.store, fleet.authority, secret, request.public_bytes(pem))
        (folder / f"{name}.pem").write_bytes(issued.certificate)
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{name}.key").write_bytes(private)
        await asyncio.sleep(0)
