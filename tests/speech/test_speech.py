from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from appliance.config import DeskFile, VoiceManner
from appliance.engines.fake import FakeTts
from appliance.engines.inline import InlineThread
from appliance.engines.thread import EngineThread
from appliance.messages import Line, samples
from appliance.speech import Delivery, SoundStore, Speech


class CountingTts(FakeTts):
    """Tells what it was asked to say."""

    def __init__(self, voice: str = "fake") -> None:
        super().__init__()
        self.voice = voice
        self.said: list[tuple[str, float]] = []

    def speak(self, text: str, pace: float = 1.0) -> Iterator[bytes]:
        self.said.append((text, pace))
        return super().speak(text, pace)


class SteppedTts:
    """Makes a piece each time it is let; tells what it made."""

    voice = "stepped"

    def __init__(self) -> None:
        self.made: list[str] = []
        self.may = threading.Semaphore(0)
        self.did = threading.Semaphore(0)

    def speak(self, text: str, pace: float = 1.0) -> Iterator[bytes]:
        for word in text.split():
            self.may.acquire(timeout=5)
            self.made.append(word)
            self.did.release()
            yield word.encode()


async def sound(speech: Speech, text: str, fixed: bool = True) -> bytes:
    return b"".join([piece async for piece in speech.speak(Line(text, fixed))])


async def test_a_line_is_read_aloud_at_the_desks_pace() -> None:
    tts = CountingTts()
    speech = Speech(tts, InlineThread(), Delivery(DeskFile("", voice=VoiceManner(pace=1.2))))
    await sound(speech, "Come at 9:30.")
    assert tts.said == [("Come at nine thirty.", 1.2)]


async def test_between_sentences_there_is_silence() -> None:
    speech = Speech(FakeTts(), InlineThread(), Delivery(DeskFile("", voice=VoiceManner(pause=0.5))))
    two, one = await sound(speech, "Yes. No."), await sound(speech, "Yes.")
    assert len(two) == 2 * len(one) + 2 * samples(0.5)
    assert not any(two[len(one) : -len(one)])


async def test_a_fixed_line_is_made_once_and_a_worded_one_each_time() -> None:
    tts = CountingTts()
    speech = Speech(tts, InlineThread())
    assert await sound(speech, "Hello.") == await sound(speech, "Hello.")
    assert len(tts.said) == 1
    await sound(speech, "Well, hello.", fixed=False)
    await sound(speech, "Well, hello.", fixed=False)
    assert len(tts.said) == 3


async def test_what_is_prepared_needs_no_making() -> None:
    tts = CountingTts()
    speech = Speech(tts, InlineThread())
    await speech.prepare("Which day?")
    tts.said.clear()
    assert await sound(speech, "Which day?")
    assert tts.said == []


async def test_lines_laid_in_survive_a_restart(tmp_path: Path) -> None:
    first = Speech(FakeTts(), InlineThread(), store=SoundStore(tmp_path))
    await first.lay_in("Hello there.")
    tts = CountingTts()
    again = Speech(tts, InlineThread(), store=SoundStore(tmp_path))
    await again.lay_in("Hello there.")
    assert await sound(again, "Hello there.") == await sound(first, "Hello there.")
    assert tts.said == []


NGUYEN = {"Nguyen": "win"}


@pytest.mark.parametrize(
    ("desk", "voice", "makes"),
    [
        (DeskFile("", pronounce=NGUYEN), "fake", False),
        (DeskFile("", pronounce=NGUYEN, voice=VoiceManner(pace=1.1)), "fake", True),
        (DeskFile("", pronounce=NGUYEN, voice=VoiceManner(pause=0.5)), "fake", True),
        (DeskFile("", pronounce={"Nguyen": "wen"}), "fake", True),
        (DeskFile("", pronounce=NGUYEN), "another", True),
    ],
)
async def test_what_would_sound_otherwise_is_made_anew(
    tmp_path: Path, desk: DeskFile, voice: str, makes: bool
) -> None:
    line = "Hello Nguyen. Come in."
    before = Delivery(DeskFile("", pronounce=NGUYEN))
    await Speech(FakeTts(), InlineThread(), before, SoundStore(tmp_path)).lay_in(line)
    tts = CountingTts(voice)
    await Speech(tts, InlineThread(), Delivery(desk), SoundStore(tmp_path)).lay_in(line)
    assert bool(tts.said) == makes


async def test_what_holds_a_callers_words_never_reaches_the_disk(tmp_path: Path) -> None:
    speech = Speech(FakeTts(), InlineThread(), store=SoundStore(tmp_path))
    await sound(speech, "Anna Moss, is that right?")
    await speech.prepare("Tuesday, is that right?")
    assert not os.listdir(tmp_path)  # noqa: PTH208


@pytest.fixture
async def stepped() -> AsyncIterator[tuple[Speech, SteppedTts]]:
    tts, thread = SteppedTts(), EngineThread("tts")
    yield Speech(tts, thread), tts
    tts.may.release(100)
    thread.close()


async def test_preparing_gives_way_to_what_is_said(stepped: tuple[Speech, SteppedTts]) -> None:
    speech, tts = stepped
    preparing = asyncio.create_task(speech.prepare("a b c d"))
    tts.may.release()
    await asyncio.to_thread(tts.did.acquire, timeout=5)
    speaking = asyncio.create_task(sound(speech, "X Y"))
    await asyncio.sleep(0.02)
    tts.may.release(20)
    await asyncio.gather(preparing, speaking)
    # What was in hand is finished first, and nothing more.
    assert tts.made == ["a", "b", "X", "Y", "c", "d"]


async def test_two_calls_are_spoken_to_by_turns(stepped: tuple[Speech, SteppedTts]) -> None:
    speech, tts = stepped
    both = [asyncio.create_task(sound(speech, text)) for text in ("a b c", "X Y Z")]
    await asyncio.sleep(0.02)
    tts.may.release(20)
    await asyncio.gather(*both)
    assert tts.made == ["a", "X", "b", "Y", "c", "Z"]


async def test_a_line_that_is_cut_is_made_no_further(stepped: tuple[Speech, SteppedTts]) -> None:
    speech, tts = stepped
    speaking = asyncio.create_task(sound(speech, "a b c d"))
    tts.may.release()
    await asyncio.to_thread(tts.did.acquire, timeout=5)
    speaking.cancel()
    await asyncio.wait([speaking])
    tts.may.release(20)
    assert await sound(speech, "X") == b"X"
    assert tts.made in (["a", "X"], ["a", "b", "X"])
