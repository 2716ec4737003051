"""One microphone and one speaker, kept open for as long as the box runs, unplugged and replugged or not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import numpy as np

from appliance.channels.clock import SampleClock
from appliance.channels.echo import Canceller
from appliance.channels.playout import Playout
from appliance.channels.streams import Device, Microphone, Speaker
from appliance.engines import EchoStream
from appliance.engines.thread import EngineThread
from appliance.errors import DeviceError
from appliance.messages import FRAME, FRAME_BYTES, Audio, samples

log = logging.getLogger(__name__)

WAITING = 100
"""Frames that may wait to be read: 2 s. Then the oldest are lost."""

RETRY = 1.0
"""Seconds between two looks for a device that is not there."""

STARTS_WITHIN = 5.0
"""Seconds in which a device that was opened must begin to run steadily."""

CHECK = 0.1
"""Seconds between two looks at whether the devices still run."""

LEAD = 0.04
"""Seconds by which the two devices' own tellings of time may be off, so that an echo seems to come early."""

GONE_FOR_GOOD = samples(6.0)
"""A gap longer than any call waits is not filled with silence; the clock jumps over it."""

Kind = Literal["input", "output"]
WORD: dict[Kind, str] = {"input": "microphone", "output": "speaker"}

STALLS_AFTER: dict[Kind, float] = {"input": 0.9, "output": 3.0}
"""Seconds without a callback after which a running device counts as gone. Most say at once that they are; a
speaker behind an audio server may take two seconds to recover from an underrun."""


class SoundCard:
    """Sound in and out on one clock: samples of 16 kHz since the card was first opened.

    `microphone` and `speaker` are "default", a device's name, or a part of it. `keep` opens them, and again
    whenever they are gone; `on_state` is told each time that they come or go, and why. With `echo`, what is
    read holds no echo of what is played. The microphone is raised by `gain`, in dB.
    """

    def __init__(
        self,
        microphone: str = "default",
        speaker: str = "default",
        on_state: Callable[[bool, str], None] | None = None,
        echo: EchoStream | None = None,
        gain: float = 0.0,
    ) -> None:
        self.echo = Canceller(echo, LEAD) if echo else None
        self._gain = 10 ** (gain / 20)
        self.names: dict[Kind, str] = {"input": microphone, "output": speaker}
        self.on_state = on_state
        self.on = False
        self.why = "not started"
        self.lost = 0
        """Samples of the microphone that were lost, and silence given for them."""
        self._clock = SampleClock()
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._playing: tuple[Playout | None, int] = (None, 0)
        self._frames: deque[Audio] = deque(maxlen=WAITING)
        self._arrived = asyncio.Event()
        self._next: int | None = None
        self._held: Audio | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def underruns(self) -> int:
        """Times that the speaker's sound broke off since it was opened, because the box was too busy."""
        return self._speaker.underruns if self._speaker else 0

    def now(self) -> int:
        return self._clock.now()

    def play(self, playout: Playout | None, zero: int = 0) -> None:
        """Play it from now on, and no other. Its clock's zero is at `zero` of this clock."""
        self._playing = (playout, zero)
        if self._speaker:
            self._speaker.play(playout, zero)

    async def read(self) -> Audio:
        """The next 20 ms of the microphone; silence, marked as such, where they were lost. Waits, without an
        end, while there is no microphone."""
        if self._held is None:
            while not self._frames:
                self._arrived.clear()
                await self._arrived.wait()
            self._held = self._frames.popleft()
        audio = self._held
        if self._next is not None and self._next < audio.at < self._next + GONE_FOR_GOOD:
            self.lost += FRAME
            audio = Audio(bytes(FRAME_BYTES), self._next, concealed=True)
        else:
            self._held = None
        self._next = audio.end
        return audio

    async def keep(self) -> None:
        """Keep both devices open until cancelled. That there is none is no error: `on` and `why` tell."""
        self._loop = asyncio.get_running_loop()
        thread = EngineThread("sound devices")
        try:
            while True:
                try:
                    await thread.run(self._open)
                    await self._run()
                except NoPortAudio as error:
                    self._tell(False, str(error))
                    await asyncio.Event().wait()  # It is installed while the box is off.
                except DeviceError as error:
                    self._tell(False, str(error))
                await thread.run(self._close)
                await asyncio.sleep(RETRY)
        finally:
            self._tell(False, "stopped")
            with suppress(TimeoutError):
                await asyncio.wait_for(thread.run(self._close), 1.0)
            thread.close()

    async def _run(self) -> None:
        """Watch both devices; raises `DeviceError` as soon as one is gone."""
        devices: dict[Kind, Microphone | Speaker | None]
        devices = {"input": self._microphone, "output": self._speaker}
        calls = dict.fromkeys(devices, 0)
        idle = dict.fromkeys(devices, 0)
        looks = 0
        while True:
            looks += 1
            starting = looks * CHECK < STARTS_WITHIN
            for kind, device in devices.items():
                assert device is not None
                word = WORD[kind]
                if not device.alive:
                    if device.failure:
                        log.error("the %s's callback failed", word, exc_info=device.failure)
                    raise DeviceError(f"the {word} is gone", "plug it in again")
                # Looks are counted, not seconds: a box too busy to look is too busy to be called back.
                idle[kind] = 0 if device.calls > calls[kind] else idle[kind] + 1
                calls[kind] = device.calls
                if idle[kind] * CHECK > (STARTS_WITHIN if starting else STALLS_AFTER[kind]):
                    raise DeviceError(f"the {word} gives no sign of life", "unplug it and plug it in again")
            if not any(idle.values()):
                self._tell(True, "listening")
            await asyncio.sleep(CHECK)

    def _tell(self, on: bool, why: str) -> None:
        if (on, why) == (self.on, self.why):
            return
        self.on, self.why = on, why
        if self.on_state:
            self.on_state(on, why)

    # From here on: in the thread of the sound devices, because PortAudio may hang.

    def _open(self) -> None:
        sounddevice = library()
        with plainly("the sound system", "start the audio server, or the box"):
            # PortAudio lists the devices that were there when it was initialised, and no others.
            with suppress(sounddevice.PortAudioError):
                sounddevice._terminate()
            sounddevice._initialize()
        microphone, speaker = (find(kind, self.names[kind]) for kind in WORD)
        after = self._microphone.position if self._microphone else 0
        with plainly(f'the microphone "{microphone.name}"'):
            self._microphone = Microphone(microphone, self._clock, after, self._heard)
        with plainly(f'the speaker "{speaker.name}"'):
            self._speaker = Speaker(speaker, self._clock, *([self.echo.playing] if self.echo else []))
        self._speaker.play(*self._playing)
        if self.echo:
            self.echo.forget()

    def _close(self) -> None:
        for device in (self._microphone, self._speaker):
            if device:
                device.close()

    def _heard(self, pcm: bytes, at: int) -> None:
        """In PortAudio's thread."""
        assert self._loop is not None
        pcm = raised(pcm, self._gain)
        heard = self.echo.clean(pcm, at) if self.echo else Audio(pcm, at)
        self._frames.append(heard)
        self._loop.call_soon_threadsafe(self._arrived.set)


