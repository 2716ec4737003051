"""A browser's call over a real WebSocket: sound both ways, words, and every way to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from appliance.channels import Call, web
from appliance.channels.web import HEADER, LETTERS, WAITING, WebVoice, _parsed, _printable
from appliance.messages import Audio, Decision, Heard, Line, Noise, Partial, Saying, Spoken, Turn
from tests.channels.browser import Receptionist, calling, lines, opened, pitch, socket, tone


async def closed(line: Any) -> int:
    """The code with which the box ends the call."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionClosed):
            async for _ in line:
                pass
        await line.wait_closed()
    return int(line.close_code)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
async def test_the_desk_hears_the_microphone_and_the_browser_plays_the_desk(rate: int) -> None:
    heard: list[Audio] = []
    played: list[Audio] = []

    async def talk(voice: WebVoice) -> None:
        voice.playout.on_played = played.append
        answering = asyncio.create_task(voice.playout.write(tone(1200, 0.4)))
        async for frame in voice.microphone():
            heard.append(frame)
        await answering

    async with opened(Receptionist(talk)) as console, calling(console, rate) as browser:
        await browser.speak(tone(440, 1.5, rate))
        said = browser.worklet.sound
    assert pitch(b"".join(frame.pcm for frame in heard), 16_000) == pytest.approx(440, abs=5)
    assert [frame.at for frame in heard] == [320 * n for n in range(len(heard))]
    assert pitch(said, rate) == pytest.approx(1200, abs=5)
    assert b"".join(audio.pcm for audio in played) == tone(1200, 0.4)


async def test_a_cut_empties_the_browser() -> None:
    account: list[Audio] = []

    async def talk(voice: WebVoice) -> None:
        voice.playout.on_played = account.append
        answering = asyncio.create_task(voice.playout.write(tone(1200, 5)))
        async for frame in voice.microphone():
            if frame.at == 16_000:
                answering.cancel()
                voice.playout.cut()

    async with opened(Receptionist(talk)) as console, calling(console) as browser:
        await browser.listen(2)
        assert {"type": "cut"} in browser.messages
        played = browser.worklet.total / 48_000
        assert 0.8 < played < 1.3
        assert sum(len(audio.pcm) for audio in account) / 2 / 16_000 == pytest.approx(played, abs=0.002)


async def test_a_slow_listener_loses_the_oldest_and_is_told() -> None:
    frames: list[Audio] = []
    lost = 0
    awake = asyncio.Event()

    async def talk(voice: WebVoice) -> None:
        nonlocal lost
        await awake.wait()
        lost = voice.dropped
        async for frame in voice.microphone():
            frames.append(frame)

    async with opened(Receptionist(talk)) as console, calling(console) as browser:
        await browser.speak(tone(440, 4, 48_000))
        awake.set()
    assert lost > 90
    assert [frame.at for frame in frames] == [320 * n for n in range(len(frames))]
    assert [frame.concealed for frame in frames] == [True] * lost + [False] * (len(frames) - lost)
    assert len(frames) - lost >= WAITING


async def test_sound_lost_on_the_way_is_concealed() -> None:
    frames: list[Audio] = []

    async def talk(voice: WebVoice) -> None:
        async for frame in voice.microphone():
            frames.append(frame)

    async with opened(Receptionist(talk)) as console, calling(console) as browser:
        await browser.speak(tone(440, 1, 48_000))
        browser.worklet.clock += 48_000
        await browser.speak(tone(440, 1, 48_000))
    assert sum(frame.concealed for frame in frames) == 50
    loud = [bool(np.abs(np.frombuffer(frame.pcm, dtype="<i2")).max() > 1000) for frame in frames]
    assert loud[20:48] == [True] * 28
    assert not any(loud[52:98])
    assert all(loud[102:140])


async def test_the_page_is_shown_the_conversation() -> None:
    heard = Heard("what time is it", 100, 200, 300, 250)
    turn = Turn("c", 2, heard, Decision("time", "a phrase"), "Ten past.", Spoken("Ten past", 400, 500))

    async def talk(voice: WebVoice) -> None:
        for what in (Partial("what time", 150), Noise(1, 2), heard, Saying(turn), turn):
            voice.notice(what)
        await asyncio.sleep(0.1)

    async with opened(Receptionist(talk)) as console, calling(console) as browser:
        await browser.listen(0.1)
        await asyncio.sleep(0.1)
        partial, noise, words, saying, record = browser.messages
    assert partial == {"type": "partial", "text": "what time", "at": 150, "paused": False}
    assert noise["type"] == "noise"
    assert words["type"] == "heard"
    assert record["type"] == "turn"
    assert record["cause"] == words
    assert record["spoken"]["text"] == "Ten past"
    assert saying == record | {"type": "saying"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", 1007),
        ("[]", 1007),
        ("[" * 30_000, 1007),
        (b"\0" * 2000, 1007),
        ('{"type": "hello"}', 1007),
        ('{"type": "hello", "rate": 0}', 1007),
        ('{"type": "hello", "rate": 1000000000}', 1007),
        ('{"type": "hello", "rate": true}', 1007),
        ('{"type": "hello", "rate": 48000.5}', 1007),
        ('{"type": "hullo", "rate": 48000}', 1007),
        ("x" * 70_000, 1009),
    ],
)
async def test_a_call_that_begins_badly_is_closed(message: str | bytes, code: int) -> None:
    async with opened(Receptionist()) as console, socket(console, "/talk") as line:
        await line.send(message)
        assert await closed(line) == code


