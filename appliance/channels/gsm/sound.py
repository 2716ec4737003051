"""The sound of a GSM call, s16le mono at 8 or 16 kHz, both ways: on the modem's serial port, or on the sound
card that some modems are on USB."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import subprocess
import time
from collections.abc import Callable

from appliance.channels.gsm.at import open_port
from appliance.engines.resample import Resampler
from appliance.errors import DeviceError
from appliance.messages import RATE

log = logging.getLogger(__name__)

RATES = (8_000, 16_000)

MEASURED_FOR = 0.5
"""Seconds of sound by which the modem's rate is measured: what it tells of it can be wrong."""

STALE = 0.06
"""Seconds at the beginning that may hold what was left in the port from before."""

STALLED = 1.0
"""Seconds of sound that the modem did not take, after which the caller hears nothing of the desk."""


CARD = "card:"
"""In front of a name: it is that of an ALSA sound card, and no port's."""


class SoundPort:
    """Opened for one call. `heard` gets what the caller says at 16 kHz; `stalled` is called where the modem
    takes no more sound, `lost` where the port is gone, each once."""

    def __init__(
        self,
        path: str,
        rate: int,
        heard: Callable[[bytes], None],
        stalled: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        self.rate = rate
        self.measured = False
        self.missed = 0
        """Bytes that the modem did not take."""
        self.paused = False
        """True while the modem says that its buffer is full."""
        self._heard = heard
        self._stalled = stalled
        self._lost = lost
        self._card = _Card(path.removeprefix(CARD), rate) if path.startswith(CARD) else None
        self._file = self._card.ears if self._card else open_port(path)
        self._to = self._card.mouth if self._card else self._file
        self._in = Resampler(rate)
        self._out = Resampler(RATE, to=rate)
        self._first: float | None = None
        self._early = b""
        self._unsent = b""
        self._stuck = False
        self._closed = False
        for file in (self._file, self._to):
            os.set_blocking(file, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._file, self._read)

    def close(self) -> None:
        """Safe to repeat."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._file)
            with contextlib.suppress(OSError):
                os.close(self._file)
            if self._card:
                self._card.close()

    def send(self, pcm: bytes) -> None:
        """Take 20 ms at 16 kHz for the caller; never waits."""
        if self._closed:
            return
        self._unsent += self._out.push(pcm)
        try:
            while self._unsent and not self.paused:
                self._unsent = self._unsent[os.write(self._to, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._vanish()
            return
        most = int(STALLED * 2 * self.rate)
        if len(self._unsent) > most:
            # What is a second old is of no use to anybody; whole samples only.
            over = (len(self._unsent) - most // 2) // 2 * 2
            self.missed += over
            self._unsent = self._unsent[over:]
            if not self._stuck and not self.paused:
                self._stuck = True
                self._stalled()

    def flow(self, open: bool) -> None:
        """The modem's buffer has room again, or is full."""
        self.paused = not open

    def revived(self) -> None:
        """The sound was turned off and on again: what was not taken is old."""
        self._stuck = False
        self._unsent = b""

    def _read(self) -> None:
        try:
            data = os.read(self._file, 8192)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._vanish()
        elif self.measured:
            self._heard(self._in.push(data))
        else:
            self._measure(data)

    def _measure(self, data: bytes) -> None:
        """See how fast the sound really comes; it is heard meanwhile as if the rate were as expected."""
        now = time.monotonic()
        if self._first is None or now - self._first < STALE:
            self._first = self._first or now
            self._early = b""
            self._heard(self._in.push(data))
            return
        self._early += data
        lasted = now - self._first - STALE
        if lasted < MEASURED_FOR:
            self._heard(self._in.push(data))
            return
        self.measured = True
        pace = len(self._early) / 2 / lasted
        rate = min(RATES, key=lambda each: abs(each - pace))
        self._early = b""
        if rate != self.rate:
            log.warning("the modem's sound comes at %d Hz, not at %d", rate, self.rate)
            self.rate = rate
            self._in, self._out = Resampler(rate), Resampler(RATE, to=rate)
            self._unsent = b""
        self._heard(self._in.push(data))

    def _vanish(self) -> None:
        if not self._closed:
            self.close()
            self._lost()


class _Card:
    """An ALSA sound card by its name, as `arecord -l` shows it; "default" is the system's. Processes of
    alsa-utils play and record: PortAudio's devices are the kiosk's, and it opens one only with the rest."""

    def __init__(self, name: str, rate: int) -> None:
        device = name if name == "default" else f"plughw:CARD={name}"
        common = ["-q", "-D", device, "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(rate)]
        common += ["--period-time=20000", "--buffer-time=80000"]
        ears, ears_in = os.pipe()
        mouth_out, mouth = os.pipe()
        # A pipe as it comes holds four seconds.
        fcntl.fcntl(mouth, fcntl.F_SETPIPE_SZ, 4096)
        self.ears, self.mouth = ears, mouth
        try:
            self._processes = [
                subprocess.Popen(["arecord", *common], stdin=subprocess.DEVNULL, stdout=ears_in),
                subprocess.Popen(["aplay", *common], stdin=mouth_out),
            ]
        except OSError as error:
            for file in (ears, mouth):
                os.close(file)
            raise DeviceError("the modem's sound card needs alsa-utils", "apt install alsa-utils") from error
        finally:
            for file in (ears_in, mouth_out):
                os.close(file)

    def close(self) -> None:
        """The ears are closed by whoever reads them."""
        with contextlib.suppress(OSError):
            os.close(self.mouth)
        for process in self._processes:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
