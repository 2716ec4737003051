"""What is done at the first start, step by step. Each step looks at what is there already, and what it makes
is there whole or not at all: killed at any moment, the next start goes on."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance import config
from appliance.errors import ApplianceError, DeviceError, StorageError
from appliance.firstboot.page import Page, Told
from appliance.firstboot.radio import SOCKET, Radio
from appliance.system import writing
from appliance.telemetry import bundle, invitation
from appliance.telemetry.enrol import enrol

log = logging.getLogger(__name__)

DONE = "first-boot.done"
POINT = "first-boot.json"
"""In the data folder: that it is done; the access point's name and password until then."""

BOX = "box.toml"
FLEET = "fleet"
TABLE = "box.toml.part"
"""In the data folder: the keys of the fleet, and the table [fleet] that tells of them."""

SETTLE = 10.0
"""Seconds in which sticks that are plugged in have been found."""

LOOK = 1.0
"""Seconds between two looks for a stick, while the page is open."""

TRIES, AGAIN = 6, 5.0
"""Times that a fleet is asked, and seconds between them: a network may take a while to come."""


@dataclass(frozen=True, slots=True)
class Places:
    config: Path = Path("/etc/appliance")
    """box.toml, and the key that enrolment files are verified by."""
    data: Path = Path("/var/lib/appliance")
    boot: Path = Path("/boot/box")
    """The partition of the card that any computer reads."""
    media: Path = Path("/run/media")
    """Sticks are folders in it."""
    radio: Path = SOCKET
    host: str = "10.42.0.1"
    port: int = 80
    """Where the page is, at the access point."""


@dataclass(frozen=True, slots=True)
class Point:
    """The box's own access point."""

    name: str
    password: str

    @classmethod
    def of(cls, data: Path) -> Point:
        """The one of this first start, by chance: sixteen digits, which are said and typed in groups."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            told = json.loads((data / POINT).read_bytes())
            return cls(str(told["name"]), str(told["password"]))
        digits = "".join(secrets.choice("0123456789") for _ in range(16))
        made = cls(f"Desk {secrets.randbelow(9000) + 1000}", digits)
        write(data / POINT, json.dumps({"name": made.name, "password": made.password}), 0o600)
        return made


Say = Callable[[Point], Awaitable[None]]


async def first_boot(places: Places, say: Say, settle: float = SETTLE) -> None:
    """Until the box is somebody's. `say` tells people about the access point, until cancelled."""
    if (places.data / DONE).exists():
        return
    wrong = ""
    if await found(places, settle):
        wrong = await _tried(from_media, places)
    if wrong or not configured(places):
        await by_page(places, say, wrong)
    if (places.data / FLEET / TABLE).exists():  # Killed between the two, and nobody gives it again.
        put_table(places)
    write(places.data / DONE, "")
    (places.data / POINT).unlink(missing_ok=True)


def media(places: Places) -> Iterator[Path]:
    """Where something for this box may lie: sticks before the boot partition, which was written earlier."""
    with suppress(OSError):
        yield from sorted(path for path in places.media.iterdir() if path.is_dir())
    yield places.boot


def given(places: Places, name: str) -> Path | None:
    """A file that somebody gave this box."""
    return next((path for folder in media(places) if _lies(path := folder / name)), None)


def _lies(path: Path) -> bool:
    """Whether there is such a file. Of a stick that cannot be read there is none."""
    try:
        return path.is_file()
    except OSError:
        return False


async def found(places: Places, within: float) -> bool:
    """Whether somebody gave it anything, now or within so many seconds."""
    for _ in range(max(1, round(within / LOOK))):
        if given(places, BOX) or given(places, invitation.NAME):
            return True
        await asyncio.sleep(LOOK)
    return False


def configured(places: Places) -> bool:
    """Whether somebody said what this box is."""
    return bool(
        given(places, BOX) or given(places, invitation.NAME) or (places.data / FLEET / TABLE).exists()
    )


async def from_media(places: Places) -> None:
    """Raises ApplianceError where what was given is no good."""
    if path := given(places, BOX):
        put_box(places, path)
    if path := given(places, invitation.NAME):
        signer = (
            given(places, invitation.SIGNER) if not (places.config / invitation.SIGNER).exists() else None
        )
        key = bundle.read_key(signer or places.config / invitation.SIGNER)
        invited = invitation.verified(_read(path), key)
        await join_fleet(places, invited.code, invited.server)


