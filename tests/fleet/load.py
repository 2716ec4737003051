"""How many boxes a server bears: `python -m tests.fleet.load --boxes 10000 --minutes 30`. The server is the
command that people start; the boxes are one process on one core of its own. It ends by itself."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import Authority
from tests.fleet.boxes import Boxes
from tests.ports import free_port
from tests.telemetry.brokers import wait_for

SITES = 200
SETTLE = 5.0
"""Seconds after all boxes have come before it is measured."""


def enrolled(folder: Path, names: list[str]) -> None:
    """Certificates of these boxes, and their rows, as if each had come by the door. They share a key: that
    saves ten thousand of them, and the server cannot tell."""
    authority = Authority(folder / "server" / "keys")
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    asked = request.public_bytes(pem)
    (folder / "ca.pem").write_bytes(authority.ca.read_bytes())
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    store = Store(folder / "server" / "fleet.db")
    with store.write() as db:
        for number, name in enumerate(names):
            issued = authority.issue(asked, name)
            (folder / f"{name}.pem").write_bytes(issued.certificate)
            db.execute(
                "insert into box (name, site, since) values (?, ?, 0)", (name, f"Site {number % SITES:03}")
            )
    store.close()


class Server:
    """`appliance fleet serve`, as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "server"
        self.broker, door, self.page = free_port(), free_port(), free_port()
        ports = ("--broker", self.broker, "--door", door, "--page", self.page)
        command = [sys.executable, "-m", "appliance", "fleet", "serve", "--host", "127.0.0.1"]
        command += ["--folder", str(self.folder), *map(str, ports)]
        # In a session of its own, as a service has one: the kernel shares the processor out by sessions.
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"), start_new_session=True
        )
        wait_for(self._has_broker, 30)

    def _has_broker(self) -> bool:
        return (self.folder / "broker" / "broker.sock").exists()

    @property
    def broker_pid(self) -> int:
        return int((self.folder / "broker" / "mosquitto.pid").read_text())

    def spent(self) -> dict[str, float]:
        """Seconds of processor so far."""
        return {"broker": _spent(self.broker_pid), "worker and page": _spent(self.process.pid)}

    def kill_broker(self) -> None:
        os.kill(self.broker_pid, signal.SIGKILL)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def percentile(waits: dict[int, int], share: float) -> int:
    left = share * sum(waits.values())
    for wait in sorted(waits):
        left -= waits[wait]
        if left <= 0:
            return wait
    return 0


def stored(store: Store, totals: dict[str, int]) -> dict[str, int]:
    """What is not as it was made: messages that are lost, doubled, or not contiguous."""
    rows = {
        boot: (count, distinct)
        for boot, count, distinct in store.read(
            """select boot.id, count(*), count(distinct seq) from message
                join boot on boot.number = message.boot group by 1"""
        )
    }
    ranges: dict[str, list[tuple[int, int]]] = {}
    for boot, first, last in store.read("select id, first, last from seen join boot on number = boot"):
        ranges.setdefault(boot, []).append((first, last))
    return {
        "lost": sum(max(0, made - rows.get(boot, (0, 0))[1]) for boot, made in totals.items()),
        "doubled": sum(rows[boot][0] - rows[boot][1] for boot in rows.keys() & totals.keys()),
        "foreign": len(rows.keys() - totals.keys()),
        "with gaps": sum(ranges.get(boot) != [(1, made)] for boot, made in totals.items()),
    }


def measure(count: int, seconds: float, every: float, restart: bool) -> Iterator[tuple[str, Any]]:
    """What is found, as it is found."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    assert most > count + 200, f"ulimit -n is {most}; {count} boxes need {count + 200}"
    names = [f"box-{number:05}" for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        folder = Path(place)
        began = time.monotonic()
        enrolled(folder, names)
        yield "enrolled s", round(time.monotonic() - began)
        server = Server(folder)
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
        boxes = Boxes(names, [server.broker], folder, every)
        try:
            began = time.monotonic()
            boxes.connect(300)
            yield "first connect s", round(time.monotonic() - began, 1)
            boxes.tell(SETTLE)
            boxes.drain(60)
            boxes.made = 0
            boxes.waits.clear()
            yield from _borne(boxes, server, seconds)
            if restart:
                yield from _restarted(boxes, server)
            yield from _stored(boxes, server)
        finally:
            os.sched_setaffinity(0, cores)
            boxes.close()
            server.close()


def _borne(boxes: Boxes, server: Server, seconds: float) -> Iterator[tuple[str, Any]]:
    before, clock, own = server.spent(), time.monotonic(), time.process_time()
    boxes.tell(seconds)
    took = time.monotonic() - clock
    spent = {name: round((now - before[name]) / took * 100, 1) for name, now in server.spent().items()}
    own = (time.process_time() - own) / took
    yield "messages a second", round(boxes.made / took)
    yield "then drained s", round(boxes.drain(60), 1)
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        yield f"ack {name} ms", percentile(boxes.waits, share)
    yield "sent again", boxes.sent_again
    yield from ((f"{name}, % of a core", share) for name, share in spent.items())
    yield "server, % of two cores", round(sum(spent.values()) / 2, 1)
    yield "boxes, % of a core", round(own * 100, 1)
    yield "links lost", boxes.lost_links
    yield "broker MB", resident(server.broker_pid)
    yield "worker MB", resident(server.process.pid)


def _restarted(boxes: Boxes, server: Server) -> Iterator[tuple[str, Any]]:
    """The broker is killed, and the server starts it again; boxes tell all the while."""
    before, links, clock = server.spent(), boxes.lost_links, time.monotonic()
    boxes.made = 0
    boxes.waits.clear()
    server.kill_broker()
    boxes.tell(1)
    for share in (0.5, 0.9, 1.0):
        while boxes.away > (1 - share) * boxes.count:
            boxes.tell(0.2)
            assert time.monotonic() < clock + 300, f"{boxes.away} are away"
        yield f"{share:.0%} back s", round(time.monotonic() - clock, 1)
    took = time.monotonic() - clock
    # The broker is a new process.
    spent = server.spent()
    spent["worker and page"] -= before["worker and page"]
    yield "server meanwhile, % of two cores", round(sum(spent.values()) / took / 2 * 100, 1)
    yield "tries in vain", boxes.lost_links - links - boxes.count
    boxes.tell(10)
    yield "made meanwhile", boxes.made
    yield "then drained s", round(boxes.drain(120), 1)


def _stored(boxes: Boxes, server: Server) -> Iterator[tuple[str, Any]]:
    store = Store(server.folder / "fleet.db")
    yield "made", sum(boxes.totals().values())
    yield from stored(store, boxes.totals()).items()
    [(rows,)] = store.read("select count(*) from message")
    yield "stored", rows
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=10, help="seconds between two messages of a box")
    parser.add_argument("--no-restart", action="store_true", help="let the broker live")
    asked = parser.parse_args()
    for name, value in measure(asked.boxes, asked.minutes * 60, asked.every, not asked.no_restart):
        print(f"| {name} | {value} |", flush=True)


if __name__ == "__main__":
    main()
