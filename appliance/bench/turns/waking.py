"""Wake words: those of the wake bench, on a share of its recordings."""

from __future__ import annotations

from appliance.bench import wake as bench_wake
from appliance.bench.turns.bench import Bench, Part
from appliance.bench.turns.figures import Figure


def wake(bench: Bench) -> Part:
    """Each phrase that has marks. `appliance bench wake` takes all of the other sound, and longer."""
    part = Part("wake")
    for phrase, (missed, hourly) in bench_wake.MARKS.items():
        library = bench.library
        result = bench_wake.measure(phrase, library.data, bench.count(5, 60), library.half)
        share = 100 * result.share if result.spoken else None
        note = f"{len(result.missed)} of {result.spoken}"
        part.figures += [
            Figure("wake", f"{phrase}: missed", share, "%", 100 * missed, result.spoken, note),
            Figure(
                "wake",
                f"{phrase}: false",
                result.hourly,
                "/ h",
                hourly,
                len(result.false),
                f"in {result.hours:.2f} h of other sound",
            ),
        ]
    return part
