"""`appliance run`: the desk, with every line it can open, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console as Terminal
from rich.markup import escape

from appliance import config
from appliance.actions.page import CODE
from appliance.app import App
from appliance.channels import WaitingLine
from appliance.channels.exchange import Exchange, Trunk
from appliance.channels.gsm.modems import Modems
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.plugs import Plugs
from appliance.channels.kiosk import Kiosk
from appliance.channels.phone import PhoneCall
from appliance.channels.presence import Presence
from appliance.channels.sip.line import SipLine
from appliance.channels.soundcard import SoundCard
from appliance.commands.ending import told_to_stop
from appliance.commands.house import house_of
from appliance.commands.status import tell
from appliance.commands.trunks import sip_settings
from appliance.commands.wiring import Wiring
from appliance.config.given import Shelf
from appliance.config.hours import local_now
from appliance.config.trunks import secret
from appliance.config.versions import Versions
from appliance.console.calls import CallsPage
from appliance.console.editor import Editor
from appliance.console.server import Console, Status
from appliance.errors import ApplianceError, DeviceError, StorageError
from appliance.firstboot import reset
from appliance.gpio.held import held
from appliance.home import HomeLine
from appliance.orders.membership import Membership, Restart, faults
from appliance.phone.outbound import Outbound
from appliance.phone.texting import Texting
from appliance.pulse import Pulse
from appliance.safekeeping import Safekeeping, by_program
from appliance.system.notify import Manager
from appliance.workshop.lint import lint
from appliance.workshop.shadow import nightly
from appliance.workshop.workshop import Workshop

log = logging.getLogger(__name__)

AGAIN = 75
"""What `run` returns when the program is to be started again."""

FIRST_LOOK = 1.0
"""Seconds between two looks at what is on; a sound card needs about one to open."""

LEAVE = 20.0
"""Seconds that callers have when the desk is told to stop: for what is being said, and a goodbye."""

NAMES = {
    "vad": "speech detection",
    "eot": "end of turn",
    "echo": "echo cancellation",
    "asr": "speech recognition",
    "tts": "voice",
    "embed": "understanding",
    "llm": "wording by LLM",
    "wake": "wake word",
}


async def run(box_path: Path | None, desk_path: Path | None) -> int:
    """Start, say what is on, and serve until told to stop. Told once, callers are let go politely; told
    again, they are not."""
    box, box_file = config.read_box(box_path)
    went_back = ""
    if box.fleet.enabled:
        went_back = Shelf(box.data).starting(config.desk_path(desk_path, box_file))
        box, box_file = config.read_box(box_path)
    desk, desk_file = config.read_desk(desk_path, box_file)
    terminal = Terminal(highlight=False, emoji=False)
    terminal.print(f"{escape(desk.name)}: {box_file}, {desk_file}")
    for finding in lint(desk, desk_file):
        terminal.print(f"  [yellow]note[/] {escape(str(finding))}")
    async with App(box, desk, early=True) as app, _opened(app, desk_file, box_file) as workshop:
        running = Running(app, terminal, (box_file, desk_file), workshop, went_back)
        manager = Manager()
        serving = asyncio.create_task(running.serve(manager))
        stop = told_to_stop()
        try:
            await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                manager.tell(STOPPING=1)
                await app.leave.take(LEAVE)
        finally:
            told = not stop.cancel()
            serving.cancel()
            await asyncio.wait([serving])
        if not serving.cancelled():
            try:
                serving.result()
            except Restart:
                if told:
                    return 0
                # The same process goes on: told of a stop, the manager would kill it for taking too long.
                manager.tell(WATCHDOG=1, STATUS="starting anew")
                return AGAIN
    return 0


@asynccontextmanager
async def _opened(app: App, desk_file: Path, box_file: Path) -> AsyncIterator[Workshop | None]:
    """The manager's workshop; None where it cannot be had, for the desk must answer all the same."""
    workshop = None
    try:
        workshop = Workshop(app, desk_file, config.beside(box_file), Versions(app.box.data / "desks"))
        await workshop.keep_first()
        await workshop.sharing.resume()
    except StorageError as error:
        log.error("the desk file cannot be changed by the page: %s", error)
    try:
        yield workshop
    finally:
        if workshop:
            await workshop.sharing.close()
            workshop.close()


