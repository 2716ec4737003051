"""What came of earlier conversations is found again, by those it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.memory.people import enrol
from appliance.memory.recall import EVERYBODY, Recall
from appliance.memory.store import Store


class Remembered:
    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "desk.db")
        self.path = folder / "recall.db"
        self.recall = Recall(self.store, self.path, FakeEmbed(), InlineThread())
        with self.store.write() as db:
            self.ann, _ = enrol(db, self.store.stamp(), "Ann", "1")
            self.bob, _ = enrol(db, self.store.stamp(), "Bob", "2")
        self.recall.keep(self.ann, "a", "deed", "making an appointment: Thursday, half past ten")
        self.recall.keep(self.ann, "b", "message", "a message: the kitchen pipe is leaking")
        self.recall.keep(self.ann, "c", "deed", "being called back: about the insurance")
        self.recall.keep(self.bob, "d", "message", "a message: my tenant's pipe bursts")
        self.recall.keep(None, "e", "message", "a message: whose umbrella is this")

    def asked(self, person: int, question: str) -> str:
        found = self.recall.find(person, question)
        return found.text if found else ""


@pytest.fixture
def memory(tmp_path: Path) -> Remembered:
    return Remembered(tmp_path)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("what did I book last time?", "insurance"),
        ("did I leave a message about the pipe?", "kitchen"),
        ("did I leave you a message?", "kitchen"),
        ("when was my appointment on Thursday?", "half past ten"),
        ("did I say something about leaks", "leaking"),
        ("did I leave a message about the zebra?", ""),
        ('"); drop table words; --', ""),
    ],
)
def test_a_person_is_told_what_was_of_his_own(memory: Remembered, question: str, found: str) -> None:
    answer = memory.asked(memory.ann, question)
    assert found in answer
    assert bool(found) == bool(answer)


def test_what_is_of_another_is_not_found(memory: Remembered) -> None:
    assert memory.asked(memory.bob, "did I leave a message about the kitchen?") == ""
    assert "tenant" in memory.asked(memory.bob, "did I leave a message about the pipe?")
    assert memory.asked(memory.ann, "what about the umbrella?") == ""


def test_staff_find_what_is_of_anybody(memory: Remembered) -> None:
    assert "umbrella" in memory.asked(EVERYBODY, "did somebody lose an umbrella?")
    assert "kitchen" in memory.asked(EVERYBODY, "the kitchen")


def test_the_index_can_be_lost_and_is_made_anew(memory: Remembered) -> None:
    assert "kitchen" in memory.asked(memory.ann, "the pipe")
    for path in memory.path.parent.glob("recall.db*"):
        path.unlink()
    assert "kitchen" in memory.asked(memory.ann, "the pipe")


def test_what_is_forgotten_leaves_no_byte(memory: Remembered) -> None:
    assert "kitchen" in memory.asked(memory.ann, "the pipe")
    meaning = FakeEmbed().embed(["a message: the kitchen pipe is leaking"])[0].tobytes()
    assert any(meaning in path.read_bytes() for path in memory.path.parent.iterdir())
    memory.recall.forget(memory.ann)
    memory.store.close()
    for path in memory.path.parent.iterdir():
        assert b"kitchen" not in path.read_bytes(), path
        assert meaning not in path.read_bytes(), path
    assert memory.path.exists()
