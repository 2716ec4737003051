"""Who has the floor while the desk speaks: interruptions, what is none, and the desk's own echo."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from appliance.bench.turns import figures
from appliance.bench.turns.bench import Bench, Part, hold, hold_scripted, shown
from appliance.bench.turns.desk import Desk, talkative
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.instrument import Alone, alone, measure, steady
from appliance.bench.turns.recordings import Sound
from appliance.bench.turns.scenes import Echo, Scene, bystanders, calls, echoes, interruptions


def stops(bench: Bench) -> Part:
    """Interruptions, in real time."""
    said = interruptions(bench.library, bench.count(60 if bench.scripted else 30, 5))
    part = Part("interruptions")

    async def with_desk(app: Desk) -> None:
        reference = await undisturbed(app, bench)
        for scene in shown(calls(said, 5, "interrupted"), "interruptions"):
            called = await app.call(scene, bench.folder)
            part.add(called, measure(called.recording, called.said, reference))

    part.pace = hold(bench, talkative(), with_desk)
    part.figures += figures.stops("interruptions", part.measured, 150)
    part.figures += figures.latency("interruptions", part.measured)
    return part


def noises(bench: Bench) -> Part:
    """Back-channels, noises and coughs while the desk speaks, in scripted time."""
    said = bystanders(bench.library, bench.count(120, 9))
    part = Part("bystanders")

    async def with_desk(app: Desk) -> None:
        reference = await undisturbed(app, bench)
        for scene in shown(calls(said, 3, "bystander"), "back-channels and noises"):
            called = await app.call(scene, bench.folder)
            part.add(called, measure(called.recording, called.said, reference))

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
    ways = list(echoes(bench.library, count))
    part = Part("echo")
    found: list[tuple[Echo, Alone]] = []
    gave_up = 0

    async def with_desk(app: Desk, calls: range) -> None:
        nonlocal gave_up
        reference = await undisturbed(app, bench)
        for number in shown(calls, "echo"):
            double = number % 10 == 9
            sayings = (replace(barge[number // 10 % len(barge)], into=1.5),) if double else ()
            scene = Scene(f"echo {number + 1}", sayings, echo=ways[number], linger=4.0, longest=16.0)
            called = await app.call(scene, bench.folder)
            spoke = called.said[0].start if called.said else None
            what = alone(called.recording, reference, spoke)
            if double and called.said and not steady(called.recording, called.said[0].end):
                what = replace(what, stopped=True)
            if called.gave_up:  # Who does not listen is not interrupted: that is no success.
                what, gave_up = replace(what, stopped=True), gave_up + 1
            found.append((ways[number], what))
            called.outcome = "heard itself" if what.failed else f"held {what.held:.2f} s" if what.held else ""
            part.add(called, measure(called.recording, called.said, reference))

    mine, each = bench.shared(count), -(-count // len(GREETINGS))
    for number, greeting in enumerate(GREETINGS):
        if calls := range(max(mine.start, number * each), min(mine.stop, (number + 1) * each)):
            part.pace = hold_scripted(bench, talkative(greeting), partial(with_desk, calls=calls))
    hurt = [what.failed for _, what in found]
    note = f"{gave_up} of them no longer listened while they spoke"
    self_taken = Figure("echo", "self-interruptions", sum(hurt), f"of {len(hurt)}", 0, len(hurt), note)
    held_back = [what.held > 0.1 and not what.failed for _, what in found]
    part.figures += [
        self_taken,
        figures.share("echo", "answers held back for a moment by their echo", held_back, None),
        *(_at_levels(found, low) for low in (-5, -10, -15, -20)),
        *(
            replace(figure, what=f"{figure.what} (double talk)")
            for figure in figures.stops("echo", part.measured)
        ),
    ]
    return part


def _at_levels(found: list[tuple[Echo, Alone]], low: int) -> Figure:
    hurt = [what.failed for way, what in found if low <= way.level < low + 5 + (low == -5)]
    return figures.share("echo", f"self-interruptions of echoes of {low} to {low + 5} dB", hurt, None)


GREETINGS = (
    "Hello, this is the front desk of Alder House, where every visitor is welcome. How can I help you?",
    "Good morning. You have reached the surgery. Please tell me your name and what you are calling about.",
    "Welcome to the hotel. I can book a table, order a taxi, or tell you when breakfast is served.",
    "Thank you for calling. We are open from nine to five thirty. What can I do for you today?",
)


async def undisturbed(app: Desk, bench: Bench) -> Sound:
    """How the greeting sounds when nobody cuts in."""
    called = await app.call(Scene("undisturbed", (), linger=2.0), bench.folder)
    heard = called.recording.stretches
    return called.recording.desk[heard[0].start : heard[-1].end] if heard else called.recording.desk[:0]
