"""A desk at a keyboard that is a pipe."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator

import pytest

from appliance.channels.terminal import TextTerminal
from appliance.messages import Heard, Saying, Turn
from tests.audio_server import until
from tests.channels.browser import lines


class Keyboard:
    """A pipe: what is typed at one end is read at the other."""

    def __init__(self) -> None:
        self.end, self._keys = os.pipe()

    def type(self, text: bytes) -> None:
        os.write(self._keys, text)

    def close(self) -> None:
        if self._keys >= 0:
            os.close(self._keys)
        self._keys = -1


@pytest.fixture
def keyboard() -> Iterator[Keyboard]:
    keyboard = Keyboard()
    yield keyboard
    keyboard.close()


async def typed(terminal: TextTerminal) -> list[str]:
    """All that is heard, each answered at once."""
    heard: list[str] = []
    terminal.notice(Turn("c", 1))
    async for event in terminal.hear():
        assert isinstance(event, Heard)
        heard.append(event.text)
        terminal.notice(Turn("c", 2, event))
    return heard


async def test_each_line_is_an_utterance_until_the_input_ends(keyboard: Keyboard) -> None:
    terminal = TextTerminal(keyboard=keyboard.end)
    keyboard.type("  When do you open?\n\n Auf Wiedersehen, schön wars\nthe la".encode())
    keyboard.type(b"st line")
    keyboard.close()
    assert await typed(terminal) == ["When do you open?", "Auf Wiedersehen, schön wars", "the last line"]


async def test_letters_that_are_none_are_no_error(keyboard: Keyboard) -> None:
    terminal = TextTerminal(keyboard=keyboard.end)
    keyboard.type(b"caf\xe9\n")
    keyboard.close()
    assert await typed(terminal) == ["caf\ufffd"]


async def test_what_is_typed_ahead_waits_for_the_end_of_the_answer(keyboard: Keyboard) -> None:
    terminal = TextTerminal(keyboard=keyboard.end)
    keyboard.type(b"one\ntwo\n")
    heard: list[object] = []

    async def hear() -> None:
        async for event in terminal.hear():
            heard.append(event)

    hearing = asyncio.create_task(hear())
    terminal.notice(Turn("c", 1))
    await until(lambda: heard)
    terminal.notice(Saying(Turn("c", 2)))
    await asyncio.sleep(0.05)
    assert len(heard) == 1
    terminal.notice(Turn("c", 2))
    await until(lambda: len(heard) == 2)
    await terminal.hang_up()
    await asyncio.wait_for(hearing, 10)


async def test_a_desk_that_hangs_up_waits_for_no_key(keyboard: Keyboard) -> None:
    terminal = TextTerminal(keyboard=keyboard.end)
    hearing = asyncio.create_task(typed(terminal))
    await asyncio.sleep(0.02)
    await terminal.hang_up()
    await terminal.hang_up()
    assert await asyncio.wait_for(hearing, 10) == []


async def test_what_the_desk_says_is_on_the_screen_and_remembered(keyboard: Keyboard) -> None:
    screen = io.StringIO()
    terminal = TextTerminal(keyboard=keyboard.end, screen=screen)
    await terminal.say(lines("Good morning.", "How can I help?"))
    assert screen.getvalue() == "desk: Good morning.\ndesk: How can I help?\n"
    assert terminal.spoken().text == "Good morning. How can I help?"
    assert terminal.spoken().whole
