"""The measuring instrument: a call's two-channel recording, and what the caller is known to have said when.
Nothing that the program tells of itself is used."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from appliance.bench.turns.recordings import WINDOW, Sound, levels
from appliance.bench.turns.room import Said
from appliance.messages import samples, seconds

SOUND = 0.004
"""Level above which the desk makes a sound: root mean square, full scale 1."""

BRIDGED = samples(0.05)
"""Quiet within a word, no end of sound."""

AT_ONCE = samples(0.05)
"""An answer that begins so little before the caller's last sound cuts nobody off."""

PAUSED = samples(0.2)
"""Quiet that is longer than any between two words."""

STOPPED = samples(0.6)
"""Quiet of the desk that is no pause between its sentences."""

RESUMED = samples(1.0)
"""A desk that was quiet for less has kept the floor."""

SETTLING = samples(1.0)
"""How long after a noise the desk may still fall silent because of it."""

SNIPPET = samples(0.4)
"""Sound by which a place in an answer is recognised."""

BACK, ON = samples(1.2), samples(0.6)
"""From where before and after the word at which it stopped the desk may go on."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound of the desk, in samples of the recording."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Recording:
    """The desk's side of a call."""

    desk: Sound
    stretches: tuple[Stretch, ...]

    @classmethod
    def of(cls, desk: Sound) -> Recording:
        return cls(desk, tuple(stretches(desk)))

    @classmethod
    def read(cls, path: Path) -> Recording:
        sound, _ = soundfile.read(path, dtype="float32", always_2d=True)
        return cls.of(np.ascontiguousarray(sound[:, 1]))

    def quiet_after(self, at: int) -> list[Stretch]:
        """The desk's silences that end after a moment, the one to the end of the recording last."""
        edges = [0, *(edge for each in self.stretches for edge in (each.start, each.end)), math.inf]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return [Stretch(int(a), _whole(b)) for a, b in gaps if b > at and b > a]

    def sounding(self, at: int) -> Stretch | None:
        return next((each for each in self.stretches if each.start <= at < each.end), None)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one saying; seconds. What does not apply is None."""

    kind: str
    latency: float | None = None
    """Last sample of speech to first sound of the desk; infinite where none came."""
    cut_off: bool | None = None
    """The desk spoke before the turn was over."""
    spoke: float | None = None
    """How much it then spoke while the turn lasted."""
    stop: float | None = None
    """First sample of the interruption to the desk's last sound; infinite where it did not stop."""
    taken: bool | None = None
    """What was no interruption silenced the desk for longer than a moment, or made it say something else."""
    held: float | None = None
    """How long it was quiet, where it went on at the word."""

    def record(self) -> dict[str, Any]:
        names = ("kind", "latency", "cut_off", "spoke", "stop", "taken", "held")
        values = {name: getattr(self, name) for name in names}
        return {name: _told(value) for name, value in values.items() if value is not None}


def stretches(desk: Sound) -> list[Stretch]:
    """Where the desk makes a sound, to 5 ms."""
    loud = np.concatenate([[False], levels(desk) > SOUND, [False]])
    edges = np.flatnonzero(loud[1:] != loud[:-1]) * WINDOW
    found: list[Stretch] = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if found and start - found[-1].end < BRIDGED:
            found[-1] = Stretch(found[-1].start, int(end))
        else:
            found.append(Stretch(int(start), int(end)))
    return found


def measure(recording: Recording, said: Sequence[Said], reference: Sound | None = None) -> list[Measured]:
    """Every saying of a call, in order. `reference` is how the desk's answer sounds when nobody cuts in."""
    results = []
    for number, each in enumerate(said):
        until = said[number + 1].start if number + 1 < len(said) else len(recording.desk)
        match each.saying.kind:
            case "turn":
                results.append(_turn(recording, each, until))
            case "interruption":
                stop = _stop(recording, each, reference)
                answer = _turn(recording, each, until) if stop is not None else Measured("turn")
                results.append(Measured("interruption", answer.latency, stop=stop))
            case kind:
                results.append(_bystander(recording, each, kind, reference))
    return results


def _turn(recording: Recording, said: Said, until: int) -> Measured:
    onsets = [each.start for each in recording.stretches if said.start < each.start < until]
    before = [onset for onset in onsets if onset < said.end - AT_ONCE]
    if before:
        spoke = sum(
            min(each.end, said.end) - each.start
            for each in recording.stretches
            if said.start < each.start < said.end
        )
        return Measured("turn", None, cut_off=True, spoke=seconds(spoke))
    latency = seconds(onsets[0] - said.end) if onsets else math.inf
    return Measured("turn", latency, cut_off=False)


def _stop(recording: Recording, said: Said, reference: Sound | None) -> float | None:
    """None where the desk was not speaking, so that nothing could be interrupted. It has stopped also where
    it is quiet for a shorter time, and then does not go on in its answer but begins another."""
    speaking = recording.sounding(said.start)
    if speaking is None and not any(said.start < s.start < said.start + STOPPED for s in recording.stretches):
        return None
    for quiet in recording.quiet_after(said.start):
        length = _lasts(quiet, len(recording.desk))
        another = reference is not None and length >= PAUSED and not goes_on(recording.desk, quiet, reference)
        if length >= STOPPED or another:
            return max(0.0, seconds(quiet.start - said.start))
    return math.inf


