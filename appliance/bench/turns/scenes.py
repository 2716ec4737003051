"""Scenes: what recorded callers do to a desk, composed so that every sample of their speech is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Literal

import numpy as np

from appliance.bench.turns.recordings import (
    BACK_CHANNELS,
    COMMANDS,
    LOUD,
    WINDOW,
    Clip,
    Library,
    Sound,
    first_heard,
    levels,
)
from appliance.messages import RATE, Expect, samples

Kind = Literal["turn", "interruption", "back-channel", "noise", "cough"]

PAUSES = (0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""Seconds of the pauses put into turns: as many of each."""

BREATH = samples(0.06)
"""What is kept quiet around a cut, so that no word is clipped."""


CONSONANT = samples(0.15)
"""Length of the longest consonants with which words begin."""


@dataclass(frozen=True, slots=True)
class Saying:
    """A stretch of sound that a caller makes."""

    sound: Sound
    """From the first sound to the last."""
    kind: Kind = "turn"
    name: str = ""
    text: str = ""
    """What is said, where it is known."""
    into: float | None = None
    """Seconds of the desk's speaking after which it begins; None: when the desk has finished."""
    expect: Expect = field(default_factory=Expect)
    """What the desk is waiting for when it is said."""
    pauses: tuple[float, ...] = ()
    """Seconds of quiet put into it."""

    @property
    def length(self) -> int:
        return len(self.sound)


@dataclass(frozen=True, slots=True)
class Echo:
    """How the microphone hears the loudspeaker."""

    response: Sound
    """The room's, from the direct sound on, of unit energy."""
    level: float
    """dB of the echo against the sound that is played."""
    delay: float
    """Seconds from the loudspeaker's clock to the microphone's."""
    room: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """One call."""

    name: str
    sayings: tuple[Saying, ...]
    background: Sound | None = None
    """Sound of the place, at the level at which it reaches the microphone; begins anew at its end."""
    echo: Echo | None = None
    linger: float = 1.0
    """Seconds of quiet after the desk's last word before the caller hangs up."""
    longest: float = 120.0
    """Seconds after which the caller hangs up whatever goes on."""


