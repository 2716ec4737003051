"""Boxes and their fleet, by a real broker with certificates: enrolled, told, asked, revoked."""

from __future__ import annotations

import asyncio
import random
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from appliance.config.box import Box as BoxFile
from appliance.config.strict import TomlFile
from appliance.errors import ApplianceError
from appliance.fleet.line import dispatch
from appliance.fleet.line.broker import Broker
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority
from appliance.fleet.rollouts import bundles
from appliance.fleet.serve import Fleet, Ports
from appliance.memory.store import Store
from appliance.telemetry import bundle, enrol
from appliance.telemetry.bundle import PART
from appliance.telemetry.client import Address, Line
from appliance.telemetry.orders import Commands
from appliance.telemetry.outbox import Outbox
from tests.fleet.conftest import FAULT, Box, made
from tests.fleet.waiting import until
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto

pytestmark = needs_mosquitto


async def joined(folder: Path, fleet: Fleet, name: str, **on: Any) -> Box:
    box = await asyncio.to_thread(lambda: Box(folder, fleet, name, **on))
    await until(lambda: box.line.state[0])
    return box


async def test_what_a_box_tells_is_stored_once_and_leaves_its_outbox(tmp_path: Path, fleet: Fleet) -> None:
    box = await joined(tmp_path, fleet, "lobby")
    for _ in range(100):
        box.outbox.tell("fault", FAULT)
    await until(lambda: box.waiting == 0)
    assert made(fleet, "lobby") == [(box.outbox.boot, seq) for seq in range(1, 101)]
    assert fleet.store.read("select first, last from seen") == [(1, 100)]
    box.close()


async def test_what_to_write_into_the_box_file_is_a_box_file(tmp_path: Path, fleet: Fleet) -> None:
    box = await joined(tmp_path, fleet, "lobby")
    path = tmp_path / "box.toml"
    path.write_text(box.table)
    assert TomlFile(path).into(BoxFile).fleet.device == "lobby"
    assert tomllib.loads(box.table)["fleet"]["broker"] == f"127.0.0.1:{fleet.ports.broker}"
    assert (tmp_path / "lobby" / "key.pem").stat().st_mode & 0o077 == 0
    box.close()


async def test_a_claim_code_is_good_once_and_for_its_own_fleet(tmp_path: Path, fleet: Fleet) -> None:
    codes = members.invite(fleet.store, fleet.authority, ["one"])
    server = f"127.0.0.1:{fleet.ports.door}"
    await asyncio.to_thread(enrol.enrol, codes["one"], server, tmp_path / "one")
    for code, why in (
        (codes["one"], "not good"),
        ("AAAA", "no claim code"),
        (codes["one"][:20] + "AAAA" + codes["one"][24:], "not the fleet that made"),
    ):
        with pytest.raises(ApplianceError, match=why):
            await asyncio.to_thread(enrol.enrol, code, server, tmp_path / "two")
    assert not (tmp_path / "two").exists()


async def test_a_name_is_one_box(tmp_path: Path, fleet: Fleet) -> None:
    (await joined(tmp_path, fleet, "lobby")).close()
    for name in ("lobby", "Lobby", "a/b", "a+", ""):
        with pytest.raises(ApplianceError):
            members.invite(fleet.store, fleet.authority, [name])


async def test_a_box_reaches_its_own_topics_and_no_others(tmp_path: Path, fleet: Fleet) -> None:
    got: list[object] = []
    box = await joined(tmp_path, fleet, "lobby")
    other = await joined(tmp_path, fleet, "kitchen", on_command=got.append)
    # A stolen key, used under another's name.
    keys = [tmp_path / "lobby" / f"{each}.pem" for each in ("ca", "certificate", "key")]
    thief = Line(Address("kitchen", "127.0.0.1", fleet.ports.broker, *keys), box.outbox)
    box.line.stop()
    box.outbox.tell("fault", FAULT)
    thief.start()
    await until(lambda: thief.state[0])
    await asyncio.sleep(0.5)
    assert made(fleet, "kitchen") == []
    assert made(fleet, "lobby") == []
    thief.stop()
    other.close()
    box.store.close()


