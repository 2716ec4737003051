"""What the desks that ship do with what they are not for, and with what they are for in other words."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from appliance import config
from appliance.answering.knowledge import Knowledge
from appliance.engines.inline import InlineThread
from appliance.engines.minilm import MiniLM
from appliance.understanding import OUTSIDE, Understanding
from tests.understanding.conftest import CLINIC

SAID = tomllib.loads((Path(__file__).parent / "said.toml").read_text("utf-8"))


@pytest.fixture(scope="module", params=["clinic", "hotel", "lobby"])
def knowledge(request: pytest.FixtureRequest, minilm: MiniLM) -> tuple[str, Knowledge]:
    desk, _ = config.read_desk(config.SHIPPED / f"{request.param}.toml")
    knowledge = Knowledge(desk, minilm, InlineThread())
    knowledge._learn()
    return request.param, knowledge


async def test_what_a_desk_is_not_for_is_never_taken_for_something_and_seldom_asked_about(
    knowledge: tuple[str, Knowledge],
) -> None:
    """A third of these were asked about before the desks knew what no desk is for."""
    name, known = knowledge
    strange = SAID["anywhere"]["strange"] + SAID[name]["strange"]
    verdicts = Counter([(await known.understand(text)).verdict for text in strange])
    print(name, verdicts)
    assert verdicts["accept"] == 0
    assert verdicts["ask"] <= 0.15 * len(strange)


async def test_what_a_desk_is_for_is_understood_in_other_words(knowledge: tuple[str, Knowledge]) -> None:
    name, known = knowledge
    led: Counter[str] = Counter()
    for text, intent in SAID[name]["meant"]:
        understood = await known.understand(text)
        names = [each.intent for each in understood.candidates]
        right = intent in (names[:1] if understood.verdict == "accept" else names[:2])
        led[f"{understood.verdict} {'right' if right else 'wrong'}"] += 1
    print(name, led)
    assert led["accept wrong"] == 0
    assert led["accept right"] + led["ask right"] >= 0.75 * len(SAID[name]["meant"])


def test_what_is_outside_but_near_a_phrase_is_the_desks_own(minilm: MiniLM) -> None:
    """A desk for pets is asked about pets, whatever no other desk is for."""
    pets = {"sad": ["my dog has died", "my cat has died"], "food": ["what do I feed a hedgehog"], **CLINIC}
    desk = Understanding(pets, minilm, OUTSIDE)
    understood = desk.understand("my old dog died yesterday")
    assert understood.verdict != "reject"
    assert understood.candidates[0].intent == "sad"


def test_an_intent_by_phrase_is_not_meant_in_other_words(minilm: MiniLM) -> None:
    said = "could I get an appointment with a doctor soon"
    assert Understanding(CLINIC, minilm, OUTSIDE).understand(said).candidates[0].intent == "book"
    ruled = Understanding(CLINIC, minilm, OUTSIDE, by_phrase=["book"])
    assert "book" not in [each.intent for each in ruled.understand(said).candidates]
    assert ruled.understand("book an appointment").candidates[0].intent == "book"


def test_the_background_is_read_without_remarks_and_says_nothing_twice() -> None:
    assert len(OUTSIDE) == len(set(OUTSIDE)) > 400
    assert not any(line.startswith("#") or line != line.strip() for line in OUTSIDE)
