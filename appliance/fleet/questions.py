"""What callers of the whole fleet asked in vain, put together by the words that they share, the most asked
first."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from appliance.fleet.scope import ALL, Scope
from appliance.fleet.store import Store

READ = 5_000
"""Questions that are looked at: the newest."""

ALIKE = 0.45
"""The likeness from which a question belongs to a group: 1 is the same words."""

PAGE = 20
SHOWN = 5
"""Groups on a page, and questions of one that are shown."""

WORD = re.compile(r"[^\W\d_]+")

COMMON = frozenset(
    (
        "a an and any are at be can could do does for from give have hello hi how i in is it me my of on or "
        "please shall should tell the there this to was we what whats when where which who will with would "
        "you your"
    ).split()
)
"""Words that say little of what is asked."""


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


def unanswered(store: Store, page: int = 0, scope: Scope = ALL) -> dict[str, Any]:
    """A page of groups of what nothing answered, in the days that are kept."""
    asked = recent(store, scope)
    groups = grouped(asked)
    first = max(0, page) * PAGE
    return {
        "page": page,
        "pages": max(1, -(-len(groups) // PAGE)),
        "questions": len(asked),
        "groups": [
            {
                "times": group.times, "boxes": len(group.boxes), "sites": sorted(group.sites)[:SHOWN],
                "newest": group.newest, "phrases": [text for text, _ in group.texts.most_common(SHOWN)],
                "phrase": phrase(group.texts.most_common(1)[0][0]),
            }
            for group in groups[first : first + PAGE]
        ],
    }  # fmt: skip


def recent(store: Store, scope: Scope = ALL) -> list[Asked]:
    rows = store.read(
        f"""select text, site, name, at from question join box on box.id = box
            where state = 'member' and {scope.sql} order by question.id desc limit ?""",
        READ,
    )
    return [Asked(*each) for each in rows]


def grouped(asked: Iterable[Asked]) -> list[Group]:
    """Each question joins the group whose words it shares most, if it shares enough; the most often asked
    make the groups. What a word is worth is less the more questions have it."""
    by_text: dict[str, list[Asked]] = defaultdict(list)
    for each in asked:
        by_text[" ".join(WORD.findall(each.text.lower()))].append(each)
    bags = {text: frozenset(_stem(word) for word in text.split() if word not in COMMON) for text in by_text}
    spread = Counter(word for bag in bags.values() for word in bag)
    worth = {word: math.log(1 + len(bags) / n) for word, n in spread.items()}
    heads: dict[str, list[int]] = defaultdict(list)
    groups: list[tuple[frozenset[str], Group]] = []
    for text in sorted(by_text, key=lambda text: (-len(by_text[text]), text)):
        bag = bags[text]
        near = {place for word in bag for place in heads[word]}
        best = max(near, key=lambda place: (_alike(bag, groups[place][0], worth), -place), default=-1)
        if best < 0 or _alike(bag, groups[best][0], worth) < ALIKE:
            best = len(groups)
            groups.append((bag, Group(Counter(), set(), set())))
            for word in bag:
                heads[word].append(best)
        _join(groups[best][1], by_text[text])
    return sorted((group for _, group in groups), key=lambda group: -group.times)


def phrase(text: str) -> str:
    """What a manager may write into the desk file for it: without what is private or ends a sentence."""
    return " ".join(re.sub(r"[\[\]{}()|<>.?!,;:]", " ", text).lower().split())


def _join(group: Group, asked: Iterable[Asked]) -> None:
    for each in asked:
        group.texts[each.text] += 1
        group.sites.add(each.site)
        group.boxes.add(each.box)
        group.newest = max(group.newest, each.at)


def _alike(one: frozenset[str], other: frozenset[str], worth: dict[str, float]) -> float:
    both = sum(worth[word] for word in one & other)
    return both / sum(worth[word] for word in one | other) if both else 0.0


def _stem(word: str) -> str:
    """Without the ending that a plural, a tense or a person adds."""
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word