async def test_who_has_no_certificate_is_not_let_in(tmp_path: Path, fleet: Fleet) -> None:
    box = await joined(tmp_path, fleet, "lobby")
    stranger = Line(
        Address("lobby", "127.0.0.1", fleet.ports.broker, tmp_path / "lobby" / "ca.pem"), box.outbox
    )
    stranger.start()
    await asyncio.sleep(0.3)
    assert not stranger.state[0]
    stranger.stop()
    box.close()


async def test_a_stolen_box_is_shown_out_within_five_seconds_and_stays_out(
    tmp_path: Path, fleet: Fleet
) -> None:
    box, other = await joined(tmp_path, fleet, "stolen"), await joined(tmp_path, fleet, "lobby")
    began = time.monotonic()
    members.revoke(fleet.store, "stolen")
    await until(lambda: not box.line.state[0], 5)
    assert time.monotonic() - began < 5
    box.outbox.tell("fault", FAULT)
    other.outbox.tell("fault", FAULT)
    await until(lambda: other.waiting == 0)
    await asyncio.sleep(0.5)  # It tries to come back all the time.
    assert not box.line.state[0]
    assert box.waiting == 1
    assert made(fleet, "stolen") == []
    box.close()
    other.close()


async def test_a_command_is_done_once_and_what_came_of_it_is_known(tmp_path: Path, fleet: Fleet) -> None:
    came: list[dict[str, Any]] = []
    box = await joined(tmp_path, fleet, "lobby", on_command=came.append)
    commands = Commands(box.store, box.outbox)
    id = dispatch.ask(fleet.store, "lobby", "doctor")

    def state() -> tuple[Any, ...]:
        return fleet.store.read("select state, result from command where id = ?", id)[0]

    assert state() == ("queued", "")
    await until(lambda: came)
    assert commands.take(came[0])
    assert not commands.take(came[0])
    await until(lambda: state()[0] == "received")
    waiting = commands.waiting()
    assert waiting
    commands.now(waiting.id, "running")
    await until(lambda: state()[0] == "running")
    commands.now(waiting.id, "done", "all fine")
    await until(lambda: state() == ("done", "all fine"))
    assert commands.waiting() is None
    box.close()


async def test_a_box_that_is_away_gets_its_commands_when_it_is_back_unless_they_have_expired(
    tmp_path: Path, fleet: Fleet
) -> None:
    came: list[dict[str, Any]] = []
    box = await joined(tmp_path, fleet, "lobby")
    box.close()
    await until(lambda: fleet.store.read("select online from box") == [(0,)])
    late, good = dispatch.ask(fleet.store, "lobby", "logs"), dispatch.ask(fleet.store, "lobby", "doctor")
    with fleet.store.write() as db:
        db.execute("update command set expires = 1 where id = ?", (late,))
    keys = [tmp_path / "lobby" / f"{each}.pem" for each in ("ca", "certificate", "key")]
    back = Line(
        Address("lobby", "127.0.0.1", fleet.ports.broker, *keys),
        Outbox(box.store.__class__(tmp_path / "lobby" / "desk.db")),
        came.append,
    )
    back.start()
    await until(lambda: came)
    assert [command["id"] for command in came] == [good]
    assert fleet.store.read("select state from command where id = ?", late) == [("expired",)]
    back.stop()


async def test_a_desk_file_reaches_its_box_signed(tmp_path: Path, fleet: Fleet) -> None:
    came: list[bytes] = []
    box = await joined(tmp_path, fleet, "lobby", on_desired=came.append)
    made = bundles.make(fleet.store, fleet.pieces, "new words", desk='name = "A"\n')
    serial = bundles.send(fleet.store, fleet.authority, "lobby", made)
    await until(lambda: came)
    key = bundle.read_key(tmp_path / "lobby" / "signer.pem")
    taken = bundle.verified(came[0], key, "lobby")
    assert (taken.serial, taken.version, taken.pieces) == (serial, made.version, made.pieces)
    box.close()


