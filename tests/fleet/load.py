"""How many boxes a server bears: `python -m tests.fleet.load --boxes 10000 --minutes 10`. The server is the
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
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.fleet.authority import Authority
from appliance.fleet.store import Store
from tests.fleet.boxes import Boxes
from tests.telemetry.brokers import free_port, wait_for

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
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(folder / "log").open("w"))
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


def measure(count: int, seconds: float, every: float, restart: bool, pin: bool = True) -> dict[str, Any]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    assert most > count + 200, f"ulimit -n is {most}; {count} boxes need {count + 200}"
    names = [f"box-{number:05}" for number in range(count)]
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        folder = Path(place)
        began = time.monotonic()
        enrolled(folder, names)
        print(f"{count} boxes enrolled in {time.monotonic() - began:.0f} s", flush=True)
        server = Server(folder)
        cores = os.sched_getaffinity(0)
        if pin:
            os.sched_setaffinity(0, {max(cores)})
        boxes = Boxes(names, [server.broker], folder, every)
        try:
            began = time.monotonic()
            boxes.connect(300)
            came = time.monotonic() - began
            print(f"all there after {came:.0f} s", flush=True)
            boxes.tell(SETTLE)
            boxes.drain(60)
            boxes.made = 0
            boxes.waits.clear()
            return _measured(boxes, server, seconds, restart, came)
        finally:
            os.sched_setaffinity(0, cores)
            boxes.close()
            server.close()


def _measured(boxes: Boxes, server: Server, seconds: float, restart: bool, came: float) -> dict[str, Any]:
    before, clock = server.spent(), time.monotonic()
    own = time.process_time()
    boxes.tell(seconds)
    took = time.monotonic() - clock
    spent = {name: round((now - before[name]) / took * 100, 1) for name, now in server.spent().items()}
    own = (time.process_time() - own) / took
    boxes.drain(60)
    found: dict[str, Any] = {
        "messages a second": round(sum(boxes.totals().values()) / (took + SETTLE)),
        "ack p50 ms": percentile(boxes.waits, 0.5),
        "ack p99 ms": percentile(boxes.waits, 0.99),
        "ack max ms": max(boxes.waits),
        "sent again": boxes.sent_again,
        **{f"{name}, % of a core": share for name, share in spent.items()},
        "server, % of two cores": round(sum(spent.values()) / 2, 1),
        "boxes, % of a core": round(own * 100, 1),
        "broker MB": resident(server.broker_pid),
        "worker MB": resident(server.process.pid),
        "first connect s": round(came),
    }
    if restart:
        server.kill_broker()
        boxes.tell(1)
        clock = time.monotonic()
        while boxes.away:
            boxes.tell(0.5)
            assert time.monotonic() < clock + 300, f"{boxes.away} are away"
        found["reconnect s"] = round(time.monotonic() - clock + 1, 1)
        found["links lost"] = boxes.lost_links
        boxes.tell(10)
        found["drained s"] = round(boxes.drain(120), 1)
    store = Store(server.folder / "fleet.db")
    found["made"] = sum(boxes.totals().values())
    found.update(stored(store, boxes.totals()))
    [found["stored"]] = store.read("select count(*) from message")[0]
    store.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=float, default=10, help="seconds between two messages of a box")
    parser.add_argument("--no-restart", action="store_true", help="let the broker live")
    asked = parser.parse_args()
    found = measure(asked.boxes, asked.minutes * 60, asked.every, not asked.no_restart)
    for name, value in found.items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
