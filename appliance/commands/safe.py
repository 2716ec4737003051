"""`appliance run --safe`: a desk that cannot start as it should still takes every call, and says one line.

No engine, no model, no desk.db and no valid desk file are needed for it. The line's sound was made while all
was well, in the desk's own words and voice; a box that never was well has the one that ships.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from appliance import config
from appliance.answering.answers import lines
from appliance.channels import AudioChannel, Call, WaitingLine
from appliance.channels.gsm.at import ModemError
from appliance.channels.gsm.modems import Modems
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.plugs import Plugs
from appliance.channels.kiosk import Kiosk
from appliance.channels.scripted import ScriptedCaller
from appliance.channels.sip.line import SipLine
from appliance.channels.soundcard import SoundCard
from appliance.commands import status
from appliance.commands.ending import told_to_stop
from appliance.commands.trunks import sip_settings
from appliance.config.lines import Lines
from appliance.config.trunks import secret
from appliance.console.server import Console, Status
from appliance.engines.fake import FakeVad
from appliance.errors import ApplianceError
from appliance.messages import FRAME_BYTES
from appliance.serving import lastline
from appliance.system.notify import Manager

log = logging.getLogger(__name__)

BEFORE = 0.5
"""Seconds of quiet before the line, in which a telephone's sound begins to flow."""

REST = 15.0
"""Seconds for which a kiosk is quiet after the line: in a noisy room it would never end."""

LOUD = 0.05
"""Level, full scale 1, that wakes a kiosk that cannot tell speech from noise."""

RETRY = 10.0
"""Seconds before a line that failed is opened again."""

WHY = "the desk would not stay up; `journalctl -u appliance` says why"

A_WHILE = 1800.0
"""Seconds after which it ends, so that the desk is tried as it should be again."""


async def run_safe(box_path: Path | None, desk_path: Path | None, lasts: float = A_WHILE) -> int:
    """Serve until told to stop, or for so many seconds and the end of the call that is on."""
    box, box_file = _box(box_path)
    desk = FixedDesk(lastline.sound(box.data), _text(desk_path, box_file))
    manager = Manager()
    stop = told_to_stop()
    serving = asyncio.create_task(_serve(box, desk, manager))
    try:
        await asyncio.wait({stop, serving}, timeout=lasts, return_when=asyncio.FIRST_COMPLETED)
        manager.tell(STOPPING=1)
        await desk.over()
    finally:
        stop.cancel()
        serving.cancel()
        await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()  # It failed, and systemd shall know.
    return 0


class FixedDesk:
    """A Desk that says one thing to everybody. `sound` is s16le mono 16 kHz, `text` what it says."""

    def __init__(self, sound: bytes, text: str) -> None:
        self._sound = sound
        self._text = text
        self._saying: set[asyncio.Task[None]] = set()

    async def talk(self, channel: AudioChannel) -> None:
        listening = asyncio.create_task(_until_gone(channel))
        saying = asyncio.create_task(self._say(channel))
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)
        try:
            await asyncio.wait({listening, saying}, return_when=asyncio.FIRST_COMPLETED)
            if channel.channel == "kiosk":
                await asyncio.sleep(REST)
        finally:
            listening.cancel()
            saying.cancel()
            await channel.hang_up()

    async def chat(self, call: Call) -> None:
        await call.say(lines([self._text]))
        await call.hang_up()

    async def over(self) -> None:
        """Wait until it has been said to whoever is on."""
        if self._saying:
            await asyncio.wait(set(self._saying))

    async def _say(self, channel: AudioChannel) -> None:
        await asyncio.sleep(BEFORE)
        for at in range(0, len(self._sound), FRAME_BYTES):
            await channel.playout.write(self._sound[at : at + FRAME_BYTES])
        await channel.playout.drain()


async def _until_gone(channel: AudioChannel) -> None:
    async for _ in channel.microphone():
        pass


async def _serve(box: config.Box, desk: FixedDesk, manager: Manager) -> None:
    waiting = list(_lines(box))
    async with asyncio.TaskGroup() as group:
        for line in waiting:
            group.create_task(_kept_up(line, desk), name=line.name)
        group.create_task(_feed(desk, manager))


async def _kept_up(line: WaitingLine, desk: FixedDesk) -> None:
    """One that fails keeps no other from answering."""
    while True:
        try:
            await line.serve(desk)
        except Exception as error:
            log.error("%s: %s", line.name, error)
        await asyncio.sleep(RETRY)


async def _feed(desk: FixedDesk, manager: Manager) -> None:
    manager.tell(READY=1)
    status.tell(manager.runtime, [Status(status.SAFE, False, WHY)])
    while True:
        caller = ScriptedCaller([])
        await desk.chat(caller)
        if caller.spoken().text:
            manager.tell(WATCHDOG=1, STATUS="safe mode: everybody hears one line")
        await asyncio.sleep((manager.watchdog or 40) / 4)


def _lines(box: config.Box) -> list[WaitingLine]:
    """What box.toml switches on, with nothing behind it that could fail."""
    made: list[WaitingLine] = []
    if box.web.enabled:
        made.append(Console(box.web.listen, status=lambda: [Status(status.SAFE, True, WHY)]))
    if box.kiosk.enabled:
        card = SoundCard(box.kiosk.microphone, box.kiosk.speaker, gain=box.kiosk.gain)
        mode = "button" if box.kiosk.wake == "button" else "speech"
        made.append(Kiosk(card, FakeVad(LOUD), mode=mode, chime=False))  # type: ignore[arg-type]
    try:
        modems = [(gsm.name, secret(gsm.pin_file)) for gsm in box.gsm]
        made += Modems(modems, Plugs(box.gsm, box.data / "simulator").find, _left_on_the_sim).lines
    except ApplianceError as error:
        log.error("gsm is off: %s", error)
    try:
        if box.sip.enabled:
            made.append(SipLine(sip_settings(box.sip), box.sip.a_minute))
    except ApplianceError as error:
        log.error("sip is off: %s", error)
    return made


def _left_on_the_sim(sms: Sms) -> None:
    """Texts stay where they are until the desk can read them."""
    raise ModemError("the desk is in safe mode")


def _box(path: Path | None) -> tuple[config.Box, Path]:
    """What the hardware is; as it ships where box.toml is what is broken."""
    try:
        return config.read_box(path)
    except ApplianceError as error:
        log.error("%s", error)
        return config.read_box(config.SHIPPED / "box.toml")


def _text(path: Path | None, box: Path) -> str:
    try:
        return config.read_desk(path, box)[0].lines.out_of_order
    except ApplianceError as error:
        log.error("%s", error)
        return Lines().out_of_order
