"""The page's list of calls, as a browser asks for it, and each call as a person sees and hears it."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from appliance.channels.scripted import ScriptedCaller
from appliance.commands.replay import replay
from appliance.commands.scenario import Script
from appliance.config import read_box
from appliance.config.strict import TomlFile
from appliance.messages import RATE, Decision, Heard, Spoken, Turn, Word, samples
from appliance.observe.account import kept, last
from appliance.observe.score import Mark
from appliance.serving.books import Books
from tests.console.editing import NEWER, Page, editing
from tests.console.visiting import missing, visit

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LONG = 20.0
"""Seconds of the call that is looked at."""


def turns() -> list[Turn]:
    """A greeting, and a question that the desk takes for another."""
    words = tuple(Word(text, samples(at), samples(at + 0.5)) for text, at in (("Hello", 0.0), ("there", 0.5)))
    first = Spoken("Hello there", 0, samples(1), 0, True, words)
    heard = Heard("where can I leave my car", samples(3), samples(6), samples(6.4), samples(6.2), 0.8)
    answer = tuple(Word(text, samples(7 + n), samples(8 + n)) for n, text in enumerate(("From", "nine")))
    second = Spoken("From nine", samples(7), samples(9), samples(6.8), True, answer)
    decision = Decision("hours", "near", "desk.toml fact.hours", 0.7, 0.01)
    return [
        Turn(
            "looked-at",
            1,
            None,
            Decision("greeting", "the call began"),
            "Hello there",
            first,
            began=0,
            answered=0,
        ),
        Turn("looked-at", 2, heard, decision, "From nine", second, began=samples(6.4), answered=samples(6.5)),
    ]


def record(books: Books, recorded: bool = True) -> None:
    """A call that two checks found wanting; the caller is heard at a fifth of the loudest, from 3 to 6 s."""
    calls = books.calls
    number = calls.begin("looked-at", "ab" * 16, "sip", "Alder House", "0123456789ab", BEGAN)
    for turn in turns():
        calls.keep(number, kept(turn), last(turn))
    marks = [Mark("greeted", True), Mark("understood", False, 2, "a test"), Mark("reached", False)]
    name = "looked-at.ogg" if recorded else ""
    calls.end(number, BEGAN + timedelta(seconds=LONG), samples(LONG), [], [], marks, name)
    if recorded:
        sound = np.zeros((samples(LONG), 2), dtype="int16")
        sound[samples(3) : samples(6), 0] = 6554
        books.recordings.mkdir(parents=True)
        soundfile.write(books.recordings / name, sound, RATE, format="OGG", subtype="OPUS")


def fetch(page: Page, path: str, **headers: str) -> tuple[int, bytes]:
    code, body, _ = told(page, path, **headers)
    return code, body


def told(page: Page, path: str, **headers: str) -> tuple[int, bytes, Message]:
    request = urllib.request.Request(page.console.url + path, headers={"Cookie": page.cookie, **headers})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


shared = pytest.mark.asyncio(loop_scope="module")
"""Of tests that only look at the page, which is opened once for them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    async with editing(tmp_path_factory.mktemp("desk")) as page:
        record(page.app.books)
        yield page


