"""`appliance bench understanding`: whether the desk knows what is meant, on sentences that no one here wrote.

A desk is made of ten phrases per intent, drawn from the training part of a public set, and is asked what the
test part means. Nothing is learned from test parts, thresholds neither.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from appliance.bench import spans
from appliance.bench.labels import f1, folds, likeness_labels, words_labels
from appliance.bench.sets import DATA
from appliance.engines import Embed
from appliance.errors import ApplianceError, StorageError
from appliance.models import directory
from appliance.understanding import OUTSIDE, Understanding

SHOTS = 10
"""Phrases per intent."""

TIMED = 400
"""Utterances whose understanding is timed, alone and not remembered."""

Said = list[tuple[str, str]]
"""Sentences and what they mean."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured."""

    data: str
    what: str
    value: float
    mark: float | None = None
    """At least this much, or, where `most` is set, at most."""
    most: bool = False
    unit: str = "%"

    @property
    def passed(self) -> bool | None:
        if self.mark is None:
            return None
        return self.value <= self.mark if self.most else self.value >= self.mark


class Remembering:
    """An embedding engine that works out each text once."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._rows: dict[str, NDArray[np.float32]] = {}
        self.dimensions = embed.dimensions

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if new:
            self._rows.update(zip(new, self._embed.embed(new), strict=True))
        return np.stack([self._rows[text] for text in texts])

    def forget(self, texts: Sequence[str]) -> None:
        """Work these out again when they are next asked for."""
        for text in texts:
            self._rows.pop(text, None)


def clinc(data: Path) -> tuple[Said, Said, list[str]]:
    """To learn from, to be asked, and what is beside the matter."""
    sets = json.loads(_read(data / "nlu" / "clinc150.json"))
    train, test = ([(text, intent) for text, intent in sets[part]] for part in ("train", "test"))
    return train, test, [text for text, _ in sets["oos_test"]]


def banking(data: Path) -> tuple[Said, Said, list[str]]:
    train, test = (
        [(row["text"], row["category"]) for row in csv.DictReader(_read(data / "nlu" / name).splitlines())]
        for name in ("banking77_train.csv", "banking77_test.csv")
    )
    return train, test, []


def desk(train: Said, shots: int, seed: int) -> dict[str, list[str]]:
    """Some phrases of each intent, drawn by lot; what a template would take for its own signs is left out."""
    by_intent: dict[str, list[str]] = {}
    for text, intent in train:
        by_intent.setdefault(intent, []).append(re.sub(r"[()\[\]{}<>|;\\]", " ", text))
    lot = random.Random(seed)
    return {intent: lot.sample(by_intent[intent], shots) for intent in sorted(by_intent)}


def measure(understanding: Understanding, test: Said, outside: Sequence[str]) -> dict[str, float]:
    """What the desk does with what is said: shares of 1, and counts."""
    understood = [understanding.understand(text) for text, _ in test]
    ranks = [[each.intent for each in understanding.rank(text)[:3]] for text, _ in test]
    wanted = [intent for _, intent in test]
    offered = [[each.intent for each in one.candidates] for one in understood]
    accepted = [i for i, one in enumerate(understood) if one.verdict == "accept"]
    asked = [i for i, one in enumerate(understood) if one.verdict == "ask"]
    strange = [understanding.understand(text).verdict for text in outside]
    return {
        "first": _share(range(len(test)), lambda i: ranks[i][0] == wanted[i]),
        "two": _share(range(len(test)), lambda i: wanted[i] in ranks[i][:2]),
        "three": _share(range(len(test)), lambda i: wanted[i] in ranks[i]),
        "accepted": len(accepted) / len(test),
        "error": _share(accepted, lambda i: offered[i][0] != wanted[i]),
        "asked": len(asked) / len(test),
        "contained": _share(asked, lambda i: wanted[i] in offered[i]),
        "options": sum(len(offered[i]) for i in asked) / max(1, len(asked)),
        "rejected": 1 - (len(accepted) + len(asked)) / len(test),
        "on_the_way": _share([*accepted, *asked], lambda i: wanted[i] in offered[i])
        * (len(accepted) + len(asked))
        / len(test),
        "strange_accepted": strange.count("accept") / max(1, len(strange)),
        "strange_asked": strange.count("ask") / max(1, len(strange)),
    }


def _share(which: Sequence[int], true: Callable[[int], bool]) -> float:
    return sum(map(true, which)) / max(1, len(which))


def turns(understanding: Understanding, texts: Sequence[str]) -> float:
    """Milliseconds that 95 of 100 turns stay below."""
    times = []
    for text in texts:
        before = time.perf_counter()
        understanding.understand(text)
        times.append(time.perf_counter() - before)
    return 1000 * float(np.quantile(times, 0.95))


def single(name: str, values: Mapping[str, float]) -> list[Figure]:
    """The figures of a set in which each sentence means one thing."""
    known = name == "CLINC150"
    rows = [
        Figure(name, "first is right", values["first"], 0.91 if known else 0.86),
        Figure(name, "first two contain it", values["two"]),
        Figure(name, "first three contain it", values["three"], 0.97 if known else None),
        Figure(name, "accepted", values["accepted"]),
        Figure(name, "  of these wrong", values["error"], 0.015, most=True),
        Figure(name, "asked about", values["asked"]),
        Figure(name, "  the options contain it", values["contained"], 0.97 if known else None),
        Figure(name, "  options (2 to 4)", values["options"], unit=""),
        Figure(name, "rejected", values["rejected"]),
        Figure(name, "accepted rightly, or asked with it", values["on_the_way"]),
    ]
    if known:
        rows += [
            Figure(name, "beside the matter: accepted", values["strange_accepted"], 0.02, most=True),
            Figure(name, "beside the matter: asked about", values["strange_asked"]),
        ]
    return rows


def labels(data: Path, embed: Embed, turned: bool, tick: Callable[[], None]) -> list[Figure]:
    """NLU++ hotels, whose sentences mean several things at once: micro F1 over the folds."""
    name = f"NLU++ hotels, {'one fold' if turned else 'nine folds'} to learn from"
    every = folds(data / "nlu" / "nlupp_hotels")
    ours, theirs = [], []
    for number, fold in enumerate(every):
        others = [each for i, other in enumerate(every) if i != number for each in other]
        train, test = (fold, others) if turned else (others, fold)
        ours.append(f1(likeness_labels(train, [text for text, _ in test], embed), test))
        theirs.append(f1(words_labels(train, [text for text, _ in test]), test))
        tick()
    mean, base = float(np.mean(ours)), float(np.mean(theirs))
    return [
        Figure(name, "intents F1", mean),
        Figure(name, "TF-IDF and logistic regression", base),
        Figure(name, "better by", mean - base, 0.08),
    ]


def slots(data: Path, turned: bool, tick: Callable[[], None]) -> list[Figure]:
    """The slots of the same sentences: micro F1 of names and words that are both right."""
    name = f"NLU++ hotels, {'one fold' if turned else 'nine folds'} to learn from"
    every = spans.folds(data / "nlu" / "nlupp_hotels")
    ours, theirs = [], []
    for number, fold in enumerate(every):
        others = [each for i, other in enumerate(every) if i != number for each in other]
        train, test = (fold, others) if turned else (others, fold)
        texts = [text for text, _ in test]
        ours.append(spans.f1(spans.found_spans(train, texts), test))
        theirs.append(spans.f1(spans.words_spans(train, texts), test))
        tick()
    mean, base = float(np.mean(ours)), float(np.mean(theirs))
    return [
        Figure(name, "slots F1", mean),
        Figure(name, "TF-IDF and logistic regression", base),
        Figure(name, "better by", mean - base, 0.08),
    ]


def main(arguments: list[str] | None = None) -> int:
    """0 when every mark is met, 1 when one is missed, 2 when it cannot run."""
    parser = argparse.ArgumentParser(prog="appliance bench understanding", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="desks drawn by lot; means are shown")
    parser.add_argument("--shots", type=int, default=SHOTS, help="phrases per intent")
    parser.add_argument("--limit", type=int, help="test sentences of each set")
    parser.add_argument("--sets", default="clinc,banking,hotels", help="some of these, divided by commas")
    parser.add_argument("--model", default="minilm-l6-v2", help="a fetched model's name, or a folder")
    parser.add_argument("--threads", type=int, default=1, help="of the embedding; the box gives it one")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with nlu/")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    errors = Console(stderr=True)
    names = options.sets.split(",")
    if unknown := set(names) - {"clinc", "banking", "hotels"}:
        errors.print(f"there is no set {', '.join(sorted(unknown))}; choose among clinc, banking, hotels")
        return 2
    try:
        with Progress(console=errors, transient=True) as progress:
            figures = _figures(names, options, progress)
    except ApplianceError as error:
        errors.print(str(error))
        return 2
    if options.json:
        print(json.dumps([{**asdict(each), "passed": each.passed} for each in figures]))
    else:
        Console().print(_table(figures))
    return int(any(each.passed is False for each in figures))


def _figures(names: Sequence[str], options: argparse.Namespace, progress: Progress) -> list[Figure]:
    from appliance.engines.minilm import MiniLM

    model = Path(options.model) if Path(options.model).is_dir() else directory(options.model)
    embed = Remembering(MiniLM(model, threads=options.threads))
    figures: list[Figure] = []
    for key, title, read in (("clinc", "CLINC150", clinc), ("banking", "BANKING77", banking)):
        if key not in names:
            continue
        train, test, outside = read(options.data)
        test, outside = test[: options.limit], outside[: options.limit]
        task = progress.add_task(title, total=options.seeds + 1)
        embed.embed([text for text, _ in test] + outside + list(OUTSIDE))
        progress.advance(task)
        measured, took = [], []
        for seed in range(options.seeds):
            phrases = desk(train, options.shots, seed)
            embed.embed([text for each in phrases.values() for text in each])
            before = time.perf_counter()
            understanding = Understanding(phrases, embed, OUTSIDE)
            took.append(time.perf_counter() - before)
            measured.append(measure(understanding, test, outside))
            progress.advance(task)
        figures += single(title, {key: float(np.mean([one[key] for one in measured])) for key in measured[0]})
        figures.append(Figure(title, "learning, embeddings aside", float(np.mean(took)), unit="s"))
        timed = list(dict.fromkeys(text for text, _ in test[:TIMED]))
        embed.forget(timed)
        slowest = turns(understanding, timed)
        figures.append(Figure(title, "one turn, p95", slowest, 40, most=True, unit="ms"))
    if "hotels" in names:
        task = progress.add_task("NLU++ hotels", total=40)
        for turned in (True, False):
            figures += labels(options.data, embed, turned, lambda: progress.advance(task))
            figures += slots(options.data, turned, lambda: progress.advance(task))
    return figures


def _table(figures: Sequence[Figure]) -> Table:
    table = Table("data", "what", "measured", "mark", "")
    before = ""
    for each in figures:
        sign = "" if each.passed is None else "[green]met" if each.passed else "[red]missed"
        mark = "" if each.mark is None else ("<= " if each.most else ">= ") + _number(each.mark, each.unit)
        if before and each.data != before:
            table.add_section()
        table.add_row(
            each.data if each.data != before else "", each.what, _number(each.value, each.unit), mark, sign
        )
        before = each.data
    return table


def _number(value: float, unit: str) -> str:
    return f"{100 * value:.1f} %" if unit == "%" else f"{value:.1f} {unit}".strip()


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read ({error.strerror})", "give its folder by --data"
        ) from error
