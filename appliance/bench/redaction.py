"""`appliance bench redaction`: how much of what is private is left out of what is kept, and what else is."""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from appliance.bench.sentences import Sentence, sentences
from appliance.bench.sets import DATA
from appliance.errors import ApplianceError
from appliance.observe.redaction import Private, find

MARKS = {
    "card": 0.98,
    "phone": 0.98,
    "e-mail": 0.90,
    "name": 0.90,
    "numbers": 0.98,
    "names": 0.90,
    "addresses": 0.90,
}
"""The least recall, by kind of sentence or by set of recordings."""

SETS = ("numbers", "names", "addresses")
"""Recordings of which all that was said is private."""


class Tally:
    """Of one kind."""

    def __init__(self) -> None:
        self.count = 0
        self.missed: list[str] = []
        self.named = 0
        """Found as what it is."""

    @property
    def recall(self) -> float:
        return 1 - len(self.missed) / self.count if self.count else 1.0


def covered(text: str, found: Sequence[Private], start: int, end: int) -> bool:
    """Whether every letter and figure between two places is left out."""
    gone = {i for each in found for i in range(each.start, each.end)}
    return all(i in gone for i in range(start, end) if text[i].isalnum())


def generated(count: int, seed: int) -> tuple[dict[str, Tally], Counter[str], Counter[str]]:
    """Tallies by kind; what was left out rightly, and all that was left out, by kind."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    right: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for sentence in sentences(count, seed):
        found = find(sentence.text)
        if sentence.kind:
            tally = tallies[sentence.kind]
            tally.count += 1
            if not covered(sentence.text, found, sentence.start, sentence.end):
                tally.missed.append(f"{sentence.how}: {sentence.text}")
            tally.named += any(each.kind == sentence.kind and _meets(each, sentence) for each in found)
        for each in found:
            every[each.kind] += 1
            right[each.kind] += bool(sentence.kind) and _meets(each, sentence)
    return tallies, right, every


def _meets(each: Private, sentence: Sentence) -> bool:
    return each.start < sentence.end and sentence.start < each.end


def recognised(name: str, data: Path) -> Tally:
    """The words that the desk's ears make of a set of recordings; all of them are private."""
    from appliance.bench import recognition, sets

    asr, tally = recognition.ENGINES["whisper"](None, 2), Tally()
    each = sets.SETS[name]
    for clip in each.clips(data, None):
        stream = asr.stream(each.expect)
        stream.push(clip.pcm)
        text = stream.finish().text
        if not re.search(r"\w", text):
            continue
        tally.count += 1
        if not covered(text, find(text, asked_name=name == "names"), 0, len(text)):
            tally.missed.append(text)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every mark is met, 1 when one is missed, 2 when it cannot run."""
    parser = argparse.ArgumentParser(prog="appliance bench redaction", description=__doc__)
    parser.add_argument("--sentences", type=int, default=2000, help="how many are made up")
    parser.add_argument("--seed", type=int, default=1, help="another makes up others")
    parser.add_argument(
        "--recordings", action="store_true", help="the sets of dictated numbers and names, too"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with MANIFEST.tsv")
    parser.add_argument("--misses", action="store_true", help="show what was not left out")
    options = parser.parse_args(arguments)
    console = Console()
    began = time.perf_counter()
    tallies, right, every = generated(options.sentences, options.seed)
    took = time.perf_counter() - began
    try:
        for name in SETS if options.recordings else ():
            tallies[name] = recognised(name, options.data)
    except ApplianceError as error:
        Console(stderr=True).print(str(error))
        return 2
    table = Table(
        title=f"redaction: {options.sentences} sentences, {1000 * took / options.sentences:.2f} ms each"
    )
    table.add_column("what")
    for title in ("there", "left out", "mark", "as what it is", "of what was left out, rightly"):
        table.add_column(title, justify="right")
    for kind, tally in tallies.items():
        met = "met" if tally.recall >= MARKS[kind] else "[red]missed[/]"
        named = f"{tally.named / tally.count:.1%}" if kind in every else ""
        precision = f"{right[kind] / every[kind]:.1%}" if every[kind] else ""
        table.add_row(
            kind, f"{tally.count}", f"{tally.recall:.1%}", f"{MARKS[kind]:.0%} {met}", named, precision
        )
    total = f"{sum(right.values()) / max(1, sum(every.values())):.1%}"
    table.add_row("all", f"{sum(every.values())} found", "", "", "", total)
    console.print(table)
    if options.misses:
        for kind, tally in tallies.items():
            for text in tally.missed:
                console.print(f"{kind}: {text}", markup=False)
    return int(any(tally.recall < MARKS[kind] for kind, tally in tallies.items()))


if __name__ == "__main__":
    raise SystemExit(main())
