"""Mouth to ear without thinking, by SIP and by the modem; and how many media legs one box carries."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from appliance.bench.phone import tones
from appliance.bench.phone.lines import Echo, gsm, sip
from appliance.bench.phone.tones import EVERY, Late, Onsets, burst
from appliance.bench.turns.figures import Figure, percentile

DELAY = 80
"""Milliseconds, p95."""

LEGS = 50

POLL = 0.002
"""Seconds between two looks at what the modem has taken."""


async def delay(bursts: int) -> list[Figure]:
    """Tone in to tone out, of one call each; and by SIP of eight at once."""
    figures: list[Figure] = []
    async with sip(Echo()) as (_, port):
        for calls, mark in ((1, DELAY), (8, None)):
            came = await _away(port, calls, bursts)
            late = [each for lates, _ in came for each in lates]
            figures += _figures(f"sip, {calls} at once" if calls > 1 else "sip", late, calls * bursts, mark)
    return figures + _figures("gsm", await _by_modem(bursts), bursts, DELAY)


async def legs(seconds: float, count: int) -> list[Figure]:
    """So many calls that are said everything again, at the same time."""
    desk = Echo()
    async with sip(desk) as (line, port):
        assert line.stack
        assert line.stack.process
        processes = (os.getpid(), line.stack.process)
        before, began = [cpu(each) for each in processes], time.monotonic()
        bursts = max(2, round(seconds / EVERY))
        came = await _away(port, count, bursts)
        took = time.monotonic() - began
        ours, stacks = (
            100 * (cpu(process) - was) / took for process, was in zip(processes, before, strict=True)
        )
    whole = sum(len(late) >= 0.9 * bursts and packets >= 0.9 * bursts * EVERY * 50 for late, packets in came)
    late = [each for lates, _ in came for each in lates]
    note = f"of a core: {stacks:.0f} % the stack, {ours:.0f} % the desk"
    return [
        Figure("legs", f"{count} media legs at once: failed", count - whole, "", 0, count, note),
        Figure("legs", "processor", ours + stacks, "%", None, count, "of one core, callers not counted"),
        *_figures("legs", late, count * bursts, None),
    ]


async def _away(port: int, calls: int, bursts: int) -> list[tuple[Late, int]]:
    """The callers are in a process of their own, so that they do not hold the desk up."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        work = asyncio.get_running_loop().run_in_executor
        return await work(pool, tones.at_once, port, calls, bursts)


async def _by_modem(bursts: int) -> Late:
    """The modem hands sound over every 20 ms: a burst leaves with one of its beats, known by what it takes
    from the desk at the same moment."""
    async with gsm(Echo()) as modem:
        modem.ring()
        rate, onsets = modem.rate, Onsets(modem.rate)
        await _answered(modem.hear)
        said: list[float] = []
        until = time.monotonic()
        for number in range(bursts + 1):
            # Not always at the same place between two beats.
            until += EVERY + 0.003 * (number % 7)
            modem.say(burst(rate) if number < bursts else b"")
            waiting = number < bursts
            while (now := time.monotonic()) < until:
                if pcm := modem.hear():
                    onsets.push(pcm, now)
                    if waiting:
                        said.append(now)
                        waiting = False
                await asyncio.sleep(POLL)
        return onsets.late(said)


async def _answered(hear: Callable[[], bytes]) -> None:
    async with asyncio.timeout(10):
        while not hear():  # noqa: ASYNC110
            await asyncio.sleep(POLL)


def _figures(part: str, late: Late, said: int, mark: float | None) -> list[Figure]:
    note = f"{said - len(late)} of {said} bursts did not come back" if len(late) < said else ""
    return [
        Figure("delay", f"mouth to ear, {part}, median", percentile(late, 50), "ms", None, len(late), note),
        Figure("delay", f"mouth to ear, {part}, p95", percentile(late, 95), "ms", mark, len(late), note),
    ]


def cpu(process: int) -> float:
    """Seconds of processor that it has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