async def test_a_piece_comes_in_parts_and_only_to_a_box_that_it_is_for(tmp_path: Path, fleet: Fleet) -> None:
    parts: list[tuple[dict[str, Any], bytes]] = []
    box = await joined(tmp_path, fleet, "lobby", on_piece=lambda *part: parts.append(part))
    other = await joined(tmp_path, fleet, "kitchen", on_piece=lambda *part: parts.append(part))
    model = tmp_path / "voice"
    model.mkdir()
    content = random.Random(1).randbytes(3 * PART + 7)
    (model / "voice.onnx").write_bytes(content)
    made = bundles.make(fleet.store, fleet.pieces, "a voice", models={"voice": model})
    bundles.send(fleet.store, fleet.authority, "lobby", made)
    [piece] = made.pieces
    for number in range(4):
        box.line.ask("fetch", {"sha256": piece.sha256, "offset": number * PART})
        await until(lambda number=number: len(parts) > number)
    assert b"".join(part for _, part in parts) == content
    parts.clear()
    other.line.ask("fetch", {"sha256": piece.sha256, "offset": 0})
    await until(lambda: parts)
    assert parts == [({"sha256": piece.sha256, "offset": 0, "gone": True}, b"")]
    box.close()
    other.close()


def listed(fleet: Fleet) -> list[str]:
    """The certificates that its list for the broker names."""
    found = x509.load_pem_x509_crl(fleet.authority.revoked.read_bytes())
    return [f"{each.serial_number:x}" for each in found]


async def test_a_certificate_is_renewed_and_the_old_one_counts_until_the_new_one_was_used(
    tmp_path: Path, fleet: Fleet
) -> None:
    box = await joined(tmp_path, fleet, "lobby")
    enrolled = [tmp_path / "lobby" / f"{each}.pem" for each in ("ca", "certificate", "key")]
    assert box.line.identity
    old = box.line.identity.serial
    box.line.renew()
    renewed = tmp_path / "lobby" / "certificate.renewed"
    await until(lambda: renewed.exists() and box.line.state[0])
    assert renewed.stat().st_mode & 0o077 == 0
    await until(lambda: members.revoked(fleet.store) == [old])
    # Whoever came before the broker has the list would stay.
    await until(lambda: listed(fleet) == [old])
    await asyncio.sleep(0.5)
    box.outbox.tell("fault", FAULT)
    await until(lambda: box.waiting == 0)
    # What the box had enrolled with opens nothing any more, and a box that starts comes by the new one.
    box.line.stop()
    back = Line(Address("lobby", "127.0.0.1", fleet.ports.broker, *enrolled), box.outbox)
    back.start()
    await until(lambda: back.state[0])
    assert back.identity
    assert back.identity.serial != old
    back.stop()
    renewed.unlink()
    thief = Line(Address("lobby", "127.0.0.1", fleet.ports.broker, *enrolled), box.outbox)
    thief.start()
    await asyncio.sleep(1)
    assert not thief.state[0]
    thief.stop()
    box.store.close()


