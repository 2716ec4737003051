"""Who is remembered, and what of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.memory.events import EventLog
from appliance.memory.people import Identity, People, identity
from appliance.memory.store import Store


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


ANN = Identity("verified", "5550142", "Ann")


def test_a_verified_number_is_the_same_person_next_time(store: Store) -> None:
    people = People(store)
    person = people.meet(ANN)
    assert person is not None
    assert people.meet(ANN) == people.by_number("5550142") == person


def test_a_number_that_was_only_shown_leads_to_nobody(store: Store) -> None:
    people = People(store)
    people.meet(ANN)
    assert people.meet(Identity("caller", "5550142")) is None
    assert people.meet(Identity("anyone")) is None


def test_two_people_at_the_kiosk_may_share_a_name(store: Store) -> None:
    people = People(store)
    assert people.meet(Identity("anyone", name="Ann")) != people.meet(Identity("anyone", name="Ann"))


def test_a_confirmed_slot_is_known_with_its_source_until_it_expires(store: Store, clock: Clock) -> None:
    people = People(store)
    person = people.meet(ANN) or 0
    people.keep_slot(person, "email", "ann@example.org", "call 1", days=30)
    people.keep_slot(person, "email", "ann@example.com", "call 2", days=30)
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
    person = people.meet(ANN) or 0
    yes = log.append("call", "agreed", {"name": "room", "value": "quiet"})
    other = log.append("call", "heard", {"name": "room", "value": "quiet"})
    assert not people.prefer(person, "room", "quiet", other)
    assert not people.prefer(person, "room", "noisy", yes)
    assert not people.prefer(person, "bed", "quiet", yes)
    assert not people.prefer(person, "room", "quiet", 999)
    assert people.prefer(person, "room", "quiet", yes)
    about = people.about(person)
    assert about
    assert about.preferences == (("room", "quiet"),)


def test_a_summary_tells_what_came_of_it_in_no_words_of_the_caller(store: Store, clock: Clock) -> None:
    people, log = People(store), EventLog(store)
    person = people.meet(ANN) or 0
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
    person = people.meet(ANN) or 0
    people.keep_slot(person, "email", "ann@example.org", "call 1")
    people.summarise("call 1", person)
    people.forget(person)
    assert people.about(person) is None
    assert store.read("select * from slot") == store.read("select * from summary") == []


@pytest.mark.parametrize(
    ("events", "known"),
    [
        ([], Identity()),
        ([{"how": "said", "name": "Ann"}], Identity("anyone", "", "Ann")),
        ([{"how": "caller_id", "number": "1"}], Identity("caller", "1")),
        ([{"how": "caller_id", "number": "1"}, {"how": "code", "number": "1"}], Identity("verified", "1")),
        ([{"how": "code", "number": "1"}, {"how": "caller_id", "number": "2"}], Identity("verified", "1")),
        ([{"how": "magic", "number": "1"}], Identity("anyone", "1")),
    ],
)
def test_who_a_caller_is(store: Store, events: list[dict[str, Any]], known: Identity) -> None:
    log = EventLog(store)
    for data in events:
        log.append("call", "identified", data)
    assert identity(log.read("call")) == known
