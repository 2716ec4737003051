"""The first start of a box, from what somebody gave it to a box that is theirs; and back."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import config
from appliance.errors import ApplianceError
from appliance.firstboot import command, reset, steps
from appliance.firstboot.steps import DONE, POINT, Places, Point, first_boot, write
from appliance.fleet.command import sign
from appliance.fleet.membership import members
from appliance.fleet.serve import Fleet
from appliance.telemetry import invitation
from tests.audio_server import until
from tests.firstboot.conftest import needs_radio
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(
        *(tmp_path / name for name in ("config", "data", "boot", "media", "no-radio/wlan0")),
        "127.0.0.1",
        free_port(),
    )
    for folder in (found.config, found.data, found.boot, found.media):
        folder.mkdir()
    (found.config / "box.toml").write_text(box(found, "as it was made"))
    return found


def box(places: Places, words: str) -> str:
    return f'# {words}\ndata = "{places.data}"\n[kiosk]\nenabled = false\n'


def stick(places: Places, **files: str) -> Path:
    folder = places.media / "sda1"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


async def nothing_is_said(point: Point) -> None:
    await asyncio.Event().wait()


async def begin(places: Places, settle: float = 1.0) -> None:
    await first_boot(places, nothing_is_said, settle)


def kept(places: Places) -> str:
    return (places.config / "box.toml").read_text()


async def test_a_box_toml_on_a_stick_is_what_the_box_is(places: Places) -> None:
    stick(places, box_toml=box(places, "of a stick"))
    (places.boot / "box.toml").write_text(box(places, "of the card"))
    await begin(places)
    assert kept(places).startswith("# of a stick")
    assert (places.config / "box.toml").stat().st_mode & 0o777 == 0o644
    assert (places.data / DONE).exists()


async def test_without_a_stick_the_boot_partition_tells(places: Places) -> None:
    (places.boot / "box.toml").write_text(box(places, "of the card"))
    await begin(places)
    assert kept(places).startswith("# of the card")


async def test_it_is_done_once(places: Places) -> None:
    await begin(places)
    stick(places, box_toml=box(places, "later"))
    await begin(places)
    assert kept(places).startswith("# as it was made")


@pytest.mark.parametrize(
    ("text", "why"),
    [("[broken", "box.toml"), ("nonsense = 1", "nonsense"), ('data = "/somewhere"', "write data")],
)
async def test_one_that_is_no_good_is_told_of_and_the_old_one_stays(
    places: Places, text: str, why: str
) -> None:
    stick(places, box_toml=text)
    with pytest.raises(ApplianceError, match=why):
        await begin(places)
    assert kept(places).startswith("# as it was made")
    assert not (places.data / DONE).exists()


async def test_a_box_that_is_given_nothing_and_has_no_radio_stays_as_it_was_made(places: Places) -> None:
    await begin(places)
    assert kept(places).startswith("# as it was made")
    assert (places.data / DONE).exists()


async def test_killed_before_box_toml_tells_of_the_fleet_it_tells_of_it_at_the_next_start(
    places: Places,
) -> None:
    """Though the page is closed by now, and the stick is gone."""
    table = '[fleet]\nenabled = true\nbroker = "127.0.0.1:1"\ndevice = "lobby-1"\n'
    write(places.data / steps.FLEET / steps.TABLE, table)
    await begin(places, 0.0)
    assert kept(places) == f"{box(places, 'as it was made')}\n{table}"
    assert (places.data / DONE).exists()


async def test_a_stick_that_was_pulled_out_to_mend_it_counts_when_it_is_put_in_again(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LOOK", 0.01)
    folder = stick(places, box_toml="[broken")
    coming = asyncio.create_task(steps._stick(places))
    await asyncio.sleep(0)
    folder.rename(places.media.parent / "pulled out")
    await asyncio.sleep(0.1)
    assert not coming.done()
    (places.media.parent / "pulled out").rename(folder)
    async with asyncio.timeout(5):
        await coming


async def test_a_stick_that_cannot_be_read_is_as_none(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick(places, box_toml=box(places, "of a stick"))
    stat = os.stat

    def broken(path: str | Path, **more: bool) -> os.stat_result:
        if "sda1/" in str(path):
            raise OSError(errno.EIO, "Input/output error")
        return stat(path, **more)

    monkeypatch.setattr(os, "stat", broken)
    assert not await steps.found(places, 0.0)


async def test_a_box_whose_radio_does_not_answer_is_not_done_with(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.firstboot.radio.UP", 0.0)
    places.radio.parent.mkdir()
    with pytest.raises(ApplianceError, match="the radio does not answer"):
        await begin(places)
    assert not (places.data / DONE).exists()


def test_each_box_has_a_password_of_its_own_and_keeps_it_until_it_is_somebodys(tmp_path: Path) -> None:
    made = [Point.of(tmp_path / name) for name in ("a", "b")]
    assert made[0].password != made[1].password
    assert all(len(each.password) == 16 and each.password.isdecimal() for each in made)
    assert Point.of(tmp_path / "a") == made[0]
    assert (tmp_path / "a" / POINT).stat().st_mode & 0o777 == 0o600


def test_the_password_is_said_digit_by_digit() -> None:
    said = command.spoken(Point("Desk 4711", "1234567812345670"), "10.42.0.1")
    assert "desk 4, 7, 1, 1" in said
    assert said.count("5, 6, 7, 0") == 2
    assert "10 dot 42 dot 0 dot 1" in said


# Becoming one of a fleet, by a real one.


def invited(fleet: Fleet, places: Places, name: str = "lobby-1") -> str:
    """A signed file on a stick, and the key on the boot partition."""
    [code] = members.invite(fleet.store, fleet.authority, [name]).values()
    folder = stick(places)
    sign(fleet.folder, code, f"127.0.0.1:{fleet.ports.door}", folder)
    (folder / invitation.SIGNER).replace(places.boot / invitation.SIGNER)
    return code


@needs_mosquitto
async def test_a_signed_file_on_a_stick_makes_it_one_of_a_fleet(places: Places, fleet: Fleet) -> None:
    invited(fleet, places)
    await begin(places)
    read, _ = config.read_box(places.config / "box.toml")
    assert (read.fleet.enabled, read.fleet.device) == (True, "lobby-1")
    assert read.fleet.key
    assert read.fleet.key.stat().st_mode & 0o777 == 0o600
    assert not read.kiosk.enabled, "the rest stays"
    assert fleet.store.read("select name, state from box") == [("lobby-1", "member")]


@needs_mosquitto
async def test_a_file_that_was_changed_or_that_nobody_vouches_for_is_not_taken(
    places: Places,
    fleet: Fleet,
) -> None:
    invited(fleet, places)
    path = places.media / "sda1" / invitation.NAME
    whole = path.read_text()
    path.write_text(whole.replace("127.0.0.1", "127.0.0.2"))
    with pytest.raises(ApplianceError, match="not signed"):
        await begin(places)
    for broken in ("", "{}", "[]", '{"body": 1, "signature": ""}', "x" * 20_000):
        path.write_text(broken)
        with pytest.raises(ApplianceError, match="no enrolment file"):
            await begin(places)
    path.write_text(whole)
    (places.boot / invitation.SIGNER).unlink()
    with pytest.raises(ApplianceError, match="no public key"):
        await begin(places)
    assert fleet.store.read("select count(*) from box") == [(0,)]


@needs_mosquitto
@needs_radio
async def test_the_page_asks_again_until_network_and_fleet_are_good(
    places: Places,
    fleet: Fleet,
    radio: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("appliance.firstboot.page.MOMENT", 0.3)
    monkeypatch.setattr(steps, "AGAIN", 0.0)
    [code] = members.invite(fleet.store, fleet.authority, ["lobby-1"]).values()
    server = f"127.0.0.1:{fleet.ports.door}"
    places = replace(places, radio=radio)
    url = f"http://127.0.0.1:{places.port}"
    booting = asyncio.create_task(begin(places, 0.0))

    def asked(path: str, body: bytes | None = None) -> dict[str, str]:
        """What the page answers; nothing, where it is not open just now."""
        request = urllib.request.Request(f"{url}/{path}", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return {"answered": "yes", **json.load(answer)}
        except OSError:
            return {}

    async def tell(wrong: str, **told: str) -> None:
        async with asyncio.timeout(20):
            state: dict[str, str] = {}
            while "wrong" not in state or wrong not in state["wrong"]:
                state = await asyncio.to_thread(asked, "state")
                await asyncio.sleep(0.02)
            assert await asyncio.to_thread(asked, "pair", json.dumps(told).encode())

    await tell("", network="Home", code="AAAA", server=server)
    await tell("no claim code", network="Home", code=code, server=server)
    async with asyncio.timeout(30):
        await booting
    read, _ = config.read_box(places.config / "box.toml")
    assert read.fleet.device == "lobby-1"
    assert 'ssid="Home"' in (radio.parent.parent / "wifi.conf").read_text()
    assert not (places.data / POINT).exists()


@needs_radio
async def test_a_stick_that_comes_while_the_page_is_open_is_taken(places: Places, radio: Path) -> None:
    said: list[Point] = []

    async def say(point: Point) -> None:
        said.append(point)

    booting = asyncio.create_task(first_boot(replace(places, radio=radio), say, 0.0))
    await until(lambda: said)
    stick(places, box_toml=box(places, "of a stick"))
    async with asyncio.timeout(20):
        await booting
    assert kept(places).startswith("# of a stick")


@needs_mosquitto
async def test_killed_at_any_moment_it_goes_on_and_box_toml_is_whole_all_the_time(
    places: Places,
    fleet: Fleet,
) -> None:
    """Only the one answer that brings the certificate may be lost, and then the code is used up: here it is
    made good again."""
    invited(fleet, places)
    stick(places, box_toml=box(places, "of a stick"))
    arguments = [f"--{name}={getattr(places, name)}" for name in ("config", "data", "boot", "media", "radio")]
    kills = 0
    while True:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "appliance", "first-boot", *arguments, stderr=subprocess.PIPE
        )
        try:
            # A little later each time, on a machine of any speed.
            _, wrong = await asyncio.wait_for(running.communicate(), 0.3 + 0.1 * kills if kills < 25 else 60)
        except TimeoutError:
            running.send_signal(signal.SIGKILL)
            await running.wait()
            kills += 1
            config.read_box(places.config / "box.toml")
            continue
        if running.returncode == 0:
            break
        assert b"the claim code is not good" in wrong, wrong
        with fleet.store.write() as db:
            db.execute("update claim set used = null")
    assert kills >= 3
    read, _ = config.read_box(places.config / "box.toml")
    assert read.fleet.device == "lobby-1"
    assert kept(places).count("[fleet]") == 1
    assert kept(places).startswith("# of a stick")


# And back.


def lived(places: Places) -> None:
    for name in ("desk.db", "fleet/key.pem", "recordings/one.opus", DONE):
        write(places.data / name, "what was said")


def test_everything_is_forgotten_when_that_was_asked_for_and_not_otherwise(places: Places) -> None:
    lived(places)
    reset.reset(places)
    assert (places.data / "desk.db").exists()
    reset.ask(places.data)
    reset.reset(places)
    assert [path.name for path in places.data.iterdir()] == ["desk.toml"]
    read, _ = config.read_box(places.config / "box.toml")
    assert read.data == places.data
    assert read.kiosk.enabled, "box.toml is as it ships"


def test_a_reset_that_was_cut_off_is_gone_on_with(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    lived(places)
    reset.ask(places.data)
    left, unlink = 2, Path.unlink

    def dies(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        unlink(path)

    with monkeypatch.context() as cut:
        cut.setattr(Path, "unlink", dies)
        with pytest.raises(KeyboardInterrupt):
            reset.reset(places)
    assert (places.data / reset.ASKED).exists()
    reset.reset(places)
    assert [path.name for path in places.data.iterdir()] == ["desk.toml"]


def test_nothing_is_forgotten_while_the_radio_would_go_on_knowing_a_network(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.firstboot.radio.UP", 0.0)
    lived(places)
    reset.ask(places.data)
    places.radio.parent.mkdir()
    with pytest.raises(ApplianceError, match="the radio does not answer"):
        reset.reset(places)
    assert (places.data / "desk.db").exists()
    assert (places.data / reset.ASKED).exists()


def test_a_machine_that_had_no_first_start_is_not_reset(places: Places) -> None:
    with pytest.raises(ApplianceError, match="not made from an image"):
        reset.ask(places.data)


def test_the_command_asks_first(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    lived(places)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert command.reset(places.config / "box.toml", sure=False) == 1
    assert not (places.data / reset.ASKED).exists()
    assert command.reset(places.config / "box.toml", sure=True) == 0
    assert (places.data / reset.ASKED).exists()