async def test_many_boxes_enrol_by_one_bulk_certificate_which_opens_nothing_else(
    tmp_path: Path, fleet: Fleet
) -> None:
    server = f"127.0.0.1:{fleet.ports.door}"
    bulk = tmp_path / "bulk.pem"
    bulk.write_text(members.bulk(fleet.store, fleet.authority, "North", 2))

    def join(name: str) -> str:
        return enrol.enrol_in_bulk(bulk, name, server, tmp_path / name)

    for name in ("one", "two"):
        assert f'device = "{name}"' in await asyncio.to_thread(join, name)
    for name, why in (("three", "used up"), ("one", "used up"), ("A/b", "no name")):
        with pytest.raises(ApplianceError, match=why):
            await asyncio.to_thread(join, name)
    assert fleet.store.read("select name, site from box order by 1") == [("one", "North"), ("two", "North")]
    [(serial,)] = fleet.store.read("select serial from bulk")
    members.revoke_bulk(fleet.store, serial)
    # It is of the fleet's authority, and yet no box's.
    ca, store = tmp_path / "one" / "ca.pem", Store(tmp_path / "thief.db")
    thief = Line(Address("one", "127.0.0.1", fleet.ports.broker, ca, bulk, bulk), Outbox(store))
    thief.start()
    await asyncio.sleep(0.7)
    assert not thief.state[0]
    thief.stop()
    store.close()


@pytest.mark.slow
async def test_how_soon_a_stolen_box_is_shown_out(tmp_path: Path, fleet: Fleet) -> None:
    took = []
    for number in range(20):
        box = await joined(tmp_path, fleet, f"stolen-{number}")
        await asyncio.sleep(number * 0.037 % 0.5)
        began = time.monotonic()
        members.revoke(fleet.store, box.name)
        await until(lambda box=box: not box.line.state[0], 5)
        took.append(time.monotonic() - began)
        box.close()
    took.sort()
    print(f"of 20: median {took[9]:.2f} s, p95 {took[18]:.2f} s, longest {took[-1]:.2f} s")
    assert took[18] < 5


async def test_a_server_that_was_killed_leaves_no_broker_in_the_way(tmp_path: Path) -> None:
    authority, port = Authority(tmp_path / "keys"), free_port()
    left = Broker(tmp_path / "b", authority, "127.0.0.1", port)
    left.start()
    another = Broker(tmp_path / "b", authority, "127.0.0.1", port)
    another.start()
    assert left.process
    assert another.process
    assert left.process.wait(5) == -9
    assert another.process.poll() is None
    another.stop()


async def test_a_second_server_in_the_same_folder_says_so_and_does_the_first_no_harm(fleet: Fleet) -> None:
    second = Fleet(fleet.folder, "127.0.0.1", Ports(free_port(), free_port(), free_port()))
    with pytest.raises(ApplianceError, match="another server"):
        await second.__aenter__()
    assert fleet.broker.process
    assert fleet.broker.process.poll() is None
    assert fleet.store.read("select count(*) from box") == [(0,)]


async def test_a_server_that_is_cancelled_while_it_starts_leaves_no_broker(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path / "f", "127.0.0.1", Ports(free_port(), free_port(), free_port()))
    starting = asyncio.create_task(fleet.__aenter__())
    await asyncio.sleep(0)  # The broker is being started in a thread now.
    starting.cancel()
    await asyncio.wait([starting])
    await asyncio.get_running_loop().shutdown_default_executor()
    left = fleet.broker.process
    assert left is None or left.poll() is not None
    with pytest.raises(ApplianceError, match="stopped"):
        fleet.broker.start()


@pytest.mark.parametrize("who", ["broker", "server"])
async def test_what_is_told_while_something_is_down_arrives(tmp_path: Path, fleet: Fleet, who: str) -> None:
    box = await joined(tmp_path, fleet, "lobby")
    assert fleet.broker.process
    if who == "broker":
        fleet.broker.process.kill()
    else:
        fleet.source.stop()
    for _ in range(30):
        box.outbox.tell("fault", FAULT)
    if who == "server":
        await asyncio.sleep(0.3)
        assert box.waiting == 30
        fleet.source = fleet.worker._source = type(fleet.source)(fleet.broker.socket)
        fleet.source.start()
    await until(lambda: box.waiting == 0, 15)
    assert made(fleet, "lobby") == [(box.outbox.boot, seq) for seq in range(1, 31)]
    box.close()
