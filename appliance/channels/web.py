"""The desk in a browser: sound, or text, over a WebSocket.

Text frames are JSON with a `type`. A voice call begins with `{"type": "hello", "rate": R}`; all its sound is
s16le mono at that rate. Binary frames up: `HEADER`, then a packet of the microphone, 20 ms. Binary frames
down: the desk's sound, to be played in the order it comes. `{"type": "cut"}` down tells the browser to throw
away what it has not played; it answers `{"type": "cut", "dropped": N}`, after which it may still play 5 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import struct
import time
import unicodedata
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from appliance.channels.playout import Playout
from appliance.channels.webaudio import RATES, Incoming, Outgoing
from appliance.messages import (
    FRAME,
    FRAME_BYTES,
    Audio,
    Event,
    Expect,
    Heard,
    Line,
    Notice,
    Saying,
    Spoken,
    Turn,
    samples,
)

log = logging.getLogger(__name__)

HEADER = struct.Struct("<3Q")
"""Before each packet, in frames of the browser since the call began: the clock of its first sample; how many
of the desk's were played in all; the clock just after the last of those."""

PATIENCE = 10.0
"""Seconds without a word from the browser, or in which it plays nothing of what it has, after which a voice
call is over."""

BURST = 10.0
"""Seconds of sound that may come faster than real time, as after a stall."""

WAITING = 100
"""Microphone frames that wait for a slow listener: 2 s."""

LETTERS = 2000
"""The longest text one may type."""

OUTBOX = 256
"""Messages that may wait for a browser that does not read; then the call is over."""

MALFORMED, UNWELCOME = 1007, 1008


