"""The two directions of sound between the box and a browser, on the browser's sample clock.

Nothing here waits or sends; `web.py` does. A browser frame is one sample at the browser's own rate. Lies of
the browser raise `ValueError`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from appliance.channels.playout import FADE, Playout
from appliance.engines.resample import Resampler
from appliance.messages import FRAME, FRAME_BYTES, RATE, Audio

RATES = range(8_000, 192_001)
"""Rates that a browser may have."""

LEAD = 0.16
"""Seconds of the desk's sound that are kept in the browser, so that it does not run dry on a busy box. A cut
does not wait for it."""

DRY = 0.04
"""Seconds left in the browser at which a sound that has nothing more to give is taken to be over."""

GAP = 10
"""Seconds of sound that may be lost in one piece."""


class Incoming:
    """The browser's microphone: its packets in, frames of 16 kHz without gaps out."""

    def __init__(self, rate: int) -> None:
        if rate not in RATES:
            raise ValueError(f"a sample rate of {rate}")
        self.rate = rate
        self.concealed = 0
        """Samples that silence stood in for."""
        self._resampler = Resampler(rate)
        self._received = 0
        self._ready = bytearray()
        self._emitted = 0
        self._lost: deque[tuple[int, int]] = deque()

    @property
    def clock(self) -> int:
        """Where the browser's clock is, in samples of 16 kHz."""
        return self._received * RATE // self.rate

    def push(self, at: int, pcm: bytes) -> list[Audio]:
        """Take a packet that begins at browser frame `at`; give the frames that are complete."""
        missing = at - self._received
        if not 0 <= missing <= GAP * self.rate:
            raise ValueError(f"a clock that jumps by {missing / self.rate:.1f} s")
        if missing:
            before, self._received = self.clock, at
            self._lost.append((before, self.clock))
            self.concealed += self.clock - before
            self._ready += self._resampler.push(bytes(2 * missing))
        self._received += len(pcm) // 2
        self._ready += self._resampler.push(pcm)
        frames = []
        while len(self._ready) >= FRAME_BYTES:
            frames.append(
                Audio(bytes(self._ready[:FRAME_BYTES]), self._emitted, self._was_lost(self._emitted))
            )
            del self._ready[:FRAME_BYTES]
            self._emitted += FRAME
        return frames

    def _was_lost(self, at: int) -> bool:
        while self._lost and self._lost[0][1] <= at:
            self._lost.popleft()
        return bool(self._lost) and self._lost[0][0] < at + FRAME


@dataclass(slots=True)
class _Stretch:
    """Sound without a pause: what was pulled at 16 kHz, and what became of it in the browser."""

    pcm: bytearray = field(default_factory=bytearray)
    told: int = 0
    """Samples of `pcm` that the playout was told of."""
    sent: int = 0
    """Browser frames it was made into."""
    done: int = 0
    """Browser frames of it that were played."""
    closed: bool = False

    @property
    def total(self) -> int:
        return len(self.pcm) // 2


class Outgoing:
    """The desk's sound: pulled just ahead of the browser's need, accounted for as the browser plays it."""

    def __init__(self, rate: int, playout: Playout) -> None:
        self.rate = rate
        self.underruns = 0
        """Times that the browser had played all it was given while the desk was in mid-sound."""
        self._playout = playout
        self._resampler = Resampler(RATE, to=rate)
        self._stretches: deque[_Stretch] = deque()
        self._cuts: deque[_Stretch] = deque()
        self._played = 0
        self._until = 0

    @property
    def ahead(self) -> int:
        """Browser frames that were sent and not yet played."""
        return sum(stretch.sent - stretch.done for stretch in self._stretches)

    def fill(self) -> bytes:
        """What to send now, at the browser's rate; may be nothing."""
        wanted = int(LEAD * self.rate) - self.ahead
        if wanted <= 0:
            return b""
        pcm = self._playout.pull(wanted * RATE // self.rate)
        stretch = self._stretches[-1] if self._stretches else None
        if stretch is None or stretch.closed:
            if not pcm:
                return b""
            stretch = _Stretch()
            self._stretches.append(stretch)
        stretch.pcm += pcm
        sound = self._resampler.push(pcm)
        if not pcm and self.ahead < DRY * self.rate:
            sound += self._resampler.flush()
            stretch.closed = True
        stretch.sent += len(sound) // 2
        self._settle()
        return sound

    def cut(self) -> bool:
        """Send no more of what was going on. True when the browser must throw away what it has: its answer
        then comes to `was_cut`."""
        self._playout.dropped(len(self._playout.pull(FADE)) // 2)
        if not self._stretches:
            return False
        self._resampler.flush()
        last = self._stretches[-1]
        if not last.closed:
            last.closed = True
            self._shorten(last, last.sent)
        self._cuts.append(last)
        return True

    def was_cut(self, dropped: int) -> None:
        """The browser threw away `dropped` frames of what was sent before the oldest cut."""
        if not self._cuts:
            raise ValueError("a cut that was not asked for")
        last = self._cuts.popleft()
        stretches = list(self._stretches)
        before = stretches[: stretches.index(last) + 1] if last in stretches else []
        if not 0 <= dropped <= sum(stretch.sent - stretch.done for stretch in before):
            raise ValueError(f"a cut of {dropped} frames")
        for stretch in reversed(before):
            if lost := min(dropped, stretch.sent - stretch.done):
                dropped -= lost
                self._shorten(stretch, stretch.sent - lost)
        self._settle()

    def played(self, total: int, until: int) -> None:
        """The browser has played `total` frames since the call began, the last one just before its clock
        was `until`."""
        new = total - self._played
        self._until = until
        if not 0 <= new <= self.ahead:
            raise ValueError(f"{new} frames played of {self.ahead}")
        self._played = total
        for stretch in list(self._stretches):
            part = min(new, stretch.sent - stretch.done)
            stretch.done += part
            new -= part
            self._tell(stretch, until - new)
        if self._stretches and not self._stretches[-1].closed and not self.ahead:
            self.underruns += 1
        self._settle()

    def abandon(self) -> None:
        """The browser is gone: nothing more will be played."""
        waiting = len(self._playout.pull(self._playout.queued)) // 2
        self._playout.dropped(waiting + sum(stretch.total - stretch.told for stretch in self._stretches))
        self._stretches.clear()
        self._cuts.clear()

    def _shorten(self, stretch: _Stretch, sent: int) -> None:
        """Only the first `sent` browser frames of it will ever be played."""
        stretch.sent = sent
        keep = max(stretch.told, min(stretch.total, sent * RATE // self.rate))
        self._playout.dropped(stretch.total - keep)
        del stretch.pcm[2 * keep :]

    def _tell(self, stretch: _Stretch, until: int) -> None:
        """Tell the playout of what was played of it, the last frame of it just before `until`."""
        complete = stretch.closed and stretch.done == stretch.sent
        reached = stretch.total if complete else min(stretch.total, stretch.done * RATE // self.rate)
        if reached > stretch.told:
            pcm = bytes(stretch.pcm[2 * stretch.told : 2 * reached])
            end = until * RATE // self.rate
            self._playout.played(pcm, max(0, end - len(pcm) // 2))
            stretch.told = reached

    def _settle(self) -> None:
        """Forget the stretches that are over."""
        while self._stretches and self._stretches[0].closed:
            if self._stretches[0].done < self._stretches[0].sent:
                return
            self._tell(self._stretches.popleft(), self._until)
