"""Who has the floor while the desk speaks: interruptions, what is none, and the desk's own echo."""

from __future__ import annotations

from dataclasses import replace

from appliance.bench.turns import figures
from appliance.bench.turns.bench import Bench, Part, hold, hold_scripted, shown
from appliance.bench.turns.desk import Desk, talkative
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.instrument import Alone, alone, measure
from appliance.bench.turns.recordings import Sound
from appliance.bench.turns.scenes import Scene, bystanders, calls, echoes, interruptions
from appliance.config import DeskFile


def stops(bench: Bench) -> Part:
    """Interruptions, in real time."""
    said = interruptions(bench.library, bench.count(30, 5))
    part = Part("interruptions")

    async def with_desk(app: Desk) -> None:
        for scene in shown(calls(said, 5, "interrupted"), "interruptions"):
            called = await app.call(scene, bench.folder)
            part.calls.append((called, measure(called.recording, called.said)))

    part.pace = hold(bench, talkative(), with_desk)
    part.figures += figures.stops("interruptions", part.measured, 150)
    part.figures += figures.latency("interruptions", part.measured)
    return part


def noises(bench: Bench) -> Part:
    """Back-channels, noises and coughs while the desk speaks, in scripted time."""
    said = bystanders(bench.library, bench.count(90, 9))
    part = Part("bystanders")

    async def with_desk(app: Desk) -> None:
        reference = await undisturbed(app, bench)
        for scene in shown(calls(said, 3, "bystander"), "back-channels and noises"):
            called = await app.call(scene, bench.folder)
            part.calls.append((called, measure(called.recording, called.said, reference)))

    part.pace = hold_scripted(bench, talkative(), with_desk)
    taken = [each.taken for each in part.measured if each.taken is not None]
    part.figures.append(
        figures.share("bystanders", "back-channels, coughs and noises taken as interruptions", taken, 5)
    )
    for kind in ("back-channel", "noise", "cough"):
        of_kind = [each.taken for each in part.measured if each.kind == kind and each.taken is not None]
        part.figures.append(figures.share("bystanders", f"of these: {kind}", of_kind, None))
    held_for = [each.held for each in part.measured if each.held]
    held_95 = figures.percentile(held_for, 95)
    part.figures.append(
        Figure("bystanders", "quiet before going on, p95", held_95, "ms", 1000, len(held_for))
    )
    return part


def echo(bench: Bench) -> Part:
    """The desk's own voice comes back to it, in scripted time: from rooms, at 0 to -20 dB; in each tenth call
    somebody speaks as well."""
    count = bench.count(500, 20)
    barge = interruptions(bench.library, max(1, count // 10))
    part = Part("echo")
    found: list[Alone] = []

    async def with_desk(app: Desk) -> None:
        reference = await undisturbed(app, bench)
        for number, each in enumerate(shown(list(echoes(bench.library, count)), "echo")):
            double = number % 10 == 9
            sayings = (replace(barge[number // 10 % len(barge)], into=1.5),) if double else ()
            scene = Scene(f"echo {number + 1}", sayings, echo=each, linger=4.0, longest=16.0)
            called = await app.call(scene, bench.folder)
            spoke = called.said[0].start if called.said else None
            found.append(alone(called.recording, reference, spoke))
            part.calls.append((called, measure(called.recording, called.said, reference)))

    part.pace = hold_scripted(bench, short_spoken(), with_desk)
    hurt = [each.stopped or not each.answered for each in found]
    part.figures.append(
        Figure("echo", "self-interruptions", float(sum(hurt)), f"of {len(hurt)}", 0, len(hurt))
    )
    held_back = [each.held > 0.1 and not each.stopped for each in found]
    part.figures.append(
        figures.share("echo", "answers held back for a moment by their echo", held_back, None)
    )
    part.figures += [
        replace(each, what=f"{each.what} (double talk)") for each in figures.stops("echo", part.measured)
    ]
    return part


def short_spoken() -> DeskFile:
    """A desk whose greeting takes some five seconds."""
    long = talkative()
    greeting = (
        "Hello, this is the front desk of Alder House, where every visitor is welcome. How can I help you?"
    )
    return replace(long, lines=replace(long.lines, greeting=greeting))


async def undisturbed(app: Desk, bench: Bench) -> Sound:
    """How the greeting sounds when nobody cuts in."""
    called = await app.call(Scene("undisturbed", (), linger=2.0), bench.folder)
    heard = called.recording.stretches
    return called.recording.desk[heard[0].start : heard[-1].end] if heard else called.recording.desk[:0]