class BadCaller(Exception):
    """The browser broke the rules; `code` is the WebSocket's close code."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class Wire:
    """A WebSocket whose sending never waits."""

    def __init__(self, socket: WebSocket) -> None:
        self.ended = asyncio.Event()
        """Set when this side has ended the call."""
        self._socket = socket
        self._outbox: asyncio.Queue[str | bytes | None] = asyncio.Queue(OUTBOX)
        self._farewell = (1000, "")

    def tell(self, **message: Any) -> None:
        self.send(json.dumps(message))

    def send(self, message: str | bytes) -> None:
        if not self.ended.is_set():
            try:
                self._outbox.put_nowait(message)
            except asyncio.QueueFull:
                self.end(UNWELCOME, "does not read")

    def end(self, code: int = 1000, why: str = "") -> None:
        """Close the socket when all that was sent has gone. Safe to repeat; the first reason counts."""
        if not self.ended.is_set():
            self.ended.set()
            self._farewell = (code, why)
            with contextlib.suppress(asyncio.QueueFull):
                self._outbox.put_nowait(None)

    async def receive(self, patience: float | None = None) -> str | bytes | None:
        """The next message; None when the socket is closed."""
        try:
            async with asyncio.timeout(patience):
                message = await self._socket.receive()
        except TimeoutError:
            raise BadCaller(UNWELCOME, "silent for too long") from None
        except WebSocketDisconnected:
            return None
        if message["type"] == "websocket.disconnect":
            return None
        text, binary = message.get("text"), message.get("bytes")
        return text if text is not None else binary or b""

    async def write(self) -> None:
        """Send what is told, until the end."""
        try:
            while (message := await self._outbox.get()) is not None:
                if isinstance(message, str):
                    await self._socket.send_text(message)
                else:
                    await self._socket.send_bytes(message)
            await self._socket.close(*self._farewell)
        except (WebSocketDisconnect, RuntimeError):
            # The browser is gone; Starlette and uvicorn each have their own way of saying so.
            self.end()


class WebVoice:
    """An AudioChannel: a browser's microphone and speaker, on the browser's one clock. Its echo is removed
    by the browser."""

    channel = "web"
    desk_begins = True
    caller = ""
    half_duplex = False

    def __init__(self, wire: Wire, rate: int) -> None:
        self.id = uuid4().hex[:12]
        self.playout = Playout()
        self.playout.on_cut = self._cut
        self.dropped = 0
        """Microphone frames that a slow listener lost."""
        self._wire = wire
        self._incoming = Incoming(rate)
        self._outgoing = Outgoing(rate, self.playout)
        self._frames: deque[Audio] = deque(maxlen=WAITING)
        self._arrived = asyncio.Event()
        self._next = 0
        self._played = 0
        self._moved = 0
        self._over = False

    @classmethod
    async def answer(cls, wire: Wire) -> WebVoice | None:
        """Hear the browser's hello; None when it left before."""
        message = await wire.receive(PATIENCE)
        if message is None:
            return None
        hello = _parsed(message)
        rate = hello.get("rate")
        if hello.get("type") != "hello" or type(rate) is not int or rate not in RATES:
            raise BadCaller(MALFORMED, "not a hello with a sample rate")
        voice = cls(wire, rate)
        wire.tell(type="ready", call=voice.id)
        return voice

    @property
    def underruns(self) -> int:
        """Times that the desk's sound did not reach the browser in time."""
        return self._outgoing.underruns

    @property
    def concealed(self) -> int:
        """Samples of the microphone that were lost on the way."""
        return self._incoming.concealed

    def now(self) -> int:
        return self._incoming.clock

    def notice(self, what: Notice) -> None:
        self._wire.tell(**_shown(what))

    def heard_itself(self) -> None:
        """The browser cancels echo, and this one does it badly."""
        self.half_duplex = True
        self._wire.tell(type="half-duplex")

    async def hang_up(self) -> None:
        self._wire.end()

    async def microphone(self) -> AsyncIterator[Audio]:
        while True:
            while not self._frames and not self._over:
                self._arrived.clear()
                await self._arrived.wait()
            if not self._frames:
                return
            frame = self._frames.popleft()
            for at in range(self._next, frame.at, FRAME):
                yield Audio(bytes(FRAME_BYTES), at, concealed=True)
            self._next = frame.end
            yield frame

    async def listen(self) -> None:
        """Take what the browser sends, until the call is over."""
        pace = Pace()
        try:
            while (message := await self._wire.receive(PATIENCE)) is not None:
                if isinstance(message, str):
                    self._told(_parsed(message))
                else:
                    self._packet(message, pace)
        except BadCaller as bad:
            log.warning("web call %s ended: %s", self.id, bad)
            self._wire.end(bad.code, str(bad))
        except ValueError as lie:
            log.warning("web call %s ended: %s", self.id, lie)
            self._wire.end(UNWELCOME, str(lie))
        finally:
            self._over = True
            self._arrived.set()
            self._outgoing.abandon()

    def _packet(self, message: bytes, pace: Pace) -> None:
        if len(message) <= HEADER.size or len(message) % 2:
            raise BadCaller(MALFORMED, "not a packet of sound")
        at, played, until = HEADER.unpack_from(message)
        pcm = message[HEADER.size :]
        if until > at + len(pcm) // 2:
            raise ValueError("sound played in the future")
        before = self._incoming.clock
        frames = self._incoming.push(at, pcm)
        pace.spend((self._incoming.clock - before) / samples(1))
        for frame in frames:
            self.dropped += len(self._frames) == WAITING
            self._frames.append(frame)
        self._arrived.set()
        self._outgoing.played(played, until)
        self._watch(at, played)
        if sound := self._outgoing.fill():
            self._wire.send(sound)

    def _watch(self, at: int, played: int) -> None:
        """A browser that plays nothing of what it has would let the desk wait for ever."""
        if played != self._played or not self._outgoing.ahead:
            self._played, self._moved = played, at
        elif at - self._moved > PATIENCE * self._incoming.rate:
            raise BadCaller(UNWELCOME, "plays nothing")

    def _told(self, message: dict[str, Any]) -> None:
        dropped = message.get("dropped")
        if message.get("type") != "cut" or not isinstance(dropped, int):
            raise BadCaller(MALFORMED, "not a message of a voice call")
        self._outgoing.was_cut(dropped)

    def _cut(self) -> None:
        if self._outgoing.cut():
            self._wire.tell(type="cut")


