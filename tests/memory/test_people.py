"""Who is remembered, and what of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.memory.errands import Errands
from appliance.memory.events import EventLog
from appliance.memory.people import Identity, People, enrol, identity, known_by
from appliance.memory.store import Store
from appliance.memory.texts import Texts


class Clock:
    moment = datetime(2026, 7, 13, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(tmp_path / "desk.db", clock)


def met(store: Store, name: str = "Ann", number: str = "5550142") -> tuple[int, str]:
    """A person who wished to be remembered, and the code."""
    with store.write() as db:
        return enrol(db, store.stamp(), name, number)


def who(store: Store, number: str, code: str) -> tuple[int, str] | None:
    with store.write() as db:
        return known_by(db, number, code)


def test_a_person_is_known_by_number_and_code(store: Store) -> None:
    ann, code = met(store)
    assert who(store, "5550142", code) == (ann, "Ann")
    assert who(store, "5550142", "000000") is None
    assert who(store, "5559999", code) is None


def test_whoever_gives_the_number_of_another_is_another(store: Store) -> None:
    ann, code = met(store)
    eve, other = met(store, "Eve")
    assert ann != eve
    assert who(store, "5550142", code) == (ann, "Ann")
    assert who(store, "5550142", other) == (eve, "Eve")


def test_a_code_is_not_in_the_file(store: Store) -> None:
    _, code = met(store, number="1")
    store.close()
    assert code.encode() not in store.path.read_bytes()


def test_a_confirmed_slot_is_known_with_its_source_until_it_expires(store: Store, clock: Clock) -> None:
    people = People(store)
    person, _ = met(store)
    people.keep_slot(person, "email", "ann@example.org", "ann at example", "call 1", days=30)
    people.keep_slot(person, "email", "ann@example.com", "ann at example", "call 2", days=30)
    about = people.about(person)
    assert about
    assert [(each.name, each.value, each.source) for each in about.slots] == [
        ("email", "ann@example.com", "call 2")
    ]
    clock.moment += timedelta(days=31)
    later = people.about(person)
    assert later
    assert later.slots == ()


def test_a_preference_is_kept_only_after_a_yes_to_it(store: Store) -> None:
    people, log = People(store), EventLog(store)
    person, _ = met(store)
    yes = log.append("call", "agreed", {"name": "room", "value": "quiet"})
    other = log.append("call", "heard", {"name": "room", "value": "quiet"})
    assert not people.prefer(person, "room", "quiet", "quiet", other)
    assert not people.prefer(person, "room", "noisy", "noisy", yes)
    assert not people.prefer(person, "bed", "quiet", "quiet", yes)
    assert not people.prefer(person, "room", "quiet", "quiet", 999)
    assert people.prefer(person, "room", "quiet", "quiet", yes)
    about = people.about(person)
    assert about
    assert [(each.name, each.value, each.source) for each in about.preferences] == [("room", "quiet", "call")]


def test_a_summary_tells_what_came_of_it_in_no_words_of_the_caller(store: Store, clock: Clock) -> None:
    people, log = People(store), EventLog(store)
    person, _ = met(store)
    log.append("call", "heard", {"text": "my secret"})
    log.append("call", "outcome", {"action": "calendar.book", "ok": True, "why": ""})
    log.append("call", "outcome", {"action": "calendar.move", "ok": False, "why": "full"})
    log.append("call", "unanswered", {"text": "my secret"})
    clock.moment += timedelta(minutes=3)
    log.append("call", "ended")
    text = people.summarise("call", person)
    assert text == (
        "2026-07-13 09:00 UTC, 3 min; done: calendar.book; not done: calendar.move (full); "
        "unanswered questions: 1."
    )
    assert people.summarise("call", person) == text
    about = people.about(person)
    assert about
    assert [each for _, each in about.summaries] == [text]


def test_forgetting_a_person_forgets_all_of_it(store: Store) -> None:
    people = People(store)
    person, _ = met(store)
    people.keep_slot(person, "email", "ann@example.org", "ann at example", "call 1")
    people.summarise("call 1", person)
    [(number,)] = store.read("select number from person where id = ?", person)
    Texts(store).put(number, "Booked, dear Ann.")
    Errands(store).put(number, "Your appointment, dear Ann.", store.now())
    people.forget(person)
    assert people.about(person) is None
    assert store.read("select * from slot") == store.read("select * from summary") == []
    assert store.read("select * from text") == store.read("select * from errand") == []
    assert b"ann@example.org" not in store.path.read_bytes()
    assert b"dear Ann" not in store.path.read_bytes()


@pytest.mark.parametrize(
    ("events", "known"),
    [
        ([], Identity()),
        ([{"how": "said", "name": "Ann"}], Identity("anyone", "", "Ann")),
        ([{"how": "caller_id", "number": "1"}], Identity("caller", "1")),
        ([{"how": "caller_id", "number": "1"}, {"how": "code", "number": "1"}], Identity("verified", "1")),
        ([{"how": "code", "number": "1"}, {"how": "caller_id", "number": "2"}], Identity("verified", "1")),
        (
            [{"how": "code", "person": 7, "name": "Ann"}, {"how": "said", "person": 8, "name": "Eve"}],
            Identity("verified", "", "Ann", 7),
        ),
        ([{"how": "said", "person": 7}], Identity()),
        ([{"how": "magic", "number": "1"}], Identity("anyone", "1")),
    ],
)
def test_who_a_caller_is(store: Store, events: list[dict[str, Any]], known: Identity) -> None:
    log = EventLog(store)
    for data in events:
        log.append("call", "identified", data)
    assert identity(log.read("call")) == known
