"""Boxes that lost their line come back spread out, and without those that were revoked."""

from __future__ import annotations

import json
import resource
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.fleet.keeping.store import Store
from appliance.fleet.line import worker as workers
from appliance.fleet.line.broker import Broker
from appliance.fleet.line.source import Received
from appliance.fleet.line.worker import Worker
from appliance.fleet.membership.authority import Authority
from appliance.telemetry import wire
from appliance.telemetry.wire import Message
from tests.fleet.boxes import CONNACK, packets, tell_who
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto, wait_for


class Scripted:
    """A Source that gives one message after the other, and keeps what is published."""

    def __init__(self) -> None:
        self.seq = 0
        self.told: list[dict[str, int]] = []

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def fetch(self, most: int, seconds: float) -> list[Received]:
        self.seq += 1
        message = Message("0123456789abcdef", self.seq, 0, "fault", {"what": "gsm", "on": True})
        return [Received(wire.up("box-1", "fault"), message.pack())]

    def ack(self, received: Sequence[Received]) -> None: ...

    def kick(self, device: str) -> None: ...

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        self.told.append(json.loads(payload))
        return True


@pytest.mark.parametrize(("boxes", "spread"), [(10, 0), (10_000, 33)])
def test_boxes_are_told_over_how_many_seconds_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boxes: int, spread: int
) -> None:
    monkeypatch.setattr(workers, "FLUSH", 0)
    store, source = Store(tmp_path / "fleet.db"), Scripted()
    with store.write() as db:
        rows = [(f"box-{number}", "member" if number <= boxes else "revoked") for number in range(1, 20_000)]
        db.executemany("insert into box (name, state, since) values (?, ?, 0)", rows)
    worker = Worker(source, store)
    worker.start()
    wait_for(lambda: len(source.told) > 3)
    worker.stop()
    assert [told["spread"] for told in source.told[1:3]] == [spread, spread]
    store.close()


class Door:
    """A broker that boxes come to, and the keys of one."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "keys", ["127.0.0.1"])
        self.broker = Broker(folder / "broker", self.authority, "127.0.0.1", free_port())
        key = ec.generate_private_key(ec.SECP256R1())
        pem = serialization.Encoding.PEM
        asked = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        self.issued = self.authority.issue(asked.public_bytes(pem), "lobby")
        both = folder / "lobby.pem"
        both.write_bytes(
            self.issued.certificate
            + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        self.context = ssl.create_default_context(cafile=str(self.authority.ca))
        self.context.load_cert_chain(both)
        self.broker.start()
        # Its own socket is there before the boxes' port.
        wait_for(lambda: not is_refused(self.come))

    def come(self, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """A line that the broker has taken; OSError where it does not."""
        plain = socket.create_connection(("127.0.0.1", self.broker.port), 5)
        line = self.context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
        try:
            line.sendall(tell_who("lobby"))
            heard = packets(bytearray(line.recv(100)))
            if [kind for kind, _, _ in heard] != [CONNACK]:
                raise OSError("the broker hung up")
        except OSError:
            line.close()
            raise
        return line


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.broker.stop()


def is_refused(come: Callable[[], ssl.SSLSocket]) -> bool:
    try:
        come().close()
    except OSError:
        return True
    return False


@needs_mosquitto
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_revoked_box_is_not_let_in_by_a_session_from_before(door: Door, version: ssl.TLSVersion) -> None:
    door.context.maximum_version = version
    with door.come() as line:
        before = line.session
    with door.come(before) as line:
        assert line.session_reused
        before = line.session
    door.authority.revoke([door.issued.serial])
    door.broker.reread()
    wait_for(lambda: is_refused(door.come))
    assert is_refused(lambda: door.come(before))


@needs_mosquitto
def test_the_broker_may_have_as_many_files_as_the_machine_allows(tmp_path: Path) -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))
    try:
        broker = Broker(tmp_path / "b", Authority(tmp_path / "keys"), "127.0.0.1", free_port())
        broker.start()
        assert broker.process
        assert resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE) == (most, most)
        broker.stop()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
