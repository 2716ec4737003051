"""`appliance bench noise`: what noise, and a microphone that is set too low, cost in words; and whether they
are heard better where the sound is treated first.

People speak one after the other in a place that is noisy throughout, as before a kiosk, so that what adapts
has time to. The desk's own speech detection finds their turns, and Whisper reads them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from appliance.bench.scoring import Score, score
from appliance.bench.sets import DATA, Half, manifest, to_pcm
from appliance.bench.turns.recordings import LOUD, Clip, Library, levels
from appliance.channels.soundcard import raised
from appliance.config import Box, Engines
from appliance.ears import BEFORE
from appliance.engines import Asr, Vad, registry
from appliance.messages import FRAME, FRAME_BYTES, Expect, samples, seconds
from appliance.turns.foreground import Foreground
from appliance.turns.turntaking import PAUSE, Change, Span, TurnTaking

LEAD = samples(6.0)
"""The place alone, before the first speaks: what suppresses noise learns for 5 s."""

GAP = samples(2.0)
"""The same between two who speak."""

LONGEST = samples(5.0)
"""Sentences are short, so that many are heard."""

FLOOR = 10 ** (-75 / 20)
"""A microphone's own noise, root mean square; full scale 1."""

PATIENCE = samples(0.8)
"""Quiet that ends a turn."""

AROUND = samples(1.0)
"""Sound of a turn that is read before and after what was said: where the noise is taken for speech, a turn
goes on to the next who speaks."""

DRAWS = 2000
"""Of the sentences, by which the interval is told that a difference may lie in."""

ENGINES = {"vad": Engines().vad, "asr": Engines().asr}

Treat = Callable[[bytes], bytes]
"""Takes a microphone's sound as it comes, in whole blocks of 10 ms, and gives as much."""


def _webrtc(**settings: bool) -> Callable[[], Treat]:
    def begin() -> Treat:
        from appliance.engines.webrtc import WebrtcEcho

        stream = WebrtcEcho(**settings).stream()
        return lambda pcm: stream.remove(bytes(len(pcm)), pcm)

    return begin


WAYS: dict[str, Callable[[], Treat]] = {
    "as it is": lambda: bytes,
    "canceller": _webrtc(),
    "suppressed": _webrtc(noise=True),
    "levelled": _webrtc(gain=True),
    "raised": lambda: lambda pcm: raised(pcm, 10.0),
}
"""How the sound is treated: not at all; by the canceller that a kiosk has, with nothing to cancel; by that
and WebRTC's noise suppressor, or its automatic gain; by a fixed gain of 20 dB."""


@dataclass(frozen=True, slots=True)
class Place:
    noise: float | None = None
    """dB by which it lies below the voices; None where it is quiet."""
    level: float = 0.0
    """dB by which the microphone is set too low, or high."""

    def __str__(self) -> str:
        noise = "quiet" if self.noise is None else f"noise at {self.noise:g} dB"
        return noise + (f", {self.level:+g} dB" if self.level else "")