def turns(library: Library, count: int) -> list[Saying]:
    """Turns of callers, three in ten with a pause within, some of those with an "um": sentences and orders,
    and the numbers and names that a desk asks for."""
    callers, numbers, names = library.callers(), library.numbers(), library.names()
    fillers = list(islice(library.fillers(), 4))
    lengths = cycle(PAUSES)
    said: list[Saying] = []
    for number in range(count):
        expect = {7: Expect("digits"), 9: Expect("spelled")}.get(number % 10, Expect())
        clip = next({"digits": numbers, "spelled": names}.get(expect.kind, callers), None) or next(callers)
        saying = Saying(clip.sound, name=clip.name, text=clip.text, expect=expect)
        if number % 10 in (2, 5, 7):
            um = fillers[number // 10 % len(fillers)] if fillers and number % 10 == 5 else None
            saying = with_pause(saying, next(lengths), um) or saying
        said.append(saying)
    return said


def paused_turns(library: Library, count: int) -> list[Saying]:
    """Turns with a pause in each: two in five sentences and orders, the others with an "um", numbers and
    names."""
    callers, numbers, names = library.callers(), library.numbers(), library.names()
    fillers = list(islice(library.fillers(), 4))
    said: list[Saying] = []
    lengths = cycle(PAUSES)
    while len(said) < count:
        at = len(said) % 5
        source, expect = {3: (numbers, Expect("digits")), 4: (names, Expect("spelled"))}.get(
            at, (callers, Expect())
        )
        clip = next(source, None) or next(callers, None)
        if clip is None:
            break
        um = fillers[len(said) // 5 % len(fillers)] if fillers and at == 2 else None
        saying = Saying(clip.sound, name=clip.name, text=clip.text, expect=expect)
        if paused := with_pause(saying, next(lengths), um):
            said.append(paused)
    return said


def with_pause(saying: Saying, pause: float, filler: Clip | None = None) -> Saying | None:
    """The same with seconds of quiet where it is quietest in its middle, as where people search for a word;
    with a filler before it where one is given. None where it is too short."""
    if saying.length < samples(1.2):
        return None
    cut = quietest(saying.sound)
    um = np.concatenate([_quiet(0.15), filler.sound]) if filler else _quiet(0)
    sound = np.concatenate([_faded(saying.sound[:cut]), um, _quiet(pause), saying.sound[cut:]])
    return replace(saying, sound=sound, pauses=(*saying.pauses, pause))


def quietest(sound: Sound) -> int:
    """The middle of the quietest 60 ms between a quarter and three quarters of it."""
    level = np.convolve(levels(sound), np.ones(12) / 12, "valid")
    start, end = len(level) // 4, max(len(level) * 3 // 4, len(level) // 4 + 1)
    return (start + int(np.argmin(level[start:end])) + 6) * WINDOW


def interruptions(library: Library, count: int) -> list[Saying]:
    """Callers who want to be let in, while the desk speaks: commands, and the first words of sentences."""
    commands = list(library.short(COMMANDS))
    callers = library.callers()
    said: list[Saying] = []
    while len(said) < count:
        short = len(said) % 3 == 0 and commands
        clip = commands[len(said) // 3 % len(commands)] if short else next(callers, None)
        if clip is None:
            break
        into = 1.0 + 2.5 * (len(said) * 0.37 % 1)
        sound = from_first_word(clip.sound)[: samples(4)]
        said.append(Saying(sound, "interruption", clip.name, clip.text, into))
    return said


def from_first_word(sound: Sound) -> Sound:
    """Without the breath or the click that comes before it, and the quiet between. No consonant is longer
    than `CONSONANT`, so no word has begun earlier than that before the voice is loud; and it is heard."""
    level = levels(sound)
    loud = np.flatnonzero(level > level.max(initial=0.0) / 10)
    if not len(loud):
        return sound
    first = max(0, int(loud[0]) - CONSONANT // WINDOW)
    return sound[(first + first_heard(level[first:])) * WINDOW :]


def bystanders(library: Library, count: int) -> list[Saying]:
    """What is no interruption, while the desk speaks: "yeah", coughs, noises, in turn."""
    heard = {
        "back-channel": list(library.short(BACK_CHANNELS)),
        "noise": list(library.noises()),
        "cough": [cough(seed) for seed in range(8)],
    }
    kinds: list[Kind] = ["back-channel", "noise", "cough"]
    said: list[Saying] = []
    for number in range(count):
        kind = kinds[number % 3]
        clips = heard[kind] or heard["cough"]
        clip = clips[number // 3 % len(clips)]
        quieter = (1.0, 0.6, 1.4)[number // 3 // max(len(clips), 1) % 3]
        sound = np.clip(clip.sound * quieter, -1, 1).astype(np.float32)
        said.append(Saying(sound, kind, clip.name, clip.text, 1.5 + 1.5 * (number * 0.37 % 1)))
    return said


def cough(seed: int) -> Clip:
    """A made one, since no recording of one is free to use: a burst of 40 ms, breath that fades, and in half
    of them a voiced end, through the resonances of a throat."""
    rng = np.random.default_rng(seed)
    length = samples(0.28 + 0.2 * rng.random())
    at = np.arange(length) / RATE
    shape = np.exp(-at / 0.02) + 0.35 * np.exp(-at / 0.12)
    sound = rng.normal(0, 1, length) * shape
    if seed % 2:
        pitch = 110 + 120 * rng.random()
        pulses = np.sign(np.sin(2 * np.pi * np.cumsum(pitch * (1 - 0.3 * at)) / RATE)) * (at > 0.15)
        sound = sound + 0.4 * pulses * np.exp(-((at - 0.22) ** 2) / 0.004)
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    throat = sum(1 / (1 + ((hertz - peak) / 180) ** 2) for peak in (500 + 200 * rng.random(), 1500, 2700))
    made = np.fft.irfft(spectrum * (throat + 0.03), length)
    loud = made * (2 * LOUD / np.sqrt((made**2).mean()))
    return Clip(f"made cough {seed}", np.clip(loud, -1, 1).astype(np.float32))


def calls(sayings: Sequence[Saying], each: int, name: str) -> list[Scene]:
    """Share them out over calls."""
    groups = [tuple(sayings[at : at + each]) for at in range(0, len(sayings), each)]
    return [Scene(f"{name} {number + 1}", group) for number, group in enumerate(groups)]


def in_places(scenes: Sequence[Scene], library: Library, below: float = 18.0) -> Iterator[Scene]:
    """Every second of the calls from a place that is heard, dB below the caller's voice."""
    places = list(library.backgrounds())
    for number, scene in enumerate(scenes):
        if number % 2 == 0 or not places:
            yield scene
            continue
        place = places[number // 2 % len(places)].sound
        gain = LOUD * 10 ** (-below / 20) / max(float(np.sqrt((place**2).mean())), 1e-6)
        yield replace(scene, background=(place * gain).astype(np.float32))


def echoes(library: Library, count: int) -> Iterator[Echo]:
    """Rooms in turn; levels of 0 to -20 dB and delays of 10 to 150 ms, drawn by lot and always alike."""
    rooms = list(library.rooms()) or [Clip("no room", np.ones(1, dtype=np.float32))]
    rng = np.random.default_rng(1)
    for number in range(count):
        room = rooms[number % len(rooms)]
        level, delay = -20 * rng.random(), 0.01 + 0.14 * rng.random()
        yield Echo(room.sound, round(level, 1), round(delay, 3), room.name)


def _faded(sound: Sound) -> Sound:
    """Without a click at its end."""
    length = min(BREATH // 4, len(sound))
    faded = sound.copy()
    faded[len(sound) - length :] *= np.linspace(1, 0, length, dtype=np.float32)
    return faded


def _quiet(length: float) -> Sound:
    return np.zeros(samples(length), dtype=np.float32)
