"""What was asked in vain is put together by meaning, and one click makes a draft of it."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from appliance import config
from appliance.engines import registry
from appliance.errors import ConfigError
from appliance.understanding import Candidate, Understood
from appliance.workshop import tomledit
from appliance.workshop.proposals import propose
from tests.console.editing import TEXT, Page, editing
from tests.console.visiting import missing, visit
from tests.workshop.test_workshop import opened

PARKING = ("where can I leave my car", "is there a car park", "do you have parking")
STAMPS = ("do you sell stamps", "where do I get stamps")
ALONE = "do you have vegan food"
NOTHING = Understood("reject", "meaning", ())

FLOW = """
[flow.book]
# Keep these short.
phrases = ["book [an] appointment"]
done = "{name}, you are booked."
ask = [{slot = "name", type = "name", prompt = "Your name?"}]
"""


def test_questions_are_put_together_by_meaning_most_often_asked_first() -> None:
    box, _ = config.read_box()
    embed = registry.make("embed", box.engines.embed, box)
    asked = Counter(dict.fromkeys((*PARKING, ALONE, *STAMPS), 1))
    asked[STAMPS[1]] = 5
    found = propose(asked, embed.embed(list(asked)), [NOTHING] * len(asked))
    assert [set(each.questions) for each in found] == [set(STAMPS), set(PARKING)]
    assert [each.times for each in found] == [6, 3]
    assert found[0].questions[0] == STAMPS[1]
    assert not any(each.intent for each in found)


def test_what_they_may_mean_together_is_told_where_it_is_likely() -> None:
    box, _ = config.read_box()
    embed = registry.make("embed", box.engines.embed, box)
    near = Understood("reject", "meaning", (Candidate("parking", 0.3), Candidate("hours", 0.05)))
    far = Understood("reject", "meaning", (Candidate("hours", 0.06),))
    asked = Counter(PARKING)
    meanings = embed.embed(list(asked))
    assert propose(asked, meanings, [near, near, far])[0].intent == "parking"
    assert propose(asked, meanings, [far, far, far])[0].intent == ""


def test_phrases_are_added_to_a_flow_and_nothing_else_changes() -> None:
    text = tomledit.add_phrases(TEXT + FLOW, "book", ["I want a slot (now)?", "book [an] appointment", ""])
    assert "# Keep these short." in text
    before, after = tomllib.loads(TEXT + FLOW), tomllib.loads(text)
    assert after["flow"]["book"].pop("phrases") == [
        "book [an] appointment",
        "I want a slot now",
        "book an appointment",
    ]
    before["flow"]["book"].pop("phrases")
    assert before == after
    with pytest.raises(ConfigError, match=r"no flow\.nothing"):
        tomledit.add_phrases(text, "nothing", ["x"])


def ask(page: Page, *questions: str) -> None:
    for question in questions:
        with page.app.place.store.write() as db:
            db.execute(
                "insert into unanswered (call, at, text) values ('one', ?, ?)",
                page.app.place.store.stamp(), question,
            )  # fmt: skip


@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_one_click_makes_a_draft_of_what_was_asked_in_vain(tmp_path: Path) -> None:
    async with editing(tmp_path, TEXT + FLOW) as page:
        ask(page, "do you sell stamps", "do you sell any stamps")
        code, told = await page.ask("proposals", {})
        assert code == 200
        assert told["proposals"][0]["times"] == 2
        seen = await visit(
            page.console,
            ["see", "#verdict", "All is well"],
            ["press", "#asked summary"],
            ["see", ".proposal", "2 callers asked alike"],
            ["press", ".proposal button"],
            ["evaluate", "asked", "document.querySelector('.fact-form textarea').value"],
            ["fill", ".fact-form input >> nth=0", "stamps"],
            ["fill", ".fact-form textarea >> nth=1", "Stamps are at the desk."],
            ["press", ".fact-form .main"],
            ["see", ".fact.fresh", "Stamps are at the desk"],
            ["see", "#live", "not live yet"],
            ["evaluate", "draft", "document.querySelector('#source').value"],
            url=f"{page.console.url}/editor.html",
        )
    assert set(seen.readings["asked"].split("\n")) == {"do you sell stamps", "do you sell any stamps"}
    fact = tomllib.loads(seen.readings["draft"])["fact"]["stamps"]
    assert fact["say"] == "Stamps are at the desk."
    assert "stamps" not in (tmp_path / "desk.toml").read_text()


async def test_a_plain_yes_or_no_is_no_question(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        for text in ("no", "Yes, please.", "no thank you", "do you sell stamps", "no parking?"):
            await app.place.notebook.unanswered("call", text)
        asked = {each.text for each in await workshop.questions()}
    assert "do you sell stamps" in asked
    assert not asked & {"no", "Yes, please.", "no thank you"}
