"""Turns with pauses in them: how many callers are cut off, and how that trades against the wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from appliance.bench.turns import figures
from appliance.bench.turns.bench import Bench, Part, cut_offs, hold_scripted, shown
from appliance.bench.turns.desk import Desk, desk_file
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.instrument import Measured, measure
from appliance.bench.turns.room import Said
from appliance.bench.turns.scenes import PAUSES, Saying, calls, in_places, paused_turns, turns
from appliance.ears import BEFORE, SOUNDED, Hearing
from appliance.messages import Heard, Turn, samples, seconds
from appliance.turns.patience import MANNERS, Pause
from appliance.turns.turntaking import Change, TurnTaking

AFTER = samples(3.5)
"""Quiet put after a turn, in which it must end."""

FALSE_START = 1.0
"""Seconds that a desk may have spoken into a turn for it to be made good."""

EDGE = samples(0.6)
"""Sound at the edges of a turn that speech detection may take for none: a breath, a soft consonant."""

EASES = tuple(np.arange(-5, 5.01, 0.5).tolist())
"""Log-odds with which the default manner is made more and less patient."""

FIXED = tuple(np.arange(0.2, 2.51, 0.1).round(1).tolist())
"""Seconds of quiet that end a turn, the plain way."""


def cutoffs(bench: Bench) -> Part:
    """The whole desk, in scripted time."""
    said = paused_turns(bench.library, bench.count(100, 14))
    scenes = list(in_places(calls(said, 5, "paused"), bench.library))
    part = Part("cutoffs")
    lost: list[bool] = []

    async def with_desk(app: Desk) -> None:
        for scene in shown(scenes, "turns with pauses"):
            called = await app.call(scene, bench.folder)
            part.add(called, found := measure(called.recording, called.said))
            lost.extend(
                loses(called.turns, said, result) for said, result in zip(called.said, found, strict=True)
            )

    part.pace = hold_scripted(bench, desk_file(), with_desk)
    spoke = [m.spoke for m in part.measured if m.spoke is not None]
    part.figures += [
        cut_offs(part, 5),
        figures.share("cutoffs", "cut off and not made good: the desk spoke on, or lost words", lost, None),
        *(
            Figure("cutoffs", f"of those who are cut off, spoken into: {name}", value, "ms", None, len(spoke))
            for name, value in (
                ("median", figures.percentile(spoke, 50)),
                ("p95", figures.percentile(spoke, 95)),
            )
        ),
    ]
    for kind in ("any", "digits", "spelled"):
        cut = [m.cut_off for s, m in part.results if s.expect.kind == kind and m.cut_off is not None]
        part.figures.append(figures.share("cutoffs", f"of these where {kind} was expected", cut, None))
    for pause in PAUSES:
        cut = [m.cut_off for s, m in part.results if pause in s.pauses and m.cut_off is not None]
        part.figures.append(figures.share("cutoffs", f"of these with {pause} s", cut, None))
    part.figures += figures.latency("cutoffs", part.measured)
    return part


def loses(turns: Sequence[Turn], said: Said, result: Measured) -> bool:
    """Whether a caller who was cut off lost by it: the desk did not soon fall silent again, or did not take
    for one utterance what was said before and after. The latter is its own account: no sound tells it."""
    if not result.cut_off:
        return False
    first, last = said.start + EDGE, said.end - EDGE
    heard = (turn.cause for turn in turns)
    whole = any(isinstance(each, Heard) and each.start <= first and each.end >= last for each in heard)
    return not whole or (result.spoke or 0.0) > FALSE_START


@dataclass(frozen=True, slots=True)
class Observed:
    """What the engines tell of one quiet stretch in a turn."""

    pause: Pause
    lasts: float | None
    """Seconds until the caller went on; None at the end of the turn."""
    lag: float = 0.0
    """Seconds by which the caller's last sound was later than speech detection took it to be."""