packet = HEADER.pack(0, 0, 0) + bytes(1920)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", 1007),
        (b"short", 1007),
        (HEADER.pack(0, 0, 0), 1007),
        (packet + b"x", 1007),
        ("text where sound was due", 1007),
        ('{"type": "cut"}', 1007),
        ('{"type": "cut", "dropped": 5}', 1008),
        ('{"type": "cut", "dropped": "many"}', 1007),
        (HEADER.pack(2**64 - 1, 0, 0) + bytes(1920), 1008),
        (HEADER.pack(0, 2**64 - 1, 0) + bytes(1920), 1008),
        (HEADER.pack(0, 0, 2**64 - 1) + bytes(1920), 1008),
        (packet + bytes(70_000), 1009),
    ],
)
async def test_a_call_that_goes_bad_is_closed_and_the_desk_is_free(message: str | bytes, code: int) -> None:
    over = asyncio.Event()

    async def talk(voice: WebVoice) -> None:
        async for _ in voice.microphone():
            pass
        over.set()

    async with opened(Receptionist(talk)) as console, socket(console, "/talk") as line:
        await line.send('{"type": "hello", "rate": 48000}')
        await line.recv()
        await line.send(message)
        assert await closed(line) == code
        await asyncio.wait_for(over.wait(), 2)


async def test_a_flood_of_sound_is_ended() -> None:
    async with opened(Receptionist()) as console, calling(console) as browser:
        with pytest.raises(ConnectionClosed) as ended:
            await browser.listen(60)
        assert ended.value.rcvd
        assert ended.value.rcvd.code == 1008


async def test_a_browser_that_plays_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "PATIENCE", 1.0)
    waited = asyncio.Event()

    async def talk(voice: WebVoice) -> None:
        await voice.playout.write(tone(440, 0.3))
        await voice.playout.drain()
        waited.set()

    async with opened(Receptionist(talk)) as console, calling(console) as browser:
        browser.worklet.play = False
        with pytest.raises(ConnectionClosed) as ended:
            await browser.listen(5)
        assert ended.value.rcvd
        assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1008, "plays nothing")
        await asyncio.wait_for(waited.wait(), 1)


async def test_a_browser_that_has_nothing_to_play_may_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "PATIENCE", 1.0)
    async with opened(Receptionist()) as console, calling(console) as browser:
        await browser.listen(3)


async def test_a_browser_that_falls_silent_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "PATIENCE", 0.3)
    async with opened(Receptionist()) as console:
        async with socket(console, "/talk") as line:
            assert await closed(line) == 1008
        async with socket(console, "/talk") as line:
            await line.send('{"type": "hello", "rate": 48000}')
            assert await closed(line) == 1008


async def test_the_desk_can_hang_up() -> None:
    async def talk(voice: WebVoice) -> None:
        await voice.hang_up()
        async for _ in voice.microphone():
            pass

    async with opened(Receptionist(talk)) as console, socket(console, "/talk") as line:
        await line.send('{"type": "hello", "rate": 48000}')
        assert await closed(line) == 1000


async def test_a_desk_that_fails_ends_only_that_call() -> None:
    async def talk(voice: WebVoice) -> None:
        raise RuntimeError("of the desk")

    async with opened(Receptionist(talk)) as console, calling(console):
        async with socket(console, "/talk") as line:
            await line.send('{"type": "hello", "rate": 48000}')
            assert await closed(line) == 1011
        async with socket(console, "/chat") as line:
            await line.send('{"text": "still there?"}')
            assert json.loads(await line.recv())["text"] == "You wrote: still there?"


async def test_a_browser_that_does_not_read_is_let_go() -> None:
    over = asyncio.Event()

    async def chat(call: Call) -> None:
        try:
            async for _ in call.hear():
                while True:
                    call.notice(Partial("words " * 5000, 0))
                    await asyncio.sleep(0.001)
        finally:
            over.set()

    async with opened(Receptionist(chat=chat)) as console:
        line = await socket(console, "/chat", max_queue=1)
        line.transport.pause_reading()
        await line.send('{"text": "go on"}')
        await asyncio.wait_for(over.wait(), 10)
        line.transport.resume_reading()
        assert await closed(line) == 1006