async def test_calls_are_listed_newest_first_and_those_to_review_worst_first(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        record(page.app.books)
        for name, line in (("fine", "when are you open"), ("odd", "xyzzy plugh")):
            await page.app.chat(ScriptedCaller([line], name))
        _, listed = await page.ask("calls/list", {})
        assert [call["id"] for call in listed["calls"]] == ["odd", "fine", "looked-at"]
        _, review = await page.ask("calls/list", {"review": True})
        assert [call["id"] for call in review["calls"]] == ["odd", "looked-at"]
        assert review["waiting"] == 2
        assert await page.ask("calls/agree", {"id": "odd"}) == (200, {})
        _, review = await page.ask("calls/list", {"review": True})
        assert [call["id"] for call in review["calls"]] == ["looked-at"]


@shared
async def test_a_call_comes_with_its_turns_stages_and_picture(page: Page) -> None:
    code, call = await page.ask("calls/call", {"id": "looked-at"})
    assert code == 200
    assert [turn["number"] for turn in call["turns"]] == [1, 2]
    assert call["turns"][0]["spoken"] == [["Hello", 0, 8000], ["there", 8000, 16_000]]
    assert {span["name"] for span in call["spans"]} >= {"heard", "end of turn", "decided", "spoken"}
    caller, desk = call["wave"]
    assert call["sounded"] == samples(LONG)
    assert max(desk) == 0
    loud = [at * LONG / len(caller) for at, peak in enumerate(caller) if peak > 10]
    assert (round(min(loud)), round(max(loud))) == (3, 6)
    assert {"parking", "hours", "person"} <= set(call["intents"])


@shared
async def test_the_sound_comes_in_the_parts_that_the_browser_asks_for(page: Page) -> None:
    whole = (page.app.books.recordings / "looked-at.ogg").read_bytes()
    path = "/desk/calls/looked-at/sound"
    assert await asyncio.to_thread(fetch, page, path) == (200, whole)
    assert await asyncio.to_thread(fetch, page, path, Range="bytes=100-199") == (206, whole[100:200])


@shared
async def test_no_other_file_is_taken_for_a_recording(page: Page) -> None:
    calls = page.app.books.calls
    number = calls.begin("elsewhere", "cd" * 16, "sip", "Alder House", "0123456789ab", BEGAN)
    for name in ("../../desk.toml", "/etc/hostname", "missing.ogg", ".ogg", "a b.ogg"):
        calls.end(number, BEGAN, 0, [], recording=name)
        code, _ = await asyncio.to_thread(fetch, page, "/desk/calls/elsewhere/sound")
        assert code == 404, name


async def test_a_visitor_sees_and_hears_nothing(tmp_path: Path) -> None:
    async with editing(tmp_path, claimed=True) as page:
        record(page.app.books)
        for what, asked in (
            ("list", {}),
            ("call", {"id": "looked-at"}),
            ("agree", {"id": "looked-at"}),
            ("correct", {"id": "looked-at", "turn": 2, "intent": "parking"}),
        ):
            assert (await page.ask(f"calls/{what}", asked))[0] == 401
        for what in ("shadow", "candidate", "candidate/drop", "candidate/share", "candidate/share/end"):
            assert (await page.ask(what, {"text": NEWER}))[0] == 401
        assert (await asyncio.to_thread(fetch, page, "/desk/calls/looked-at/sound"))[0] == 401
        await page.enter("ann")
        assert (await page.ask("calls/list", {}))[0] == 200
        assert (await asyncio.to_thread(fetch, page, "/desk/calls/looked-at/sound"))[0] == 200


SENSELESS: list[tuple[str, dict[str, object]]] = [
    ("call", {"id": "nobody"}),
    ("call", {}),
    ("list", {"after": ["a", 1]}),
    ("list", {"after": [1, 10**30]}),
    ("correct", {"id": "looked-at", "turn": 1, "intent": "parking"}),
    ("correct", {"id": "looked-at", "turn": 2, "intent": "no such thing"}),
    ("correct", {"id": "looked-at", "turn": 99, "intent": "parking"}),
]


@shared
async def test_what_makes_no_sense_is_refused(page: Page) -> None:
    for what, asked in SENSELESS:
        assert (await page.ask(f"calls/{what}", asked))[0] == 400, asked
    assert not page.app.books.scenarios.exists()


async def test_a_correction_is_a_scenario_that_fails_until_the_desk_is_mended(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        record(page.app.books)
        code, told = await page.ask("calls/correct", {"id": "looked-at", "turn": 2, "intent": "parking"})
        assert code == 200
        script = Path(told["file"])
        scenario = TomlFile(script).into(Script).scenario[told["scenario"]]
        assert scenario.says == ("where can I leave my car",)
        assert scenario.decided == ("parking",)
        _, call = await page.ask("calls/call", {"id": "looked-at"})
        assert call["review"] == "corrected"
    box = tmp_path / "box.toml"
    box.write_text('[engines]\nembed = {engine = "words"}\n')
    read_box(box)
    [before] = await replay([script], box)
    assert "not parking" in before.wrong[0]
    desk = tmp_path / "desk.toml"
    desk.write_text(desk.read_text().replace('"where can I park"', '"where can I leave my car"'))
    [after] = await replay([script], box)
    assert after.wrong == []


async def test_the_first_page_of_a_hundred_thousand_calls_comes_at_once(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        marks = '[["understood",false,2,"a test"]]'
        with page.app.books.calls.store.write() as db:
            db.execute(
                f"""with recursive n (n) as (select 1 union all select n + 1 from n where n < 100000)
                    insert into call
                        (id, trace, channel, agent, desk, began, ended, length, turns, marks, failed)
                    select 'call' || n, hex(randomblob(16)), 'sip', 'Alder House', '0123456789ab',
                        '2026-11-23T09:00:00.000+00:00', '2026-11-23T09:01:00.000+00:00', 960000, 8,
                        '{marks}', n % 5 from n"""
            )
        for asked in ({}, {"review": True}):
            took = []
            for _ in range(5):
                began = time.perf_counter()
                code, listed = await page.ask("calls/list", asked)
                took.append(time.perf_counter() - began)
                assert (code, len(listed["calls"])) == (200, 50)
            assert min(took) < 0.3
        deep = await page.ask("calls/list", {"after": [0, 50_000]})
        assert deep[1]["calls"][0]["id"] == "call49999"


@pytest.mark.parametrize("place", [[-1], [0, 1 << 80], ["one", "two"], 3, {"0": 1}])
async def test_a_place_in_the_list_that_is_none_is_refused(tmp_path: Path, place: object) -> None:
    async with editing(tmp_path) as page:
        assert (await page.ask("calls/list", {"after": place}))[0] == 400


AWAY = """(() => {
  const whole = window.fetch;
  window.fetch = async () => {
    window.fetch = whole;
    throw new TypeError("Failed to fetch");
  };
})()"""
"""The box does not answer the next question."""


@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_a_click_on_a_word_plays_it_and_the_word_is_marked(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        record(page.app.books)
        seen = await visit(
            page.console,
            ["see", ".call-row", "2 no"],
            ["press", ".call-row button"],
            ["see", "#marks .no", "understood"],
            ["press", ".word >> text=car"],
            ["see", ".word.now", "car"],
            ["evaluate", "at", "document.querySelector('#sound').currentTime"],
            ["read", "said", "#said .caller"],
            ["evaluate", "bars", "document.querySelectorAll('.stage').length"],
            ["evaluate", "tick", "getComputedStyle(document.querySelector('#verdict'), '::before').content"],
            ["press", ".reason .plain"],
            ["evaluate", "chosen", "document.querySelector('.correct select').value = 'parking'"],
            ["evaluate", "away", AWAY],
            ["press", ".correct button"],
            ["see", "#verdict", "does not answer"],
            ["press", ".correct button"],
            ["see", "#verdict", "Written down"],
            ["see", "#none", "Nothing waits"],
            url=f"{page.console.url}/calls.html",
        )
    assert 5.2 < seen.readings["at"] < 6.2
    assert "where can I leave my car" in seen.readings["said"][0]
    assert seen.readings["bars"] >= 7
    assert seen.readings["tick"] == "none"


@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_a_recording_that_is_shorter_than_its_call_lies_where_it_was_said(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        record(page.app.books)
        sound = np.zeros((samples(LONG / 2), 2), dtype="int16")
        soundfile.write(
            page.app.books.recordings / "looked-at.ogg", sound, RATE, format="OGG", subtype="OPUS"
        )
        seen = await visit(
            page.console,
            ["press", ".call-row button"],
            ["see", "#marks .no", "understood"],
            ["evaluate", "wide", "[...document.querySelectorAll('#wave, #track')].map((e) => e.clientWidth)"],
            ["read", "wrong", ".call-row .wrong"],
            url=f"{page.console.url}/calls.html",
        )
    track, wave = seen.readings["wide"]
    assert wave == pytest.approx(track / 2, abs=1)
    assert seen.readings["wrong"] == ["Not understood, not reached"]


@pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")
async def test_by_keyboard_on_a_phone_one_goes_to_a_call_through_its_words_and_back(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        record(page.app.books)
        seen = await visit(
            page.console,
            ["see", ".call-row", "2 no"],
            ["focus", ".call-row button"],
            ["key", "Enter"],
            ["see", "#title", "2026"],
            ["evaluate", "hidden", "!document.querySelector('#listing').checkVisibility()"],
            ["evaluate", "wide", "document.documentElement.scrollWidth"],
            ["focus", ".word"],
            ["key", "ArrowRight"],
            ["evaluate", "word", "document.activeElement.textContent"],
            ["press", "#back"],
            ["see", ".call-row:visible", "2 no"],
            ["press", ".call-row button"],
            ["see", "#title:visible", "2026"],
            ["evaluate", "back", "history.back()"],
            ["see", ".call-row:visible", "2 no"],
            ["evaluate", "forward", "history.forward()"],
            ["see", "#title:visible", "2026"],
            url=f"{page.console.url}/calls.html",
            viewport={"width": 390, "height": 844},
        )
    assert seen.readings["hidden"] is True
    assert seen.readings["wide"] <= 390
    assert seen.readings["word"] == "there"


@shared
async def test_a_recording_that_is_damaged_leaves_the_call_to_be_read(page: Page) -> None:
    _, _, headers = await asyncio.to_thread(told, page, "/desk/calls/looked-at/sound")
    assert headers["cache-control"] == "no-store"
    recording = page.app.books.recordings / "looked-at.ogg"
    whole = recording.read_bytes()
    recording.write_bytes(b"no sound")
    code, call = await page.ask("calls/call", {"id": "looked-at"})
    recording.write_bytes(whole)
    assert (code, call["wave"], len(call["turns"])) == (200, None, 2)


@shared
async def test_counts_are_there_for_prometheus(page: Page) -> None:
    code, body = await asyncio.to_thread(fetch, page, "/metrics")
    assert code == 200
    assert b"appliance_calls_under_way 0" in body
