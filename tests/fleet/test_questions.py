"""What callers of the fleet asked in vain, put together; and how sites do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.fleet import grid, questions
from appliance.fleet.questions import Asked, grouped, phrase
from appliance.fleet.store import Store, Told
from appliance.telemetry.wire import Message

BOOT = "0123456789abcdef"
NOW = 1_900_000_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "fleet.db", lambda: NOW / 1000)
    with made.write() as db:
        db.executemany(
            "insert into box (name, site, since, online, seen, outbox) values (?, ?, 0, ?, ?, ?)",
            [("a", "North", 1, NOW, 5), ("b", "North", 1, NOW, 700), ("c", "South", 0, NOW, 0)],
        )
    yield made
    made.close()


def asked(store: Store, box: str, *texts: str) -> None:
    told = [Message(BOOT, seq, NOW, "unanswered", {"text": text}) for seq, text in enumerate(texts, 1)]
    store.commit([Told(box, message, NOW) for message in told])


def test_questions_of_all_boxes_that_share_their_words_are_one(store: Store) -> None:
    asked(store, "a", "Do you sell stamps?", "Is there a car park?", "do you sell stamps")
    asked(store, "b", "Where can I buy stamps", "Do you sell any stamp?", "Is there parking for the car?")
    found = questions.unanswered(store)
    assert found["questions"] == 6
    first, *_ = found["groups"]
    assert (first["times"], first["boxes"], first["sites"]) == (3, 2, ["North"])
    assert first["phrase"] == "do you sell stamps"
    assert any(group["times"] == 2 and "car park" in group["phrases"][0] for group in found["groups"])


def test_words_of_questions_go_with_the_raw_messages(store: Store) -> None:
    asked(store, "a", "Do you sell stamps?")
    store._now = lambda: NOW / 1000 + 8 * 86_400
    while store.prune():
        pass
    assert questions.unanswered(store)["questions"] == 0


@given(some.lists(some.text(max_size=40), max_size=40))
def test_whatever_was_asked_is_in_one_group_once(texts: list[str]) -> None:
    groups = grouped(Asked(text, "North", "a", NOW) for text in texts)
    assert sum(group.times for group in groups) == len(texts)
    assert [group.times for group in groups] == sorted((group.times for group in groups), reverse=True)


@given(some.text())
def test_a_proposed_phrase_has_no_sign_that_means_something_to_a_desk_file(text: str) -> None:
    assert not set(phrase(text)) & set("[](){}|<>")


def test_sites_come_the_worst_first(store: Store) -> None:
    with store.write() as db:
        db.execute("insert into fault (box, cause, since) values (1, 'gsm is off', 0)")
    found = grid.health(store)
    assert [(each["site"], each["boxes"], each["away"], each["off"]) for each in found["sites"]] == [
        ("South", 1, 1, 0),
        ("North", 2, 0, 1),
    ]
    assert [each["boxes"] for each in found["outboxes"]] == [1, 0, 1, 0, 0, 0]