def raised(pcm: bytes, gain: float) -> bytes:
    """So many times as loud; what is too loud then is cut."""
    if gain == 1.0:
        return pcm
    sound = np.frombuffer(pcm, dtype="<i2") * gain
    return np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()


class NoPortAudio(DeviceError):
    """The sound library is not installed."""


def library() -> Any:
    """The sounddevice module. Raises `DeviceError` where PortAudio is not installed or does not start."""
    try:
        import sounddevice
    except OSError as error:
        raise NoPortAudio(
            "the sound library PortAudio is not installed", "apt install libportaudio2 and start again"
        ) from error
    except Exception as error:  # It starts PortAudio; the error of that has no name before it is imported.
        raise _failed("the sound system", "start the audio server, or the box", error) from error
    return sounddevice


def devices(kind: Kind) -> list[Device]:
    """All microphones or all speakers, as they were when PortAudio was initialised. Raises `DeviceError`."""
    with plainly("the list of sound devices", "start the audio server, or the box"):
        listed = library().query_devices()
    return [
        Device(info["index"], info["name"], info[f"max_{kind}_channels"], round(info["default_samplerate"]))
        for info in listed
        if info[f"max_{kind}_channels"] > 0
    ]


def attempt(kind: Kind, name: str) -> str:
    """Open the device of that name for a moment. What it is, and what others there are, in words."""
    found = find(kind, name)
    device: Microphone | Speaker
    with plainly(f'the {WORD[kind]} "{found.name}"'):
        if kind == "input":
            device = Microphone(found, SampleClock(), 0, lambda pcm, at: None)
        else:
            device = Speaker(found, SampleClock())
    calls, latest = device.calls, time.monotonic() + STARTS_WITHIN
    while device.calls == calls and time.monotonic() < latest:
        time.sleep(0.02)
    works = device.calls > calls
    device.close()
    if not works:
        raise DeviceError(
            f'the {WORD[kind]} "{found.name}" gives no sign of life', "unplug it and plug it in again"
        )
    others = ", ".join(device.name for device in devices(kind))
    return f"{found.name} opens at {found.rate} Hz (there are: {others})"


def find(kind: Kind, name: str) -> Device:
    """The device of that name, or the first with it in its name. Raises `DeviceError` if there is none."""
    word, there = WORD[kind], devices(kind)
    if not there:
        raise DeviceError(f"no {word}", "plug one in")
    if name == "default":
        default = library().default.device[kind]
        return next((device for device in there if device.index == default), there[0])
    wanted = name.casefold()
    for fits in (wanted.__eq__, lambda there: wanted in there):
        for device in there:
            if fits(device.name.casefold()):
                return device
    names = ", ".join(device.name for device in there)
    raise DeviceError(f'no {word} is called "{name}"', f"plug it in, or choose one that is there: {names}")


BUSY = -9985
"""PortAudio's `device unavailable`."""


@contextmanager
def plainly(what: str, mend: str = "plug one in") -> Iterator[None]:
    """PortAudio's errors as ours."""
    try:
        yield
    except DeviceError:
        raise
    except library().PortAudioError as error:
        raise _failed(what, mend, error) from error


def _failed(what: str, mend: str, error: Exception) -> DeviceError:
    # Not str(error): to write itself down it asks PortAudio again, and fails again.
    reason, *code = error.args or ("no reason given",)
    if BUSY in code:
        return DeviceError(f"{what} is held by another program", "end that program")
    return DeviceError(f"{what} does not open ({reason})", mend)
