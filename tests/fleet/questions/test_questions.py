"""What callers of the fleet asked in vain, put together."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from numpy.typing import NDArray

from appliance import models
from appliance.errors import ModelError
from appliance.fleet.keeping.store import Store, Told
from appliance.fleet.people.scope import Scope
from appliance.fleet.questions.alike import MODEL, by_meaning, by_words, opened
from appliance.fleet.questions.questions import FRESH, Asked, Questions, grouped, phrase
from appliance.telemetry.wire import Message

BOOT = "0123456789abcdef"
NOW = 1_900_000_000_000
CLINC = Path(__file__).parents[4] / "shared/data/nlu/clinc150.json"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "fleet.db", lambda: NOW / 1000)
    with made.write() as db:
        db.executemany(
            "insert into box (name, site, since) values (?, ?, 0)",
            [("a", "North"), ("b", "North"), ("c", "South")],
        )
    yield made
    made.close()


def asked(store: Store, box: str, *texts: str) -> None:
    told = [Message(BOOT, seq, NOW, "unanswered", {"text": text}) for seq, text in enumerate(texts, 1)]
    store.commit([Told(box, message, NOW) for message in told])


def going_by_words(store: Store) -> Questions:
    return Questions(store, lambda: None)


def model_here() -> bool:
    try:
        return bool(models.directory(MODEL))
    except ModelError:
        return False


@pytest.mark.skipif(not model_here(), reason=f"the model {MODEL} is not here")
def test_questions_of_all_boxes_that_mean_the_same_are_one(store: Store) -> None:
    asked(store, "a", "Where can I take out money?", "Are dogs allowed inside?", "Do you sell stamps?")
    asked(store, "b", "Is there a cash machine?", "May I bring pets?", "Who is your favourite painter?")
    found = Questions(store).page()
    assert (found["by"], found["questions"]) == ("meaning", 6)
    together = [sorted(group["phrases"]) for group in found["groups"] if group["times"] > 1]
    assert sorted(together) == [
        ["Are dogs allowed inside?", "May I bring pets?"],
        ["Is there a cash machine?", "Where can I take out money?"],
    ]
    assert all(group["boxes"] == group["times"] for group in found["groups"])


def test_without_the_model_they_go_by_their_words_and_the_page_is_told(store: Store) -> None:
    asked(store, "a", "Do you sell stamps?", "Is there a car park?", "do you sell stamps")
    asked(store, "b", "Where can I buy stamps", "Do you sell any stamp?", "Is there parking for the car?")
    found = going_by_words(store).page()
    assert (found["by"], found["questions"]) == ("words", 6)
    first, *_ = found["groups"]
    assert (first["times"], first["boxes"], first["sites"]) == (3, 2, ["North"])
    assert first["phrase"] == "do you sell stamps"
    assert any(group["times"] == 2 and "car park" in group["phrases"][0] for group in found["groups"])


def test_words_of_questions_go_with_the_raw_messages(store: Store) -> None:
    asked(store, "a", "Do you sell stamps?")
    store._now = lambda: NOW / 1000 + 8 * 86_400
    while store.prune():
        pass
    assert going_by_words(store).page()["questions"] == 0


class Counting:
    """What each text means is the next of as many directions; counts the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.eye(8, dtype=np.float32)[len(self.texts) : len(self.texts) + len(texts)]
        self.texts += texts
        return rows


def test_what_was_put_together_is_kept_and_only_what_is_new_is_read_for_its_meaning(store: Store) -> None:
    model = Counting()
    kept = Questions(store, lambda: model)
    asked(store, "a", "one?", "two?")
    assert kept.page()["questions"] == 2
    asked(store, "b", "two?", "three?")
    assert kept.page()["questions"] == 2
    store._now = lambda: (NOW + FRESH) / 1000
    assert [group["times"] for group in kept.page()["groups"]] == [2, 1, 1]
    assert model.texts == ["one", "two", "three"]


def test_who_sees_some_groups_sees_the_questions_of_their_boxes_only(store: Store) -> None:
    with store.write() as db:
        db.execute("insert into site (name, grp) values ('South', 'south')")
    asked(store, "a", "in the north?")
    asked(store, "c", "in the south?")
    kept = going_by_words(store)
    assert kept.page()["questions"] == 2
    [group] = kept.page(scope=Scope(frozenset({"south"})))["groups"]
    assert group["phrases"] == ["in the south?"]


def test_a_model_that_cannot_be_read_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(models, "ROOT", tmp_path)
    assert opened() is None


@given(some.lists(some.lists(some.integers(-3, 3), min_size=3, max_size=3), max_size=30))
def test_each_text_is_of_one_group_and_with_those_that_mean_the_same(directions: list[list[int]]) -> None:
    rows = np.array(directions, np.float32).reshape(-1, 3)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    found = by_meaning(rows)
    assert len(found) == len(rows)
    groups: dict[tuple[int, ...], set[int]] = {}
    for direction, group in zip(directions, found, strict=True):
        if any(direction):
            groups.setdefault(tuple(direction), set()).add(group)
    assert all(len(each) == 1 for each in groups.values())


@given(some.lists(some.text(max_size=40), max_size=40))
def test_whatever_was_asked_is_in_one_group_once(texts: list[str]) -> None:
    groups = grouped(Asked(text, "North", "a", NOW) for text in texts)
    assert sum(group.times for group in groups) == len(texts)
    assert [group.times for group in groups] == sorted((group.times for group in groups), reverse=True)


@given(some.text())
def test_a_proposed_phrase_has_no_sign_that_means_something_to_a_desk_file(text: str) -> None:
    assert not set(phrase(text)) & set("[](){}|<>")


@pytest.mark.slow
@pytest.mark.skipif(not model_here(), reason=f"the model {MODEL} is not here")
@pytest.mark.skipif(not CLINC.exists(), reason=f"{CLINC} is not here")
def test_how_many_pairs_of_questions_are_rightly_put_together() -> None:
    """One to eight questions of each of CLINC150's 150 intents, which nobody here wrote."""
    of: dict[str, list[str]] = defaultdict(list)
    for text, intent in json.loads(CLINC.read_text())["test"]:
        of[intent].append(text)
    lot = random.Random(1)
    truth = {
        text: intent for intent in sorted(of) for text in lot.sample(of[intent], lot.choice((1, 2, 4, 8)))
    }
    texts, model = sorted(truth), opened()
    assert model
    figures = {}
    for by, groups in (("meaning", by_meaning(model.embed(texts))), ("words", by_words(texts))):
        found = dict(zip(texts, groups, strict=True))
        same = [(truth[a] == truth[b], found[a] == found[b]) for a, b in combinations(texts, 2)]
        both = same.count((True, True))
        right, had = both / sum(there for _, there in same), both / sum(true for true, _ in same)
        figures[by] = round(right, 2), round(had, 2)
    print(f"{len(texts)} questions; pairs that are rightly together, and that were found: {figures}")
    assert min(figures["meaning"]) > 0.5