async def test_chat_says_its_lines_as_they_come_and_remembers_them() -> None:
    remembered: list[Spoken] = []

    async def chat(call: Call) -> None:
        async for _ in call.hear():
            await call.say(lines("Good morning.", "How can I help?"))
            remembered.append(call.spoken())

    async with opened(Receptionist(chat=chat)) as console, socket(console, "/chat") as line:
        await line.send('{"text": "hello"}')
        assert json.loads(await line.recv()) == {"type": "say", "text": "Good morning."}
        assert json.loads(await line.recv()) == {"type": "say", "text": "How can I help?"}
        await line.send('{"text": "again"}')
        await line.recv()
    assert remembered[0].text == "Good morning. How can I help?"
    assert remembered[0].whole


async def test_a_chat_tells_each_line_once_and_the_turn_at_its_end() -> None:
    async def chat(call: Call) -> None:
        async for _ in call.hear():
            await call.say(lines("Good morning."))
            call.notice(Saying(Turn("c", 2, spoken=call.spoken())))
            call.notice(Turn("c", 2, spoken=call.spoken()))

    async with opened(Receptionist(chat=chat)) as console, socket(console, "/chat") as line:
        await line.send('{"text": "hello"}')
        assert [json.loads(await line.recv())["type"] for _ in range(2)] == ["say", "turn"]


async def test_an_answer_cut_in_a_chat_says_no_more() -> None:
    spoken: list[Spoken] = []

    async def endless() -> AsyncIterator[Line]:
        yield Line("One moment.")
        await asyncio.Event().wait()

    async def chat(call: Call) -> None:
        async for _ in call.hear():
            saying = asyncio.create_task(call.say(endless()))
            await asyncio.sleep(0.05)
            saying.cancel()
            spoken.append(call.spoken())
            await call.hang_up()

    async with opened(Receptionist(chat=chat)) as console, socket(console, "/chat") as line:
        await line.send('{"text": "hello"}')
        await closed(line)
    assert spoken[0].text == "One moment."
    assert not spoken[0].whole


@pytest.mark.parametrize("text", ["x" * (LETTERS + 1), "word " * 5000])
async def test_too_long_a_text_is_refused_in_plain_words(text: str) -> None:
    async with opened(Receptionist()) as console, socket(console, "/chat") as line:
        await line.send(json.dumps({"text": text}))
        assert json.loads(await line.recv())["wrong"] == "That is too long"
        await line.send('{"text": "shorter"}')
        assert json.loads(await line.recv())["text"] == "You wrote: shorter"


async def test_a_megabyte_of_text_ends_that_chat_only() -> None:
    async with opened(Receptionist()) as console:
        async with socket(console, "/chat") as line:
            with contextlib.suppress(ConnectionClosed):
                await line.send(json.dumps({"text": "x" * 1_000_000}))
            assert await closed(line) in (1006, 1009)
        async with socket(console, "/chat") as line:
            await line.send('{"text": "hello"}')
            assert json.loads(await line.recv())["text"] == "You wrote: hello"


async def test_control_characters_are_left_out() -> None:
    async with opened(Receptionist()) as console, socket(console, "/chat") as line:
        await line.send(json.dumps({"text": "\x00\x1b[2J hel\x07lo\r\n\ud800 there \u2028"}))
        assert json.loads(await line.recv())["text"] == "You wrote: [2J hel lo there"


@pytest.mark.parametrize("message", [b"bytes", "null", '{"text": 5}', "{}", '{"text": {"a": []}}'])
async def test_a_chat_that_is_not_one_is_closed(message: str | bytes) -> None:
    async with opened(Receptionist()) as console, socket(console, "/chat") as line:
        await line.send(message)
        assert await closed(line) == 1007


@given(st.one_of(st.text(), st.binary()))
def test_whatever_comes_is_an_object_or_malformed(message: str | bytes) -> None:
    try:
        assert isinstance(_parsed(message), dict)
    except web.BadCaller as bad:
        assert bad.code == 1007


@given(st.text())
def test_what_is_typed_is_printable(text: str) -> None:
    assert " ".join(_printable(text).split()).isprintable() or "\u00ad" in text or not text.isprintable()


async def test_the_clock_of_a_chat_runs_with_time() -> None:
    times: list[int] = []

    async def chat(call: Call) -> None:
        async for event in call.hear():
            assert isinstance(event, Heard)
            times.append(event.start)
            await call.say(lines("yes"))

    async with opened(Receptionist(chat=chat)) as console, socket(console, "/chat") as line:
        before = time.monotonic()
        for _ in range(2):
            await line.send('{"text": "hello"}')
            await line.recv()
            await asyncio.sleep(0.1)
        passed = (time.monotonic() - before) * 16_000
    assert 1600 <= times[1] - times[0] <= passed
