"""The page in a real browser: writing to the desk, and what is on and off."""

from __future__ import annotations

import pytest

from appliance.channels import Call
from appliance.console.server import Status
from tests.channels.browser import Receptionist, lines, opened
from tests.console.visiting import missing, visit

pytestmark = pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")


async def test_one_writes_and_is_answered() -> None:
    async with opened(Receptionist()) as console:
        seen = await visit(
            console,
            ["focus", "#text"],
            ["fill", "#text", "<b>hello</b> & good morning"],
            ["key", "Enter"],
            ["see", ".desk", "You wrote:"],
            ["read", "words", ".words"],
            ["evaluate", "field", "document.querySelector('#text').value"],
        )
    assert seen.readings["words"] == [
        "<b>hello</b> & good morning",
        "You wrote: <b>hello</b> & good morning",
    ]
    assert seen.readings["field"] == ""


async def test_a_megabyte_of_text_is_refused_in_plain_words_and_kept() -> None:
    async with opened(Receptionist()) as console:
        seen = await visit(
            console,
            ["fill", "#text", "0123456789", 100_000],
            ["press", "#write button"],
            ["see", "#problem", "too long"],
            ["evaluate", "kept", "document.querySelector('#text').value.length"],
            ["fill", "#text", "shorter"],
            ["key", "Enter"],
            ["see", ".desk", "You wrote: shorter"],
            ["evaluate", "problem", "document.querySelector('#problem').hidden"],
        )
    assert seen.readings["kept"] == 1_000_000
    assert seen.readings["problem"] is True


async def test_control_characters_are_harmless() -> None:
    async with opened(Receptionist()) as console:
        await visit(
            console,
            ["fill", "#text", "a\u0000b\u001b[31mc\u2028d"],
            ["key", "Enter"],
            ["see", ".desk", "You wrote: a b [31mc d"],
        )


async def test_a_chat_that_breaks_off_says_so() -> None:
    async def chat(call: Call) -> None:
        async for _ in call.hear():
            raise RuntimeError("of the desk")

    async with opened(Receptionist(chat=chat)) as console:
        await visit(
            console,
            ["fill", "#text", "hello"],
            ["key", "Enter"],
            ["see", "#problem", "The conversation broke off. Write again to begin another."],
        )


async def test_what_is_on_and_off_and_why_is_there() -> None:
    status = [Status("page", True), Status("kiosk", False, "no microphone; plug one in")]
    async with opened(Receptionist(), title=lambda: "Harbour Street", status=lambda: status) as console:
        seen = await visit(
            console,
            ["see", "#summary", "1 on, 1 off"],
            ["press", "summary"],
            ["see", "#status .off", "no microphone; plug one in"],
            ["read", "desk", "h1"],
            ["evaluate", "title", "document.title"],
        )
    assert seen.readings["desk"] == ["Harbour Street"]
    assert seen.readings["title"] == "Harbour Street"


async def test_the_kiosk_is_woken_by_a_button_while_it_is_on() -> None:
    woken: list[bool] = []
    status = [Status("kiosk", True)]
    async with opened(Receptionist(), status=lambda: status, wake=lambda: woken.append(True)) as console:
        await visit(
            console,
            ["see", "#wake:visible", "Wake the kiosk"],
            ["press", "#wake"],
            ["see", "#wake:visible", "Wake the kiosk"],
            ["wait", 0.5],
        )
        assert woken == [True]
        status[0] = Status("kiosk", False, "no microphone; plug one in")
        await visit(console, ["see", "#summary", "0 on, 1 off"], ["see", "body:has(#wake[hidden])", ""])


async def test_a_phone_shows_all_of_it_without_scrolling_sideways() -> None:
    async def chat(call: Call) -> None:
        async for _ in call.hear():
            await call.say(lines("word" * 100))

    async with opened(Receptionist(chat=chat)) as console:
        seen = await visit(
            console,
            ["fill", "#text", "x" * 500],
            ["key", "Enter"],
            ["see", ".desk", "word"],
            ["evaluate", "wide", "document.documentElement.scrollWidth"],
            ["evaluate", "talk", "document.querySelector('#talk').getBoundingClientRect().bottom"],
            viewport={"width": 360, "height": 640},
        )
    assert seen.readings["wide"] == 360
    assert seen.readings["talk"] <= 640