PLACES = (
    Place(),
    *(Place(noise) for noise in (20.0, 10.0, 5.0, 0.0)),
    Place(None, -20.0),
    Place(None, -30.0),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """People who speak one after the other in one place."""

    pcm: bytes
    clips: list[Clip]
    starts: list[int]
    """Sample at which each begins."""


@dataclass(slots=True)
class Result:
    way: str
    place: Place
    scores: list[Score] = field(default_factory=list)
    """Of each sentence."""
    unheard: int = 0
    """Sentences of which nothing was taken for speech."""
    long: int = 0
    """Turns that went on for `PATIENCE` after the words had ended."""
    false: int = 0
    """Turns in which nobody spoke."""
    missed: list[float] = field(default_factory=list)
    """Share of each sentence's loud windows that were taken for quiet."""
    minutes: float = 0.0
    """Of sound in which nobody spoke."""

    @property
    def error(self) -> float:
        return sum(self.scores, Score()).error

    def record(self) -> dict[str, Any]:
        return {
            "way": self.way, "noise": self.place.noise, "level": self.place.level, "clips": len(self.scores),
            "error": self.error, "wrong": [each.wrong for each in self.scores],
            "of": [each.of for each in self.scores], "missed": float(np.mean(self.missed)),
            "unheard": self.unheard, "long": self.long, "false": self.false, "minutes": self.minutes,
        }  # fmt: skip


def sentences(library: Library, count: int) -> list[Clip]:
    """So many, of which it is known what is said."""
    found = (clip for clip in library.callers() if clip.text and len(clip.sound) <= LONGEST)
    return list(islice(found, count))


def places(data: Path) -> list[Clip]:
    """Noise of both halves: no way of treating it was chosen by it, and there is little."""
    return list(Library(data, "all").backgrounds())


def scenes(clips: Sequence[Clip], backgrounds: Sequence[Clip], place: Place) -> Iterator[Scene]:
    """One for each background, in which a share of the clips is spoken."""
    rng = np.random.default_rng(1)
    for number, background in enumerate(backgrounds):
        mine = list(clips[number :: len(backgrounds)])
        starts = np.cumsum([LEAD] + [len(clip.sound) + GAP for clip in mine])
        sound = np.zeros(starts[-1] // FRAME * FRAME, dtype=np.float32)
        for clip, start in zip(mine, starts[:-1], strict=True):
            sound[start : start + len(clip.sound)] += clip.sound
        if place.noise is not None:
            noise = np.resize(background.sound, len(sound))
            sound += noise * (LOUD * 10 ** (-place.noise / 20) / float(np.sqrt(np.mean(noise**2))))
        sound *= np.float32(10 ** (place.level / 20))
        sound += rng.normal(0, FLOOR, len(sound)).astype(np.float32)
        yield Scene(to_pcm(sound), mine, [int(start) for start in starts[:-1]])


def measure(
    way: str, place: Place, clips: Sequence[Clip], backgrounds: Sequence[Clip], vad: Vad, asr: Asr
) -> Result:
    result = Result(way, place)
    for scene in scenes(clips, backgrounds, place):
        treat = WAYS[way]()
        frames = (scene.pcm[at : at + FRAME_BYTES] for at in range(0, len(scene.pcm), FRAME_BYTES))
        pcm = b"".join(treat(frame) for frame in frames)
        turns, speech = _listen(vad, pcm)
        _judge(result, scene, turns, speech, vad.window)
        for clip, start in zip(scene.clips, scene.starts, strict=True):
            end = start + len(clip.sound)
            heard = " ".join(_words(asr, pcm, turn, start, end) for turn in _within(turns, start, end))
            result.scores.append(score("words", clip.text.lower(), heard))
    return result


def _listen(vad: Vad, pcm: bytes) -> tuple[list[Span], NDArray[np.bool_]]:
    """The turns that the desk would find, and of each window whether it was taken for speech."""
    turn, foreground, turns, speech = TurnTaking(), Foreground(), [], []
    for number, probability in enumerate(vad.stream().push(pcm)):
        at = number * vad.window
        own = foreground.step(probability, pcm[2 * at : 2 * (at + vad.window)])
        match turn.step(own, at, vad.window):
            case Change.PAUSED:
                turn.judge(PATIENCE)
            case Change.ENDED:
                turns.append(turn.span)
        speech.append(turn.speech)
    return turns + ([turn.span] if turn.in_turn else []), np.array(speech)


def _judge(result: Result, scene: Scene, turns: list[Span], speech: NDArray[np.bool_], window: int) -> None:
    """How well the turns are those of who spoke."""
    result.minutes += seconds(len(scene.pcm) // 2 - sum(len(clip.sound) for clip in scene.clips)) / 60
    taken = set()
    for clip, start in zip(scene.clips, scene.starts, strict=True):
        mine = _within(turns, start, start + len(clip.sound))
        taken.update(mine)
        result.unheard += not mine
        result.long += any(turn.end >= start + len(clip.sound) + PATIENCE for turn in mine)
        level = levels(clip.sound)
        loud = np.flatnonzero(level > level.max() / 10) * samples(0.005) + start
        inside = loud[loud // window < len(speech)] // window
        result.missed.append(1 - float(np.mean(speech[inside])))
    result.false += len([turn for turn in turns if turn not in taken])


def _within(turns: list[Span], start: int, end: int) -> list[Span]:
    return [turn for turn in turns if turn.start < end and turn.end > start]


def _words(asr: Asr, pcm: bytes, turn: Span, start: int, end: int) -> str:
    first = max(turn.start - BEFORE, start - AROUND, 0)
    stream = asr.stream(Expect())
    stream.push(pcm[2 * first : 2 * min(turn.end + PAUSE, end + AROUND)])
    return stream.finish().text


def interval(result: Result, beside: Result) -> tuple[float, float]:
    """In which the difference of their word errors lies, of the same sentences: 95 %, by bootstrap."""
    more = np.array([a.wrong - b.wrong for a, b in zip(result.scores, beside.scores, strict=True)])
    of = np.array([each.of for each in result.scores])
    drawn = np.random.default_rng(1).integers(0, len(of), (DRAWS, len(of)))
    low, high = np.percentile(more[drawn].sum(axis=1) / of[drawn].sum(axis=1), (2.5, 97.5))
    return float(low), float(high)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="appliance bench noise", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with MANIFEST.tsv")
    parser.add_argument("--half", choices=get_args(Half), default="test", help="which of the recordings")
    parser.add_argument("--clips", type=int, default=100, help="sentences that are spoken in each place")
    parser.add_argument("--way", action="append", choices=WAYS, help="these only")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args(arguments)
    manifest(options.data)  # Says at once where there are no recordings.
    library = Library(options.data, options.half)
    clips, backgrounds = sentences(library, options.clips), places(options.data)
    vad, asr = (registry.make(kind, spec, Box()) for kind, spec in ENGINES.items())
    cells = [(way, place) for place in PLACES for way in options.way or WAYS]
    results = [measure(*cell, clips, backgrounds, vad, asr) for cell in track(cells, "noise")]
    Console().print(_table(results))
    if options.json:
        options.json.write_text(json.dumps([each.record() for each in results], indent=1) + "\n")
    return 0


def _table(results: list[Result]) -> Table:
    table = Table(
        "place", "way", "words wrong", "than as it is", "speech missed", "unheard", "too long", "false"
    )
    plain = {result.place: result for result in results if result.way == "as it is"}
    for each in results:
        beside = plain.get(each.place, each)
        table.add_row(
            str(each.place),
            each.way,
            f"{each.error:.1%}",
            "" if beside is each else "{:+.1%} to {:+.1%}".format(*interval(each, beside)),
            f"{np.mean(each.missed):.1%}",
            f"{each.unheard} of {len(each.scores)}",
            f"{each.long}",
            f"{each.false / each.minutes:.1f} a minute",
        )
    return table