class WebChat:
    """A Call by text. Its clock is the time since it began."""

    channel = "chat"
    desk_begins = False
    caller = ""
    """The page opens a chat with the caller's first words."""

    def __init__(self, wire: Wire) -> None:
        self.id = uuid4().hex[:12]
        self._wire = wire
        self._began = time.monotonic()
        self._typed: asyncio.Queue[Heard | None] = asyncio.Queue(8)
        self._spoken = Spoken()

    async def hear(self) -> AsyncIterator[Event]:
        while (heard := await self._typed.get()) is not None:
            yield heard

    async def say(self, lines: AsyncIterator[Line]) -> None:
        self._spoken = Spoken()
        async for line in lines:
            now = self.now()
            self._wire.tell(type="say", text=line.text)
            said = self._spoken
            self._spoken = replace(
                said,
                text=f"{said.text} {line.text}".strip(),
                start=now if said.start is None else said.start,
                first_text=now if said.first_text is None else said.first_text,
                end=now,
            )
        self._spoken = replace(self._spoken, whole=True)

    def spoken(self) -> Spoken:
        return self._spoken

    def expect(self, what: Expect) -> None:
        pass

    def notice(self, what: Notice) -> None:
        if not isinstance(what, Saying):  # `say` has sent those words already.
            self._wire.tell(**_shown(what))

    def now(self) -> int:
        return samples(time.monotonic() - self._began)

    async def hang_up(self) -> None:
        self._wire.end()

    async def listen(self) -> None:
        """Take what is typed, until the call is over."""
        try:
            while (message := await self._wire.receive()) is not None:
                self._take(_parsed(message).get("text"))
        except BadCaller as bad:
            log.warning("chat %s ended: %s", self.id, bad)
            self._wire.end(bad.code, str(bad))
        finally:
            if self._typed.full():
                self._typed.get_nowait()
            self._typed.put_nowait(None)

    def _take(self, typed: object) -> None:
        if not isinstance(typed, str):
            raise BadCaller(MALFORMED, "not a message of a chat")
        text = " ".join(_printable(typed).split())
        if len(text) > LETTERS:
            self._wire.tell(
                type="problem", wrong="That is too long", mend=f"Write {LETTERS:,} letters at most"
            )
        elif self._typed.full():
            self._wire.tell(type="problem", wrong="That was too fast", mend="Wait for the answer first")
        elif text:
            now = self.now()
            self._typed.put_nowait(Heard(text, now, now, now, now))


class Pace:
    """How much faster than real time sound may come: the stall it makes up for, and a little."""

    def __init__(self) -> None:
        self._credit = BURST
        self._since = time.monotonic()

    def spend(self, seconds: float) -> None:
        now = time.monotonic()
        self._credit = min(BURST, self._credit + 1.05 * (now - self._since)) - seconds
        self._since = now
        if self._credit < 0:
            raise BadCaller(UNWELCOME, "sound comes faster than anybody can speak")


def _parsed(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, bytes):
        raise BadCaller(MALFORMED, "sound where words were due")
    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise BadCaller(MALFORMED, "not JSON") from error
    if not isinstance(parsed, dict):
        raise BadCaller(MALFORMED, "not a JSON object")
    return parsed


def _printable(text: str) -> str:
    """Without control characters, lone surrogates and the like."""
    return "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") else c for c in text
    )


def _shown(what: Notice) -> dict[str, Any]:
    """As JSON: the record's fields, and its name in lower case as `type`; a turn's cause the same way. A
    `saying` has the fields of its turn."""
    record = what.turn if isinstance(what, Saying) else what
    shown = {**asdict(record), "type": type(what).__name__.lower()}
    if isinstance(record, Turn) and record.cause:
        shown["cause"] = _shown(record.cause)
    return shown