async def by_page(places: Places, say: Say, wrong: str = "") -> None:
    """Until somebody has told the page, or a stick has come, and all of it was good. A box without a radio
    has no page: it stays as it was made, and says so. One whose radio does not answer is tried again."""
    try:
        radio = await asyncio.to_thread(Radio.up, places.radio)
    except DeviceError as error:
        if wrong:
            raise ApplianceError(wrong, "mend what is on the stick or the boot partition") from error
        if places.radio.parent.is_dir():
            raise
        log.warning("%s: the box stays as it was made", error)
        return
    try:
        networks = await asyncio.to_thread(radio.networks)
        while True:
            point = Point.of(places.data)
            await asyncio.to_thread(radio.open_point, point.name, point.password)
            told = await _asked(places, networks, wrong, say, point)
            if not (wrong := await _tried(_take, places, radio, told)):
                return
            log.error("%s", wrong)
    finally:
        radio.close()


async def _asked(places: Places, networks: list[str], wrong: str, say: Say, point: Point) -> Told | None:
    """What the page was told; None where a stick came."""
    async with Page(places.host, places.port, networks, wrong) as page:
        told, stick = asyncio.create_task(page.told()), asyncio.create_task(_stick(places))
        saying = asyncio.ensure_future(say(point))
        try:
            await asyncio.wait([told, stick], return_when=asyncio.FIRST_COMPLETED)
            return told.result() if told.done() else None
        finally:
            for task in (told, stick, saying):
                task.cancel()
            await asyncio.wait([told, stick, saying])


async def _stick(places: Places) -> None:
    """Wait until one comes that was not there before; the same one, pulled out and put in again, has."""
    there = now = set(media(places))
    while not any(_gives(folder) for folder in now - there):
        await asyncio.sleep(LOOK)
        now = set(media(places))
        there &= now


def _gives(folder: Path) -> bool:
    return any(_lies(folder / name) for name in (BOX, invitation.NAME))


async def _take(places: Places, radio: Radio, told: Told | None) -> None:
    if told is None:
        await from_media(places)
        return
    if told.network:
        await asyncio.to_thread(radio.join, told.network, told.password)
    else:
        await asyncio.to_thread(radio.forget)
    if told.code:
        await join_fleet(places, told.code, told.server)


async def _tried(do: Callable[..., Awaitable[None]], *arguments: object) -> str:
    """What is wrong, in words; empty where all is well."""
    try:
        await do(*arguments)
    except ApplianceError as error:
        return str(error)
    return ""


# What is made.


def put_box(places: Places, given: Path) -> None:
    """box.toml, if it is valid; the table [fleet] that the box has by now stays."""
    if (places.data / FLEET / TABLE).exists():
        return
    text = _read(given)
    new = places.config / f"{BOX}.new"
    write(new, text, 0o644)
    try:
        box, _ = config.read_box(new)
        if box.data != places.data:
            raise ApplianceError(f'{given} has data = "{box.data}"', f'write data = "{places.data}"')
    finally:
        new.unlink(missing_ok=True)
    write(places.config / BOX, text, 0o644)


async def join_fleet(places: Places, code: str, server: str) -> None:
    """Keys, a certificate, and the table in box.toml. A code whose answer was lost with the power is used up,
    and another is asked for."""
    folder, path = places.data / FLEET, places.config / BOX
    if not (folder / TABLE).exists():
        if "fleet" in tomllib.loads(_box(places)):  # Before the code is used up.
            raise ApplianceError(f"{path} has a table [fleet] already", "leave it out: enrolling makes it")
        write(folder / TABLE, await _enrolled(code, server, folder))
    put_table(places)


def put_table(places: Places) -> None:
    """The table of the fleet into box.toml, if it is not there."""
    text, table = _box(places), (places.data / FLEET / TABLE).read_text(encoding="utf-8")
    if table not in text:
        write(places.config / BOX, f"{text.rstrip()}\n\n{table}", 0o644)


def _box(places: Places) -> str:
    path = places.config / BOX
    return path.read_text(encoding="utf-8-sig") if path.exists() else f'data = "{places.data}"\n'


async def _enrolled(code: str, server: str, folder: Path) -> str:
    """The table. What a network that only comes up makes of it is tried again; a refusal is not."""
    for left in reversed(range(TRIES)):
        try:
            return await asyncio.to_thread(enrol, code, server, folder)
        except ApplianceError as error:
            if not left or "cannot be reached" not in error.wrong:
                raise
            await asyncio.sleep(AGAIN)
    raise AssertionError


def write(path: Path, content: str | bytes, mode: int = writing.PRIVATE) -> None:
    """With the folder that it is to lie in. StorageError where it cannot be."""
    with writing.plain_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write(path, content, mode)


def _read(path: Path) -> bytes:
    """Of a stick that somebody may pull out."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 20)
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error})", "put the stick in again") from error
