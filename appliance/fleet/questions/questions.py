"""What callers of the whole fleet asked in vain, put together by what it means, the most asked first."""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.fleet.keeping.store import Store
from appliance.fleet.people.scope import ALL, Scope
from appliance.fleet.questions.alike import WORD, Meaning, by_meaning, by_words, opened

READ = 3_000
"""Questions that are looked at: the newest."""

FRESH = 15_000
"""Milliseconds for which what was put together counts: in a large fleet there is a new question at any
moment."""

KEPT = 16
"""Scopes for which it is kept."""

PAGE = 20
SHOWN = 5
"""Groups on a page, and questions of one that are shown."""


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    site: str
    box: str
    at: int


@dataclass(slots=True)
class Group:
    """Questions that mean the same."""

    texts: Counter[str]
    sites: set[str]
    boxes: set[str]
    newest: int = 0

    @property
    def times(self) -> int:
        return self.texts.total()


@dataclass(frozen=True, slots=True)
class Told:
    """The groups of what was asked, as they were found at a time."""

    at: int
    asked: list[Asked]
    groups: list[Group]
    by: str
    """meaning or words."""


class Questions:
    """Of a store. Blocks: for seconds where much is new."""

    def __init__(self, store: Store, model: Callable[[], Meaning | None] = opened) -> None:
        """`model` opens the model of meanings when it is first needed, and again until it is there."""
        self._store = store
        self._open = model
        self._model: Meaning | None = None
        self._rows: dict[str, NDArray[np.float32]] = {}
        """What the texts that were seen last mean."""
        self._told: OrderedDict[Scope, Told] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, number: int = 0, scope: Scope = ALL) -> dict[str, Any]:
        """A page of groups of what nothing answered, in the days that are kept."""
        with self._lock:
            told = self._fresh(scope)
        first = max(0, number) * PAGE
        return {
            "page": number,
            "pages": max(1, -(-len(told.groups) // PAGE)),
            "questions": len(told.asked),
            "by": told.by,
            "groups": [_shown(group) for group in told.groups[first : first + PAGE]],
        }

    def _fresh(self, scope: Scope) -> Told:
        """What is known of a scope, put together anew where that is old and something was asked since."""
        now, known = self._store.now(), self._told.get(scope)
        if known and known.at <= now < known.at + FRESH:
            return known
        asked = recent(self._store, scope)
        self._model = self._model or self._open()
        by = "meaning" if self._model else "words"
        if known and (known.asked, known.by) == (asked, by):
            told = Told(now, asked, known.groups, by)
        else:
            told = Told(now, asked, grouped(asked, self._alike), by)
        self._told[scope] = told
        self._told.move_to_end(scope)
        if len(self._told) > KEPT:
            self._told.popitem(last=False)
        return told

    def _alike(self, texts: Sequence[str]) -> list[int]:
        if not self._model:
            return by_words(texts)
        if not texts:
            return []
        new = [text for text in texts if text not in self._rows]
        if new:
            self._rows.update(zip(new, self._model.embed(new), strict=True))
        rows = np.stack([self._rows[text] for text in texts])
        if len(self._rows) > 2 * READ:
            self._rows = dict(zip(texts, rows, strict=True))
        return by_meaning(rows)


def recent(store: Store, scope: Scope = ALL) -> list[Asked]:
    rows = store.read(
        f"""select text, site, name, at from question join box on box.id = box
            where state = 'member' and {scope.sql} order by question.id desc limit ?""",
        READ,
    )
    return [Asked(*each) for each in rows]


def grouped(asked: Iterable[Asked], alike: Callable[[Sequence[str]], list[int]] = by_words) -> list[Group]:
    """The most often asked first. `alike`: see alike.py."""
    by_text: dict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        by_text[" ".join(WORD.findall(each.text.lower()))].append(each)
    texts = sorted(by_text, key=lambda text: (-len(by_text[text]), text))
    groups: dict[int, Group] = {}
    for text, place in zip(texts, alike(texts), strict=True):
        _join(groups.setdefault(place, Group(Counter(), set(), set())), by_text[text])
    return sorted(groups.values(), key=lambda group: -group.times)


def phrase(text: str) -> str:
    """What a manager may write into the desk file for it: without what is private or ends a sentence."""
    return " ".join(re.sub(r"[\[\]{}()|<>.?!,;:]", " ", text).lower().split())


def _join(group: Group, asked: Iterable[Asked]) -> None:
    for each in asked:
        group.texts[each.text] += 1
        group.sites.add(each.site)
        group.boxes.add(each.box)
        group.newest = max(group.newest, each.at)


def _shown(group: Group) -> dict[str, Any]:
    phrases = [text for text, _ in group.texts.most_common(SHOWN)]
    return {
        "times": group.times, "boxes": len(group.boxes), "sites": sorted(group.sites)[:SHOWN],
        "newest": group.newest, "phrases": phrases, "more": len(group.texts) - len(phrases),
        "phrase": phrase(phrases[0]),
    }  # fmt: skip
