"""A folder of documents, and the sentence in it that answers a question."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from appliance.documents.asking import content
from appliance.documents.attacks import addresses_machine
from appliance.documents.index import Index, Row
from appliance.documents.judging import Judge, leans_back, qualifies, sure
from appliance.documents.reading import LARGEST, UnreadableError, read
from appliance.documents.sentences import Sentence, sentences
from appliance.engines import Embed

MAKER = "1"
"""Counts up when reading, splitting or embedding changes; an index made by another is made anew."""

CONSIDERED = 30
"""Sentences taken from each of the two searches."""

JUDGED = 10
"""Sentences that are looked at closely."""

FUSION = 60
"""The constant of reciprocal rank fusion: how little the first rank counts more than the next."""

BATCH = 64
"""Sentences embedded between two calls of `progress`."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of a document, as it can be said."""

    text: str
    source: str
    """For people: "prices.md, Parking, line 12"."""
    heading: str
    """The headings above it, outermost first, joined by " > "."""
    score: float
    """How probable it is that it answers the question, 0 to 1."""
    sure: bool
    """Whether that is enough to say it."""


class Documents:
    """`folder` is what people fill; `database` is an index of it that can be deleted at any time. Blocks, and
    may be used from any thread that may use `embed`."""

    def __init__(self, folder: Path, database: Path, embed: Embed) -> None:
        self._folder = folder
        self._embed = embed
        self._index = Index(database, embed.dimensions)
        self._judge = Judge(embed, self._index)

    def load(self, progress: Callable[[str, int, int], None] | None = None) -> list[str]:
        """Read what is new or has changed, forget what is gone, and say in plain words what could not be
        read. `progress` gets the name of a document, its sentences that are done, and how many it has.
        StorageError where the index cannot be written."""
        self._index.made_by(MAKER, self._embed.embed(["a probe of the embedding model"])[0])
        known = self._index.files()
        present = dict(self._files())
        for gone in known.keys() - present.keys():
            self._index.remove(gone)
        problems = []
        for name, path in sorted(present.items()):
            try:
                data = path.read_bytes() if path.stat().st_size <= LARGEST else bytes(LARGEST + 1)
            except OSError as error:
                problems.append(f"{name} cannot be opened ({error.strerror}); look at its rights")
                self._index.remove(name)
                continue
            digest = hashlib.sha256(data).hexdigest()
            if name in known and known[name][0] == digest:
                problems += known[name][1]
                continue
            problems += self._put(name, data, digest, progress)
        if not self._index.scrub():
            problems.append(
                "removed text still lies in the index, which is in use; it is wiped at the next load"
            )
        return problems

    def find(self, question: str, most: int = 5) -> list[Passage]:
        """The sentences that have to do with a question, best first, then what stands beside the best."""
        ranked = self._ranked(question)[:most]
        passages = [self._passage(row, score) for row, score in ranked]
        if ranked and len(passages) < most:
            have = {row.id for row, _ in ranked}
            for row in self._index.beside(ranked[0][0]):
                if row and row.id not in have and row.block == ranked[0][0].block:
                    passages.append(Passage(row.text, row.source, row.heading, 0.0, False))
        return passages[:most]

    def answer(self, question: str) -> Passage | None:
        """What to say to a question: one sentence, or two where the one cannot be understood, or would
        mislead, without its neighbour. None unless it is about just what was asked."""
        for row, score in self._ranked(question)[:1]:
            if sure(score):
                before, after = self._index.beside(row)
                text = row.text
                if before and before.block == row.block and leans_back(text):
                    text = f"{before.text} {text}"
                if after and after.block == row.block and qualifies(after.text):
                    text = f"{text} {after.text}"
                return Passage(text, row.source, row.heading, score, True)
        return None

    def _ranked(self, question: str) -> list[tuple[Row, float]]:
        vector = self._embed.embed([question])[0]
        words = content(question)
        fused: dict[int, float] = {}
        with self._index.open():
            for ranks in (self._index.near(vector, CONSIDERED), self._index.worded(words, CONSIDERED)):
                for rank, id in enumerate(ranks):
                    fused[id] = fused.get(id, 0.0) + 1 / (FUSION + rank)
            best = sorted(fused, key=lambda id: -fused[id])[:JUDGED]
            rows = list(self._index.rows(best).values())
            scores = self._judge.scores(question, words, vector, rows)
        return sorted(zip(rows, scores, strict=True), key=lambda each: -each[1])

    def _passage(self, row: Row, score: float) -> Passage:
        return Passage(row.text, row.source, row.heading, score, sure(score))

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Files by their name in the folder. Hidden ones are not documents, and links that lead out of the
        folder could lead anywhere."""
        root = self._folder.resolve()
        for path in self._folder.rglob("*") if root.is_dir() else ():
            name = path.relative_to(self._folder)
            hidden = any(part.startswith((".", "~")) for part in name.parts)
            if not hidden and path.is_file() and path.resolve().is_relative_to(root):
                yield name.as_posix().encode("utf-8", "replace").decode(), path

    def _put(
        self, name: str, data: bytes, digest: str, progress: Callable[[str, int, int], None] | None
    ) -> list[str]:
        problems: list[str] = []
        try:
            found, problems = trusted(name, sentences(read(name, data)))
        except UnreadableError as error:
            found, problems = [], [f"{name} {error}"]
        except (RecursionError, ValueError) as error:
            found, problems = [], [f"{name} cannot be read ({type(error).__name__}); save it anew"]
        whole = np.zeros((len(found), self._embed.dimensions), np.float32)
        bare = np.zeros_like(whole)
        for at in range(0, len(found), BATCH):
            batch = found[at : at + BATCH]
            whole[at : at + BATCH] = self._embed.embed([meant(each) for each in batch])
            bare[at : at + BATCH] = self._embed.embed([each.text for each in batch])
            if progress:
                progress(name, at + len(batch), len(found))
        rows = [(each.block, each.text, " > ".join(each.heading), source(name, each)) for each in found]
        self._index.put(name, digest, problems, title(found), rows, whole, bare)
        return problems


def meant(sentence: Sentence) -> str:
    """What of a sentence is embedded: it means what it does under its heading."""
    return ": ".join((*sentence.heading, sentence.text))


def title(found: list[Sentence]) -> str:
    """The outermost headings."""
    return " ".join(dict.fromkeys(each.heading[0] for each in found if each.heading))


def source(name: str, sentence: Sentence) -> str:
    page = f"page {sentence.page}" if sentence.page else ""
    heading = sentence.heading[-1] if sentence.heading else ""
    return ", ".join(part for part in (name, page, heading, f"line {sentence.line}") if part)


def trusted(name: str, found: list[Sentence]) -> tuple[list[Sentence], list[str]]:
    """The sentences without the sections that speak to the machine, and what to tell the manager of them."""
    bad = {
        each.heading
        for each in found
        if addresses_machine(each.text) or any(addresses_machine(part) for part in each.heading)
    }
    bad |= {
        one.heading
        for one, other in pairwise(found)
        if one.heading == other.heading and addresses_machine(f"{one.text} {other.text}")
    }
    problems = []
    for heading in sorted(bad):
        first = next(each for each in found if each.heading == heading)
        problems.append(
            f"{source(name, first)}: this section gives orders to the machine, so nothing of it is ever "
            "said; if it is meant for people, put it differently"
        )
    return [each for each in found if each.heading not in bad], problems
