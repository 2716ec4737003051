"""Where one machine is outgrown: a RabbitMQ cluster, several workers, a PostgreSQL; any of them may die."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pika
import pytest

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.line.amqp import EXCHANGE, QUEUE, Rabbit
from appliance.fleet.line.source import Mosquitto, opened
from appliance.fleet.membership.authority import Authority
from appliance.telemetry import client as clients
from tests.fleet import clusters, databases
from tests.fleet.boxes import Boxes
from tests.fleet.line.test_spoiled import mangled
from tests.fleet.load import enrolled, stored
from tests.telemetry.brokers import wait_for

pytestmark = [clusters.needs_rabbitmq, databases.needs_postgres]


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    server = databases.Server()
    made = Store(server.database())
    yield made
    made.close()
    server.close()


@contextmanager
def cluster(count: int, keys: Authority | None = None) -> Iterator[clusters.Cluster]:
    made = clusters.Cluster(count, keys)
    try:
        yield made
    finally:
        made.close()


def worker(made: clusters.Cluster, where: str, name: str) -> subprocess.Popen[str]:
    """As people start it."""
    command = [sys.executable, "-m", "appliance", "fleet", "worker", "--name", name]
    command += ["--source", made.addresses, "--store", where]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    assert process.stdout.readline() == f"{name} takes what boxes tell\n"
    return process


def members(store: Store, count: int) -> list[str]:
    names = ["lobby", "kitchen", *(f"box-{number:04}" for number in range(count - 2))]
    with store.write() as db:
        db.executemany("insert into box (name, since) values (?, 0)", [(name,) for name in names])
    return names


def test_a_source_is_named_by_its_address() -> None:
    assert isinstance(opened("amqp://guest:guest@127.0.0.1:5672/"), Rabbit)
    assert isinstance(opened("mqtt://127.0.0.1"), Mosquitto)
    with pytest.raises(ApplianceError, match="names no broker"):
        opened("mqtt://")


def test_a_worker_that_dies_leaves_its_messages_to_another_and_nothing_spoiled_is_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "AGAIN", 0.5)
    where = str(store.where)
    with cluster(1) as made:
        first, second = (worker(made, where, name) for name in ("first", "second"))
        boxes = Boxes(members(store, 40), [made.nodes[0].mqtt], None, 0.2)
        try:
            boxes.connect(30)
            boxes.tell(1)
            first.kill()
            boxes.tell(1)
            boxes.drain(60)
            # What a worker that was killed had counted is not known; what is stored is.
            before = counted(store)["received"]
            sent = spoil(made, 2_000)
            wait_for(lambda: counted(store)["received"] >= before + sent, 60)
            counts = counted(store)
            assert min(counts[each] for each in ("huge", "malformed", "unknown", "foreign", "replayed")) > 0
            [(rows, distinct)] = store.read(
                "select count(*), count(distinct boot || ' ' || seq) from message where kind != 'health'"
            )
            assert rows == distinct
            found = stored(store, boxes.totals())
            assert (found["lost"], found["doubled"], found["with gaps"]) == (0, 0, 0)
        finally:
            boxes.close()
            for each in (first, second):
                each.kill()
                each.wait()


def test_a_queue_that_is_gone_is_made_again_and_nothing_is_acknowledged_by_a_line_that_was_lost() -> None:
    with cluster(1) as made:
        rabbit, key = Rabbit(made.addresses), "va.1.lobby.up.ev"
        rabbit.fetch(1, 0.1)
        parameters = pika.URLParameters(made.addresses.split(",")[0])
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.queue_delete(QUEUE)
            wait_for(lambda: not channel.basic_publish(EXCHANGE, key, b"1") and rabbit.fetch(1, 0.1), 30)
            channel.queue_purge(QUEUE)
            channel.basic_publish(EXCHANGE, key, b"2")
        got = rabbit.fetch(1, 1)
        acknowledging = threading.Thread(target=rabbit.ack, args=[got])
        with rabbit._lock:
            acknowledging.start()
            rabbit._hang_up()
            wait_for(lambda: rabbit.fetch(1, 0.1), 30)
        acknowledging.join()
        rabbit.stop()
        other = Rabbit(made.addresses)
        wait_for(lambda: [each.payload for each in other.fetch(1, 0.1)] == [b"2"], 30)
        other.stop()


def counted(store: Store) -> Counter[str]:
    return Counter(dict(store.read("select name, n from counter")))


def spoil(made: clusters.Cluster, count: int) -> int:
    """Publish so many spoiled messages where the broker puts those of boxes; how many reach a worker."""
    chance, sent = random.Random(5), 0
    with pika.BlockingConnection(pika.URLParameters(made.addresses.split(",")[0])) as connection:
        channel = connection.channel()
        for _ in range(count):
            each = mangled(chance, 1 + chance.randrange(count // 2))
            key = each.topic.replace("/", ".")
            parts = key.split(".")
            sent += parts[:2] == ["va", "1"] and (parts[3:] == ["state"] or parts[3:4] == ["up"])
            with suppress(UnicodeError):
                channel.basic_publish(EXCHANGE, key, each.payload)
    return sent


@pytest.mark.slow
@pytest.mark.timeout(580)
def test_a_node_and_a_worker_die_under_load(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "RECONNECT", (1.0, 10.0))
    monkeypatch.setattr(clients, "AGAIN", 5.0)
    monkeypatch.setattr(clients, "DEAF", 20.0)
    where = str(store.where)
    with cluster(3) as made:
        workers = [worker(made, where, f"worker-{number}") for number in (1, 2, 3)]
        boxes = Boxes(members(store, 300), [node.mqtt for node in made.nodes], None, 3)
        try:
            boxes.connect(60)
            boxes.tell(20)
            made.nodes[1].kill()
            boxes.tell(20)
            workers[0].kill()
            boxes.tell(20)
            made.nodes[1].start()
            boxes.tell(20)
            drained = boxes.drain(240)
            found = stored(store, boxes.totals())
            print({"made": boxes.made, "drained": round(drained), "sent again": boxes.sent_again, **found})
            print("connections lost:", boxes.lost_links, dict(counted(store)))
            assert store.read("select count(*) from message") == [(boxes.made,)]
            assert set(found.values()) == {0}
        finally:
            boxes.close()
            for each in workers:
                each.kill()
                each.wait()


@pytest.mark.slow
@pytest.mark.timeout(580)
def test_boxes_and_workers_come_by_tls(store: Store, tmp_path: Path) -> None:
    names = members(store, 4)
    enrolled(tmp_path, names)
    keys = Authority(tmp_path / "server" / "keys", ["127.0.0.1"])
    with cluster(1, keys) as made:
        [node] = made.nodes
        for name in names[:-1]:
            made.let_in(name)
        taking = worker(made, str(store.where), "worker-1")
        boxes = Boxes(names[:-1], [node.mqtt], tmp_path, 0.05)
        stranger = Boxes(names[-1:], [node.mqtt], tmp_path, 1)
        try:
            boxes.connect(60)
            boxes.tell(5)
            boxes.drain(60)
            assert set(stored(store, boxes.totals()).values()) == {0}
            # One that has a certificate and no user is not let in.
            with pytest.raises(AssertionError, match="0 of 1"):
                stranger.connect(5)
        finally:
            boxes.close()
            stranger.close()
            taking.kill()
            taking.wait()
