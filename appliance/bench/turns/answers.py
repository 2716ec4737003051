"""How soon the desk answers, in real time: fixed lines, the plain way beside them, and lines that the LLM
words."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from appliance.bench.loop import Stopwatch, watch_transcripts
from appliance.bench.turns import figures, plain
from appliance.bench.turns.bench import Bench, Part, cut_offs, cut_offs_of_all, hold, shown
from appliance.bench.turns.desk import Called, Desk, desk_file, is_worded
from appliance.bench.turns.figures import Figure
from appliance.bench.turns.instrument import Measured, measure
from appliance.bench.turns.recordings import Clip
from appliance.bench.turns.room import Said
from appliance.bench.turns.scenes import Saying, calls, in_places, turns
from appliance.messages import Heard, Line, Turn, samples, seconds


def fixed(bench: Bench) -> Part:
    """Fixed lines, in real time: some callers pause, half of them speak where it is noisy. Then the first of
    them once more, the plain way."""
    said = turns(bench.library, bench.count(50, 10))
    scenes = list(in_places(calls(said, 5, "fixed"), bench.library))
    desk = desk_file(Clip(each.name, each.sound, each.text) for each in said)
    part = Part("fixed")
    overheads: list[float] = []
    late: list[float] = []

    async def with_desk(app: Desk) -> None:
        watch = Stopwatch()
        watch.wrap(app.engine("embed")[0], "embed")
        watch.wrap_first(app.engine("tts")[0], "speak")
        watch_transcripts(app.engine("asr")[0], watch)
        for scene in shown(scenes, "fixed lines"):
            called = await app.call(scene, bench.folder)
            part.add(called, measured := measure(called.recording, called.said))
            late.append(called.late)
            overheads.extend(_overheads(called, measured, watch))

    part.pace = hold(bench, desk, with_desk)
    part.figures += figures.latency("fixed", part.measured, 500, 900)
    part.figures += [cut_offs(part, 5), cut_offs_of_all(part, 5)]
    if not bench.scripted:
        p95 = figures.percentile(overheads, 95)
        part.figures += [
            Figure("fixed", "the loop's own overhead, p95", p95, "ms", 30, len(overheads)),
            Figure("fixed", "the sound card's thread was late by, at worst", 1000 * max(late)),
        ]
    return part


def plain_way(bench: Bench) -> Part:
    """The same callers as of the fixed lines, the plain way, in real time."""
    said = turns(bench.library, bench.count(50, 10))
    scenes = list(in_places(calls(said, 5, "plain"), bench.library))[: bench.count(4, 2)]
    desk = desk_file(Clip(each.name, each.sound, each.text) for each in said)
    part = Part("plain")

    async def with_desk(app: Desk) -> None:
        for scene in shown(scenes, "the plain way"):
            called = await app.call(scene, bench.folder, partial(plain.talk, app))
            part.add(called, measure(called.recording, called.said))

    part.pace = hold(bench, desk, with_desk)
    part.figures = figures.latency("plain", part.measured)
    part.figures.append(cut_offs(part, None))
    return part


def worded(bench: Bench) -> Part:
    """Lines that the LLM words, in real time."""
    worded_ones = (clip for clip in bench.library.callers() if is_worded(clip.text))
    clips = list(islice(worded_ones, bench.count(24, 6)))
    said = [Saying(clip.sound, name=clip.name, text=clip.text) for clip in clips]
    scenes = calls(said, 4, "worded")
    desk = desk_file(clips, "rephrase", every=1)
    lines = {fact.say for fact in desk.fact.values()}
    part = Part("worded")
    ours: list[bool] = []

    async def with_desk(app: Desk) -> None:
        for scene in shown(scenes, "worded lines"):
            called = await app.call(scene, bench.folder)
            part.add(called, _of_facts(called, measure(called.recording, called.said)))
            ours.extend(turn.meant not in lines for turn in called.turns if _of_a_fact(turn))

    part.pace = hold(bench, desk, with_desk, llm=True)
    part.figures += figures.latency("worded", part.measured, 900, 1500)
    part.figures.append(figures.share("worded", "said in the LLM's own words", ours, None))
    return part


def first_audio(bench: Bench) -> Part:
    """A sentence of 25 words out of the voice, as the desk's mouth asks for it."""
    sentence = (
        "If you would like to leave a message for somebody in the house, please tell me your name and your "
        "number after the tone, and then hang up."
    )
    part = Part("speech")
    took: list[float] = []

    async def with_desk(app: Desk) -> None:
        assert app.speech
        for number in range(bench.count(24, 4)):
            line = Line(sentence.replace("house", f"house {number + 1}"), fixed=False)
            began = time.monotonic()
            async for pcm in app.speech.speak(line):
                if pcm:
                    took.append(time.monotonic() - began)
                    break

    part.pace = hold(bench, desk_file(), with_desk)
    median, p95 = figures.percentile(took, 50), figures.percentile(took, 95)
    part.figures = [
        Figure("speech", "first audio of a 25-word sentence, median", median, "ms", 150, len(took)),
        Figure("speech", "first audio of a 25-word sentence, p95", p95, "ms", None, len(took)),
    ]
    return part


def _overheads(called: Called, measured: Sequence[Measured], watch: Stopwatch) -> Iterable[float]:
    """Seconds between the decision that a turn is over and the first sound in which no engine worked."""
    for said, result in zip(called.said, measured, strict=True):
        turn = _answer_to(called, said, result)
        if turn and isinstance(turn.cause, Heard) and result.latency is not None:
            decided, first = seconds(turn.cause.decided), seconds(said.end) + result.latency
            busy = watch.between(called.began + decided, called.began + first)
            yield max(0.0, first - decided - busy)


def _answer_to(called: Called, said: Said, result: Measured) -> Turn | None:
    """The program's own record of the answer whose first sound was measured."""
    if result.latency is None or math.isinf(result.latency):
        return None
    first = said.end + samples(result.latency)
    return next((t for t in called.turns if abs((t.spoken.start or 0) - first) < samples(0.3)), None)


def _of_a_fact(turn: Turn | None) -> bool:
    return bool(turn and turn.decision and turn.decision.intent.startswith("fact_"))


def _of_facts(called: Called, measured: list[Measured]) -> list[Measured]:
    """Only where the desk knew the answer was there anything to word; what never came stays."""
    return [
        result
        if result.latency == math.inf or _of_a_fact(_answer_to(called, said, result))
        else replace(result, latency=None)
        for said, result in zip(called.said, measured, strict=True)
    ]