class Running:
    """The lines of a desk that is up, and what is on and off, and why."""

    def __init__(
        self,
        app: App,
        terminal: Terminal,
        files: tuple[Path, Path],
        workshop: Workshop | None = None,
        went_back: str = "",
    ) -> None:
        """`files`: box.toml and desk.toml. `went_back`: why the box is not what the fleet gave it last."""
        self._app = app
        self._terminal = terminal
        self._files = files
        self._workshop = workshop
        self._went_back = went_back
        self._sensor: list[Status] = []
        """Whether somebody's coming is noticed, where it should be."""
        self._kiosk: Kiosk | None = None
        self._modems: Modems | None = None
        self._sip: SipLine | None = None
        self._texting: Texting | None = None
        self._outbound: Outbound | None = None
        self._fleet: Membership | None = None
        self._home: HomeLine | None = None
        self._wiring: Wiring | None = None
        self._joined = asyncio.Event()
        self._backups = Safekeeping(app.box, app.place.store, by_program(files), app.quiet)
        self._kiosk_off = self._gsm_off = self._sip_off = self._fleet_off = "the desk starts"
        self._console = self._make_console()
        self.lines: list[WaitingLine] = [self._console] if self._console else []

    def join(self) -> list[WaitingLine]:
        """The lines besides the page, of a desk that hears and speaks as far as it ever will."""
        app = self._app
        self._kiosk, self._kiosk_off = self._make_kiosk()
        if self._console and self._kiosk:
            self._console.wake = self._kiosk.wake_now
        self._wiring = Wiring(app.box.gpio, self._kiosk)
        self._modems, self._gsm_off = self._make_modems()
        gsm = self._modems.lines if self._modems else []
        self._sip, self._sip_off = self._make_sip()
        self._texting = self._make_texting()
        trunks: list[Trunk] = [*gsm, *([self._sip] if self._sip else [])]
        app.exchange = Exchange(trunks) if trunks else None
        self._outbound = self._make_outbound()
        self._fleet, self._fleet_off = self._make_fleet()
        self._home = self._make_home()
        self._joined.set()
        lines = self._kiosk, *gsm, self._sip, self._texting, self._outbound, self._fleet, self._home
        return [line for line in lines if line]

    def status(self) -> list[Status]:
        app = self._app
        kiosk = (
            Status("kiosk", *self._kiosk.state) if self._kiosk else Status("kiosk", False, self._kiosk_off)
        )
        where = self._console.where if self._console else "switched off in box.toml"
        page = Status("page", self._console is not None, where)
        modems = self._modems.lines if self._modems else []
        gsm = [Status(line.name, *line.state) for line in modems] or [Status("gsm", False, self._gsm_off)]
        sip = Status("sip", *self._sip.state) if self._sip else Status("sip", False, self._sip_off)
        most = app.capacity
        talks = [Status("conversations", True, f"up to {most.conversations} at once")] if most else []
        engines = [Status(name, kind not in app.off, app.off.get(kind, "")) for kind, name in NAMES.items()]
        texting = self._texting
        sms = Status("sms", *texting.state) if texting else Status("sms", False, "needs a modem")
        out = self._outbound.state if self._outbound else (False, "no line that can call")
        fleet = self._fleet.state if self._fleet else (False, self._fleet_off)
        unread = app.served.knowledge.papers_off
        papers = [Status("papers", not unread, unread)] if app.served.desk.documents else []
        pins = self._wiring.status if self._wiring else []
        lines = [page, kiosk, *self._sensor, *gsm, sip, sms, Status("outgoing calls", *out)]
        home = [Status("home", *self._home.state)] if self._home else []
        backups = [Status("backups", *state)] if (state := self._backups.state) else []
        return [*lines, *talks, *pins, *engines, *papers, *backups, Status("fleet", *fleet), *home]

    async def serve(self, manager: Manager) -> None:
        """Every line, until cancelled or one fails."""
        workshop = self._workshop
        pulse = Pulse(self._app, manager, self._in_a_line)
        try:
            async with asyncio.TaskGroup() as tasks:
                if workshop:
                    reload = workshop.reload
                    asyncio.get_running_loop().add_signal_handler(
                        signal.SIGHUP, lambda: tasks.create_task(reload())
                    )
                    tasks.create_task(nightly(self._app, workshop.candidate_file))
                for line in self.lines:
                    tasks.create_task(line.serve(self._app), name=line.name)
                tasks.create_task(self.announce(pulse, manager.runtime))
                tasks.create_task(self._backups.serve())
                await self._app.voiced()
                for line in self.join():
                    tasks.create_task(line.serve(self._app), name=line.name)
                if self._wiring and self._wiring.button:
                    tasks.create_task(held(self._wiring.button, self._held_enough, self._forget_everything))
                if self._sip:
                    # Calls are taken before: until it is known, `calls` of [sip] alone says how many.
                    tasks.create_task(self._app.measure())
                tasks.create_task(pulse.beat(), name="pulse")
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            if self._wiring:
                self._wiring.close()

    def _held_enough(self) -> None:
        """The light tells who holds the button that it may be let go."""
        if self._kiosk:
            self._kiosk.show("thinking")

    def _forget_everything(self) -> None:
        """At the next start."""
        try:
            reset.ask(self._app.box.data)
        except ApplianceError as error:
            log.warning("the button was held, and nothing is forgotten: %s", error)
            return
        log.warning("the button was held: at the next start of the box everything is forgotten")

    def _in_a_line(self) -> str:
        """What `systemctl status` shows; image/update waits for a line without "on the line"."""
        off = [status.name for status in self.status() if not status.on]
        calls = f"; {self._app.calls} on the line" if self._app.calls else ""
        return f"answering{calls}; off: {', '.join(off)}" if off else f"answering{calls}"

    async def announce(self, pulse: Pulse, folder: Path | None = None) -> None:
        """Print the page's address, what is on and off and why, and from then on what changes; and have it in
        a `folder`, for other programs of this box: nothing, while callers are not answered."""
        if self._console:
            await self._console.opened.wait()
            self._terminal.print(f"open {self._console.url}")
        await self._joined.wait()
        if self._kiosk:
            await asyncio.sleep(FIRST_LOOK)
        told: list[Status] = []
        kept: list[Status] | None = None
        while True:
            for status in self.status():
                if status not in told:
                    self._print(status)
            if not told:
                self._terminal.print("ready; Ctrl-C ends")
            told = self.status()
            before, kept = kept, told if pulse.answering else []
            if kept != before:
                tell(folder, kept)
            await asyncio.sleep(FIRST_LOOK)

    def _print(self, status: Status) -> None:
        state = "[green]on [/]" if status.on else "[yellow]off[/]"
        why = f": {status.why}" if status.why else ""
        self._terminal.print(f"  {state} {escape(status.name + why)}")

    def _make_console(self) -> Console | None:
        web = self._app.box.web
        if not web.enabled:
            return None
        workshop, books = self._workshop, self._app.books
        editor, calls = (Editor(workshop), CallsPage(books, workshop)) if workshop else (None, None)
        title = lambda: self._app.desk.name  # noqa: E731
        house, network = house_of(self._app.box)
        CODE[:] = [house.spoken_code] if house and network else []
        return Console(web.listen, title, self.status, None, editor, calls, books.metrics, house, network)

    def _make_modems(self) -> tuple[Modems | None, str]:
        box = self._app.box
        if not box.gsm:
            return None, "no [[gsm]] in box.toml"
        if why := self._app.voice_off():
            return None, why
        plugs = Plugs(box.gsm, box.data / "simulator")
        return Modems([(gsm.name, secret(gsm.pin_file)) for gsm in box.gsm], plugs.find, self._texted), ""

    def _texted(self, sms: Sms) -> None:
        if self._texting:
            self._texting.came(sms)

    def _make_outbound(self) -> Outbound | None:
        """People are called by whatever line there is."""
        app = self._app
        if not app.exchange or not app.speech:
            return None

        async def talk(call: PhoneCall, what: str) -> None:
            await app.talk(call, opening=what)

        place = app.place
        return Outbound(
            lambda: app.desk.outbound, place.store, place.memory, app.exchange, app.speech, talk, local_now,
            lambda: app.desk.lines,
        )  # fmt: skip

    def _make_fleet(self) -> tuple[Membership | None, str]:
        app = self._app
        if not app.box.fleet.enabled:
            return None, "switched off in box.toml"
        if not app.outbox:
            return None, "the disk takes nothing; see the log"
        try:
            line = Membership(
                app, app.outbox, self._files, self.status, self._workshop, self._kiosk, self._modems,
                self._went_back,
            )  # fmt: skip
        except ApplianceError as error:
            return None, str(error)
        return line, ""

    def _make_home(self) -> HomeLine | None:
        app = self._app
        if not app.box.home.broker:
            return None
        try:
            return HomeLine(app.box.home, app.box.data, lambda: app.calls, lambda: faults(self.status()))
        except ApplianceError as error:
            log.error("Home Assistant is told of nothing: %s", error)
            return None

    def _make_texting(self) -> Texting | None:
        """Texts come and go by the modems."""
        modems, app = self._modems, self._app
        if not modems:
            return None
        place = app.place
        return Texting(lambda: app.desk.sms, place.store, place.memory, modems.text, lambda: modems.ready)

    def _make_sip(self) -> tuple[SipLine | None, str]:
        sip = self._app.box.sip
        if not sip.enabled:
            return None, "switched off in box.toml"
        if why := self._app.voice_off():
            return None, why
        app = self._app
        turn_away = app.turn_away if sip.busy == "line" else None
        return SipLine(sip_settings(sip), sip.a_minute, lambda: app.room, turn_away), ""

    def _make_kiosk(self) -> tuple[Kiosk | None, str]:
        app, settings = self._app, self._app.box.kiosk
        if not settings.enabled:
            return None, "switched off in box.toml"
        if why := app.voice_off():
            return None, why
        vad, vad_thread = app.engine("vad")
        wake, wake_thread = app.engine("wake")
        if settings.wake == "word" and not wake:
            return None, f"no wake word: {app.off['wake']}"
        card = SoundCard(settings.microphone, settings.speaker, echo=app.echo_stream(), gain=settings.gain)
        kiosk = Kiosk(
            card, vad, wake, settings.wake, settings.echo, settings.chime, thread=wake_thread or vad_thread,
            presence=self._presence(),
        )  # fmt: skip
        return kiosk, ""

    def _presence(self) -> Presence | None:
        """Without one a kiosk is woken by the page's button still."""
        if self._app.box.kiosk.wake != "presence":
            return None
        try:
            presence = Presence(self._app.box.kiosk.sensor)
        except DeviceError as error:
            self._sensor = [Status("presence", False, str(error))]
            return None
        self._sensor = [Status("presence", True)]
        return presence
