"""`appliance fleet`: serve, invite, revoke, bulk and demo at the server."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from appliance.access.house import House
from appliance.errors import ApplianceError
from appliance.fleet.demo import demo as simulate
from appliance.fleet.keeping.store import Store
from appliance.fleet.line.asked import Asked
from appliance.fleet.line.source import opened
from appliance.fleet.line.worker import Worker
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority
from appliance.fleet.people import audit
from appliance.fleet.pulse import beat
from appliance.fleet.rollouts.bundles import Pieces
from appliance.fleet.serve import Fleet, Page, Ports
from appliance.system.notify import Manager
from appliance.telemetry import invitation

CODE_EVERY = 5.0
"""Seconds between two looks whether the setup code still holds."""


async def serve(
    folder: Path,
    host: str,
    names: Sequence[str],
    ports: Ports,
    page: Page,
    networks: Sequence[str],
    source: str = "",
    store: str = "",
) -> int:
    async with Fleet(folder, host, ports, names, page, networks, source, store) as fleet:
        print(f"boxes come to {host}:{ports.broker}, and enrol at {host}:{ports.door}", flush=True)
        where = " (on this machine only)" if page.only_here else ""
        print(f"open {fleet.url}{where}", flush=True)
        await asyncio.gather(fleet.serve(), beat(fleet, Manager()), _show_code(fleet.house))
    return 0


async def _show_code(house: House) -> None:
    """Until there is somebody who may do everything: the code by which the first is made."""
    shown = ""
    while not await asyncio.to_thread(house.accounts.claimed):
        if (code := house.pairing.code()) != shown:
            shown = code
            print(f"setup code: {code} (makes the first admin; holds for 10 minutes)", flush=True)
        await asyncio.sleep(CODE_EVERY)


async def work(source: str, store: str, name: str, folder: Path | None = None) -> int:
    """One more worker beside those that are there, until cancelled. With the server's folder it answers what
    boxes ask; without, they ask again until the server hears them."""
    came, kept = opened(source, name), Store(store)
    worker = Worker(came, kept)
    if folder:
        asked = Asked(kept, came, Authority(folder / "keys"), Pieces(folder / "pieces"))
        worker = Worker(came, kept, asked.answer)
    came.start()
    worker.start()
    try:
        print(f"{name} takes what boxes tell", flush=True)
        await asyncio.Event().wait()
    finally:
        worker.stop()
        came.stop()
        kept.close()
    return 0


async def demo(count: int, ports: Ports, rollout: str | None = None) -> int:
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        async with Fleet(Path(folder), "127.0.0.1", ports, page=Page(open=True)) as fleet:
            print(f"{count} simulated boxes; open {fleet.url}; Ctrl-C ends", flush=True)
            await simulate(count, fleet, rollout)
    return 0


def invite(folder: Path, names: Sequence[str], site: str, kept: str = "") -> int:
    store = Store(kept or folder / "fleet.db")
    for name, code in members.invite(store, Authority(folder / "keys"), names, site, audit.here()).items():
        print(f"{name}  {code}")
    store.close()
    print("on the box: appliance fleet enrol CODE SERVER:8884")
    return 0


def sign(folder: Path, code: str, server: str, into: Path) -> int:
    """What a box needs at its first start, into a folder: the signed file for a stick, and the key that it is
    verified by, for the boot partition of its card."""
    key = Authority(folder / "keys").bundle_key
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        (into / invitation.NAME).write_text(invitation.sign(invitation.Invitation(server, code), key))
        (into / invitation.SIGNER).write_bytes(public)
    except OSError as error:
        raise ApplianceError(f"{into} cannot be written ({error})", "name a folder that can be") from error
    print(
        f"{into / invitation.NAME}: on a stick. {invitation.SIGNER}: on the boot partition of the box's card"
    )
    return 0


def revoke(folder: Path, name: str, kept: str = "") -> int:
    store = Store(kept or folder / "fleet.db")
    members.revoke(store, name, audit.here())
    store.close()
    print(f"{name} is of the fleet no more; the server that runs ends its session")
    return 0


def bulk(folder: Path, site: str, boxes: int, days: int, revoked: str, kept: str = "") -> int:
    store = Store(kept or folder / "fleet.db")
    if revoked:
        members.revoke_bulk(store, revoked, audit.here())
        print(f"nobody enrols by {revoked} any more; who has stays")
    else:
        print(members.bulk(store, Authority(folder / "keys"), site, boxes, days, audit.here()), end="")
    store.close()
    return 0
