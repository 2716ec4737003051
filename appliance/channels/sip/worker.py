"""The SIP stack's own process: `python -m appliance.channels.sip.worker FD`. It ends with the socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any

from baresip import Account as StackAccount
from baresip import AudioNotActive, AudioRestarted, BaresipError, Config, Runtime, UserAgent
from baresip.audio import AudioInfo
from baresip.call import Call, CallState, DigitEvent
from baresip.events import Event, StackEvent

from appliance.channels.sip import gate
from appliance.channels.sip.wire import LARGEST, Account, Settings, Teller, pack_sound, read_settings, unpack
from appliance.channels.spare import Spare

log = logging.getLogger(__name__)

PUMP = 0.01
"""Seconds between two looks for sound that came."""

SIGN = 4.0
"""Seconds for the other side's first sign of a call that nobody wants any more."""

SIGNS = (Event.CALL_RINGING, Event.CALL_PROGRESS, Event.CALL_ESTABLISHED, Event.CALL_CLOSED)

AGAIN = 15.0
"""Seconds between two tries to register."""


class Worker:
    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._teller = Teller(wire)
        self._loop = asyncio.get_running_loop()
        self._runtime = Runtime()
        self._agents: list[UserAgent] = []
        self._registering: set[int] = set()
        """Accounts that have not been registered yet."""
        self._calls: dict[int, Call] = {}
        self._dialled: dict[int, bool] = {}
        """Calls that the stack is making, and whether they are still wanted."""
        self._signs: dict[int, asyncio.Event] = {}
        """Of each call that the desk makes: set once the other side has given one."""
        self._formats: dict[int, tuple[int, int, int, int]] = {}
        """As `_format` has them, where sound goes both ways."""
        self._spare: dict[int, Spare] = {}
        self._sounded: dict[int, float] = {}
        """When sound came last, on the loop's clock."""
        self._silent = 0
        self._peers: tuple[str, ...] = ()
        self._sound = range(0)
        """Ports of it."""
        self._numbers = itertools.count(1)
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        settings = read_settings((await self._first())["settings"])
        self._silent = settings.silent
        await self._runtime.start(_config(settings))
        self._runtime.on_dead = self._over.set
        self._peers, self._sound = settings.peers, range(settings.rtp_ports[0], settings.rtp_ports[1] + 1)
        port = int(settings.listen.rpartition(":")[2])
        if settings.peers and not gate.guard((port,), settings.peers):
            raise BaresipError("the SIP port could not be guarded")
        for number, account in enumerate(settings.accounts):
            await self._open(number, account)
        self._loop.add_reader(self._wire, self._read)
        self._tell("ready")
        pump = asyncio.create_task(self._pump())
        try:
            await self._over.wait()
        finally:
            pump.cancel()
            self._loop.remove_reader(self._wire)
            for call in list(self._calls.values()):
                with contextlib.suppress(BaresipError):
                    await call.hangup()
            for agent in self._agents:
                with contextlib.suppress(BaresipError, TimeoutError):
                    await agent.unregister(timeout=1.0)
            with contextlib.suppress(BaresipError):
                await self._runtime.close()

    async def _first(self) -> dict[str, Any]:
        self._wire.setblocking(False)
        told = unpack(await self._loop.sock_recv(self._wire, LARGEST))
        assert isinstance(told, dict)
        return told

    async def _open(self, number: int, account: Account) -> None:
        agent = await UserAgent.create(self._runtime, _account(account), transfer_policy="reject")
        agent.on_incoming(lambda call: self._adopt(call, account=number))
        self._agents.append(agent)
        if account.register:
            agent.on(lambda event: self._registration(number, event))
            self._register_soon(number)

    def _register_soon(self, number: int) -> None:
        if number not in self._registering:
            self._registering.add(number)
            self._start(self._register(number, self._agents[number]))

    async def _register(self, number: int, agent: UserAgent) -> None:
        """Until it worked; from then on the stack itself does it again in time, and tells when it fails."""
        try:
            await self._until_registered(number, agent)
        finally:
            self._registering.discard(number)

    async def _until_registered(self, number: int, agent: UserAgent) -> None:
        while True:
            try:
                await agent.register()
                self._tell("registered", account=number)
                return
            except BaresipError as error:
                self._tell("unregistered", account=number, why=str(error))
            await asyncio.sleep(AGAIN)

    def _registration(self, number: int, event: StackEvent) -> None:
        if event.event is Event.REGISTER_OK:
            self._tell("registered", account=number)
        elif event.event is Event.REGISTER_FAIL:
            self._tell("unregistered", account=number, why=event.text or "")

    # From the stack.

    def _adopt(self, call: Call, account: int = 0, number: int = 0) -> int:
        number = number or next(self._numbers)
        self._calls[number] = call
        if self._peers:
            # Its ports are open by now, and nobody has been told of them.
            gate.guard(self._sound, self._peers)
        call.on(lambda event: self._follow(number, event))
        call.on_dtmf(lambda digit: self._key(number, digit))
        if call.state is CallState.INCOMING:
            self._tell("incoming", call=number, account=account, peer=call.peer or "", id=call.call_id or "")
        return number

    def _follow(self, number: int, event: StackEvent) -> None:
        sign = self._signs.get(number)
        if sign and event.event in SIGNS:
            sign.set()
        match event.event:
            case Event.CALL_ESTABLISHED:
                self._tell("established", call=number)
            case Event.CALL_RINGING | Event.CALL_PROGRESS:
                self._tell("ringing", call=number)
            case Event.CALL_HOLD:
                self._tell("held", call=number)
            case Event.CALL_RESUME:
                self._tell("resumed", call=number)
            case Event.CALL_CLOSED:
                self._calls.pop(number, None)
                self._signs.pop(number, None)
                self._formats.pop(number, None)
                self._spare.pop(number, None)
                died = self._sounded.pop(number, 0.0) < 0
                why = f"no sound came for {self._silent} s" if died else event.text or ""
                self._tell("closed", call=number, why=why, stats=event.stats)

    def _key(self, number: int, digit: DigitEvent) -> None:
        self._tell("key", call=number, key=digit.digit)

    async def _pump(self) -> None:
        while True:
            for number, call in list(self._calls.items()):
                if call.state is CallState.ESTABLISHED:
                    with contextlib.suppress(AudioNotActive, AudioRestarted, BlockingIOError):
                        self._forward(number, call)
                    self._look_after(number, call)
            await asyncio.sleep(PUMP)

    def _look_after(self, number: int, call: Call) -> None:
        """End a call whose other side is gone without a word: no sound, and nobody holds it. The stack's own
        timeout ends held calls too, where they are held in silence."""
        now = self._loop.time()
        since = self._sounded.setdefault(number, now)
        if call.remote_on_hold or call.is_on_hold:
            self._sounded[number] = now
        elif since > 0 and now - since > self._silent:
            self._sounded[number] = -1.0
            self._start(self._do({"what": "hang_up", "call": number}))

    def _forward(self, number: int, call: Call) -> None:
        if number not in self._formats:
            info = call.audio.info()
            if not (info.rx_ready and info.tx_ready):
                return
            # What came before the call stood is old.
            call.audio.read(LARGEST // 2)
            rate, channels, to_rate, to_channels = self._formats[number] = _format(info)
            self._spare[number] = Spare(2 * to_rate * to_channels // 50)
            self._tell(
                "sound", call=number, rate=rate, channels=channels, to_rate=to_rate, to_channels=to_channels
            )
        try:
            while pcm := call.audio.read(LARGEST // 2):
                self._sounded[number] = self._loop.time()
                self._wire.send(pack_sound(number, pcm))
        except AudioRestarted:
            self._formats.pop(number, None)
            raise

    # From the desk.

    def _read(self) -> None:
        try:
            while message := self._wire.recv(LARGEST):
                self._take(message)
            self._over.set()
        except BlockingIOError:
            pass
        except OSError:
            self._over.set()

    def _take(self, message: bytes) -> None:
        told = unpack(message)
        if isinstance(told, tuple):
            self._send(*told)
        elif told["what"] == "stop":
            self._over.set()
        else:
            self._start(self._do(told))

    def _send(self, number: int, pcm: bytes) -> None:
        call = self._calls.get(number)
        if call is None or number not in self._formats:
            return
        with contextlib.suppress(AudioNotActive, AudioRestarted):
            spare, info = self._spare[number], call.audio.info()
            if _format(info) != self._formats[number]:
                # Another codec was agreed on. Who has asked of the streams reads on, and is not told.
                del self._formats[number]
                return
            spare.look(info.tx_buffered)
            if spare.frames and not any(pcm):
                spare.left_out()
            else:
                call.audio.write(pcm)

    async def _do(self, told: dict[str, Any]) -> None:
        """What the desk asks for; where it cannot be done, the desk is told why."""
        try:
            if told["what"] == "register":
                self._register_soon(told["account"])
                return
            if told["what"] == "dial":
                await self._dial(told["call"], self._agents[told["account"]], told["uri"])
                return
            call = self._calls.get(told["call"])
            if call is None:
                if told["what"] == "hang_up" and told["call"] in self._dialled:
                    self._dialled[told["call"]] = False
                return
            match told["what"]:
                case "answer":
                    await call.answer()
                case "reject":
                    await call.reject()
                case "hang_up":
                    await self._hang_up(told["call"], call)
                case "press":
                    await call.send_dtmf(told["keys"])
                case "transfer":
                    await call.transfer(told["uri"], timeout=told["patience"])
                    self._tell("transferred", call=told["call"])
                case "hold":
                    await (call.hold() if told["on"] else call.resume())
        except (BaresipError, ValueError, IndexError) as error:
            self._tell("failed", call=told.get("call", 0), do=told["what"], why=str(error))
            if told["what"] == "dial":
                self._tell("closed", call=told["call"], why=str(error), stats={})

    async def _dial(self, number: int, agent: UserAgent, uri: str) -> None:
        """What the stack tells of the call before it has handed it over counts; so does that nobody wants it
        any more."""
        early: list[StackEvent] = []
        listen = early.append
        self._dialled[number], self._signs[number] = True, asyncio.Event()
        self._runtime.subscribe(listen)
        try:
            call = await agent.dial(uri)
        except BaseException:
            self._signs.pop(number)
            raise
        finally:
            self._runtime.unsubscribe(listen)
            wanted = self._dialled.pop(number)
        self._adopt(call, number=number)
        for event in early:
            call._on_stack_event(event)
        if not wanted and number in self._calls:
            await self._hang_up(number, call)

    async def _hang_up(self, number: int, call: Call) -> None:
        """Not before the other side's first sign: until then there is nothing to cancel (RFC 3261, 9.1),
        and the stack would forget a call that rings for somebody a moment later."""
        if (sign := self._signs.get(number)) and call.state is CallState.OUTGOING:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(sign.wait(), SIGN)
        if number in self._calls:
            await call.hangup()

    def _tell(self, what: str, **more: Any) -> None:
        try:
            self._teller.tell(what, **more)
        except OSError:
            self._over.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _format(info: AudioInfo) -> tuple[int, int, int, int]:
    """Rate and channels of what is heard, and of what is said."""
    return info.rx_sample_rate, info.rx_channels, info.tx_sample_rate, info.tx_channels


def _config(settings: Settings) -> Config:
    first, last = settings.rtp_ports
    return Config(
        net_interface=settings.interface or None,
        # For each the person whom its caller is put through to, and one who is told that it is busy.
        max_concurrent_calls=3 * settings.calls + 1,
        extra_config_text="\n".join(
            [
                f"sip_listen {settings.listen}",
                "sip_verify_server yes",
                f"sip_cafile {settings.authorities}",
                f"rtp_ports {first}-{last}",
                *_jitter_buffer(settings.jitter),
                # What once waited in the stack would be late for the rest of the call.
                "audio_buffer 5-60",
            ]
        ),
    )


def _jitter_buffer(milliseconds: int) -> list[str]:
    """Fixed: an adaptive one grows to over half a second on a busy machine."""
    if not milliseconds:
        return ["audio_jitter_buffer_type off"]
    return [
        "audio_jitter_buffer_type fixed",
        f"audio_jitter_buffer_ms {milliseconds}-{milliseconds + 60}",
    ]


def _account(account: Account) -> StackAccount:
    # A stack that offers video sends a second INVITE, which simple telephones cannot take.
    extra = ["video_codecs=none"]
    if account.encryption:
        extra.append(f"mediaenc={account.encryption}")
    return StackAccount(
        account.user,
        account.domain,
        account.password,
        registrar=account.proxy or None,
        reg_interval=account.register,
        transport=account.transport,  # type: ignore[arg-type]
        audio_codecs=account.codecs,
        dtmf_mode=account.dtmf,  # type: ignore[arg-type]
        auth_user=account.auth_user or None,
        extra_params=tuple(extra),
    )


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s sip: %(message)s", stream=sys.stderr)
    # What the stack logs may hold who called whom.
    logging.getLogger("baresip").setLevel(logging.ERROR)
    # Ctrl-C is the desk's to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wire = socket.socket(fileno=int(sys.argv[1]))

    async def run() -> None:
        await Worker(wire).run()

    asyncio.run(run())


if __name__ == "__main__":
    main()