def curve(bench: Bench) -> Part:
    """Each turn is heard once by the engines; every policy is then tried on what they told."""
    # A desk hears more turns without a pause than with one, and waits in both.
    count = bench.count(140, 14)
    said = [*paused_turns(bench.library, count), *turns(bench.library, count // 2)]
    part = Part("curve")
    heard: list[list[Observed]] = []

    async def with_desk(app: Desk) -> None:
        assert app.hearing
        for each in shown(said, "pauses, heard once"):
            heard.append(observe(app.hearing, each))

    hold_scripted(bench, desk_file(), with_desk)
    eases = [MANNERS["normal"].ease + more for more in EASES]
    tried: list[tuple[str, str, Callable[[Pause], float]]] = [
        *(("the desk", f"ease {at:+.1f}", replace(MANNERS["normal"], ease=at)) for at in eases),
        *(("manners", name, manner) for name, manner in MANNERS.items()),
        *(("fixed quiet", f"{wait} s", _fixed(wait)) for wait in FIXED),
    ]
    part.curve = [
        {"series": series, "name": name, **trade_off(heard, policy)} for series, name, policy in tried
    ]
    for point in part.curve:
        if point["series"] == "manners":
            part.figures.append(
                Figure("curve", f"{point['name']}: cut off", point["cut_off"], "%", None, len(heard))
            )
            part.figures.append(
                Figure("curve", f"{point['name']}: wait, median", point["median"], "ms", None)
            )
            part.figures.append(Figure("curve", f"{point['name']}: wait, p95", point["p95"], "ms", None))
    part.figures += _against_fixed(part.curve)
    return part


def observe(hearing: Hearing, saying: Saying) -> list[Observed]:
    """Let the engines hear a turn, and note all that a policy is told at each pause."""
    sound = np.concatenate([np.zeros(BEFORE, np.float32), saying.sound, np.zeros(AFTER, np.float32)])
    pcm = (sound * 32767).astype("<i2").tobytes()
    window = hearing.vad.window
    turn, found, paused = TurnTaking(), [], None
    for number, probability in enumerate(hearing.vad.stream().push(pcm)):
        at = number * window
        match turn.step(probability, at, window):
            case Change.PAUSED:
                start, now = max(0, turn.span.start - BEFORE), at + window
                paused = turn.span.end
                found.append(Observed(_judged(hearing, saying, pcm[2 * start : 2 * now]), None))
            case Change.RESUMED if paused is not None:
                found[-1] = replace(found[-1], lasts=seconds(at + window - paused))
            case Change.ENDED:
                break
    if found:
        found[-1] = replace(found[-1], lag=seconds(BEFORE + saying.length - turn.span.end))
    return found


def trade_off(heard: Sequence[Sequence[Observed]], policy: Callable[[Pause], float]) -> dict[str, Any]:
    """Share of turns that a policy would cut off, percent, and how long it lets the others wait, ms."""
    waits: list[float] = []
    cut = 0
    for pauses in heard:
        if any(each.lasts is not None and policy(each.pause) < each.lasts for each in pauses):
            cut += 1
        elif pauses:
            waits.append(policy(pauses[-1].pause) - pauses[-1].lag)
    return {
        "cut_off": 100 * cut / max(1, len(heard)),
        "median": figures.percentile(waits, 50),
        "p95": figures.percentile(waits, 95),
    }


def _judged(hearing: Hearing, saying: Saying, pcm: bytes) -> Pause:
    stream = hearing.asr.stream(saying.expect)
    stream.push(pcm)
    transcript = stream.finish()
    finished = transcript.finished
    if finished is None and hearing.eot:
        finished = hearing.eot.finished(pcm[-2 * SOUNDED :])
    return Pause(transcript.text, saying.expect, finished)


def _fixed(wait: float) -> Callable[[Pause], float]:
    return lambda pause: wait


def _against_fixed(points: Iterable[dict[str, Any]]) -> Iterable[Figure]:
    """The wait of a fixed quiet that cuts off no more than the default does, as a ratio."""
    points = list(points)
    own = next(point for point in points if point["series"] == "manners" and point["name"] == "normal")
    as_safe = [p for p in points if p["series"] == "fixed quiet" and p["cut_off"] <= own["cut_off"]]
    what = "a fixed quiet that cuts off as few waits so many times as long, median"
    if not as_safe:
        return [Figure("curve", what, None, "x", note=f"none up to {FIXED[-1]} s cuts off as few")]
    best = min(point["median"] for point in as_safe)
    return [figures.ratio("curve", what, best, own["median"])]
