"""`appliance fleet`: serve, invite, revoke, bulk and demo at the server."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from appliance.fleet import audit, members
from appliance.fleet.authority import Authority
from appliance.fleet.demo import demo as simulate
from appliance.fleet.serve import Fleet, Ports
from appliance.fleet.store import Store


async def serve(folder: Path, host: str, names: Sequence[str], ports: Ports) -> int:
    async with Fleet(folder, host, ports, names) as fleet:
        print(f"boxes come to {host}:{ports.broker}, and enrol at {host}:{ports.door}", flush=True)
        print(f"open {fleet.url} (on this machine only: there are no logins yet)", flush=True)
        await fleet.serve()
    return 0


async def demo(count: int, ports: Ports, rollout: str | None = None) -> int:
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        async with Fleet(Path(folder), "127.0.0.1", ports) as fleet:
            print(f"{count} simulated boxes; open {fleet.url}; Ctrl-C ends", flush=True)
            await simulate(count, fleet, rollout)
    return 0


def invite(folder: Path, names: Sequence[str], site: str) -> int:
    store = Store(folder / "fleet.db")
    for name, code in members.invite(store, Authority(folder / "keys"), names, site, audit.here()).items():
        print(f"{name}  {code}")
    store.close()
    print("on the box: appliance fleet enrol CODE SERVER:8884")
    return 0


def revoke(folder: Path, name: str) -> int:
    store = Store(folder / "fleet.db")
    members.revoke(store, name, audit.here())
    store.close()
    print(f"{name} is of the fleet no more; the server that runs ends its session")
    return 0


def bulk(folder: Path, site: str, boxes: int, days: int, revoked: str) -> int:
    store = Store(folder / "fleet.db")
    if revoked:
        members.revoke_bulk(store, revoked, audit.here())
        print(f"nobody enrols by {revoked} any more; who has stays")
    else:
        print(members.bulk(store, Authority(folder / "keys"), site, boxes, days, audit.here()), end="")
    store.close()
    return 0