def _bystander(recording: Recording, said: Said, kind: str, reference: Sound | None) -> Measured:
    if recording.sounding(said.start) is None and not any(
        said.start < each.start < said.start + STOPPED for each in recording.stretches
    ):
        return Measured(kind)
    held = 0.0
    for quiet in recording.quiet_after(said.start):
        if quiet.start > said.end + SETTLING:
            break
        length = _lasts(quiet, len(recording.desk))
        if length < PAUSED:
            continue
        finished = quiet.end < 0 and reference is not None and _at_end(recording.desk, quiet.start, reference)
        if finished:
            break
        if length > RESUMED:
            return Measured(kind, taken=True)
        if reference is not None and not goes_on(recording.desk, quiet, reference):
            return Measured(kind, taken=True)
        held = max(held, seconds(length))
    return Measured(kind, taken=False, held=held)


def goes_on(desk: Sound, quiet: Stretch, reference: Sound) -> bool:
    """Whether the desk says after a silence what comes next in its answer, give or take a word."""
    stopped = place(desk[max(0, quiet.start - SNIPPET) : quiet.start], reference)
    went_on = place(desk[quiet.end : quiet.end + SNIPPET], reference)
    if stopped is None or went_on is None:
        return False
    return -BACK <= went_on - (stopped + SNIPPET) <= ON


def place(snippet: Sound, reference: Sound) -> int | None:
    """Where in the reference a snippet sounds, whatever its loudness; None where it does not."""
    if len(snippet) < SNIPPET // 2 or len(reference) < len(snippet) or not snippet.any():
        return None
    size = 1 << (len(reference) + len(snippet)).bit_length()
    spectrum = np.fft.rfft(reference, size) * np.conj(np.fft.rfft(snippet, size))
    alike = np.fft.irfft(spectrum, size)[: len(reference) - len(snippet) + 1]
    energy = np.concatenate(([0.0], np.cumsum(reference.astype(np.float64) ** 2)))
    local = np.sqrt(np.maximum(energy[len(snippet) :] - energy[: -len(snippet)], 1e-9))
    likeness = alike / (local * np.sqrt(float((snippet.astype(np.float64) ** 2).sum())))
    best = int(np.argmax(likeness))
    return best if likeness[best] > 0.6 else None


@dataclass(frozen=True, slots=True)
class Alone:
    """What a desk did while nobody spoke to it."""

    answered: bool
    """The answer was heard at all."""
    stopped: bool
    """It stopped before its end, or said something that nobody asked for."""
    held: float
    """By how much, in seconds, its silences within the answer are longer than those that it always has: the
    longest against the longest, and so on."""

    @property
    def failed(self) -> bool:
        return self.stopped or not self.answered


def alone(recording: Recording, reference: Sound, until: int | None = None) -> Alone:
    """How one answer went that nobody interrupted before `until`, by how it always sounds."""
    end = len(recording.desk) if until is None else until
    if not recording.stretches or recording.stretches[0].start >= end:
        return Alone(False, False, 0.0)
    start = recording.stretches[0].start
    own = Recording.of(reference)
    whole = start + own.stretches[-1].end - own.stretches[0].start
    heard = [each for each in recording.stretches if each.start < end]
    pauses = zip_longest(_pauses(heard), _pauses(own.stretches), fillvalue=0)
    held = max([0, *(now - ever for now, ever in pauses)])
    last = min(heard[-1].end, end)
    said_more = last > whole + (held + BACK if held > 2 * BRIDGED else 2 * BRIDGED)
    cut_short = last < min(whole, end) - 2 * BRIDGED
    return Alone(True, said_more or cut_short or held > RESUMED, seconds(held))


def _pauses(stretches: Sequence[Stretch]) -> list[int]:
    """The silences between them, the longest first."""
    return sorted((later.start - each.end for each, later in pairwise(stretches)), reverse=True)


def steady(recording: Recording, after: int) -> bool:
    """Whether the answer that begins after a moment goes on without a break to the recording's end, or to its
    own."""
    heard = [each for each in recording.stretches if each.start >= after]
    return all(later.start - each.end < STOPPED for each, later in pairwise(heard))


def _at_end(desk: Sound, at: int, reference: Sound) -> bool:
    """Whether the answer had been said to its end."""
    found = place(desk[max(0, at - SNIPPET) : at], reference)
    end = Recording.of(reference).stretches
    return found is not None and bool(end) and found + SNIPPET >= end[-1].end - samples(0.1)


def _lasts(quiet: Stretch, length: int) -> int:
    return (quiet.end if quiet.end >= 0 else length) - quiet.start


def _whole(edge: float) -> int:
    """-1 stands for the end of the recording."""
    return -1 if math.isinf(edge) else int(edge)


def _told(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, float):
        return "never" if math.isinf(value) else round(value, 4)
    return value
