"""A flow may be recorded by itself, once that was said or agreed to; a card number is nothing to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying
from appliance.config import Box, DeskFile, read_desk
from appliance.config.calling import FlowRecording, Recording
from appliance.engines.fake import FakeAsr
from appliance.engines.inline import InlineThread
from appliance.messages import RATE, Turn
from tests.desk import voice
from tests.observe.test_sealing import FAKES

DESK = """name = "Alder House"
recording = "never"

[fact.hours]
ask = ["when are you open", "what are your hours", "are you open today"]
say = "We are open from nine."

[actions.payment]
link = "https://pay.example.com/{reference}"

[flow.complain]
phrases = ["I want to complain"]
record = "ask"
done = "Thank you."

[[flow.complain.ask]]
slot = "what"
type = "text"
prompt = "What happened?"

[flow.link]
phrases = ["text me a link to pay"]

[[flow.link.ask]]
slot = "phone"
type = "phone"
prompt = "To which number?"

[flow.link.do]
action = "payment.link"
confirm = "Shall I text a link to {phone}?"
done = "It is on its way."
"""


def inline(name: str, nice: int = 0) -> InlineThread:
    """All in scripted time."""
    return InlineThread()


def desk_file(folder: Path, rule: FlowRecording = "ask", mode: Recording = "never") -> DeskFile:
    path = folder / "desk.toml"
    path.write_text(DESK.replace('record = "ask"', f'record = "{rule}"'))
    return replace(read_desk(path)[0], recording=mode)


async def talked(folder: Path, desk: DeskFile, says: Sequence[str]) -> tuple[list[Turn], np.ndarray | None]:
    """The turns of a call, and its recording if there is one."""
    turns: list[Turn] = []
    async with App(Box(folder / "var", recordings=True, engines=FAKES), desk, turns.append, inline) as app:
        assert app.hearing
        app.hearing = replace(app.hearing, asr=FakeAsr(says))
        await app.talk(RecordedCaller([Saying(voice(1.0)) for _ in says], "one", pace=False))
        (call,) = app.books.calls.page()
        folder = app.books.recordings
        kept = soundfile.read(folder / call.recording)[0] if call.recording else None
        assert [path.name for path in folder.iterdir()] == ([call.recording] if call.recording else [])
    return turns, kept


def heard(turn: Turn, sound: np.ndarray) -> bool:
    """Whether a caller's words can be heard in a recording."""
    assert turn.cause
    start, end = turn.cause.start, turn.cause.end  # type: ignore[union-attr]
    return bool(np.abs(sound[start + RATE // 4 : end - RATE // 4, 0]).max() > 0.05)


SAYS = ("when are you open", "I want to complain", "yes", "it was cold", "when are you open")


async def test_only_a_flow_that_was_agreed_to_is_recorded(tmp_path: Path) -> None:
    desk = desk_file(tmp_path)
    turns, sound = await talked(tmp_path, desk, SAYS)
    assert [turn.spoken.text for turn in turns[2:4]] == [desk.lines.may_record_flow, "What happened?"]
    assert sound is not None
    assert [heard(turn, sound) for turn in turns[1:6]] == [False, False, False, True, False]


@pytest.mark.parametrize("answer", ["no", "well I do not know"])
async def test_without_a_yes_nothing_of_it_is_kept(tmp_path: Path, answer: str) -> None:
    desk = desk_file(tmp_path)
    turns, sound = await talked(tmp_path, desk, ("I want to complain", answer, "it was cold"))
    assert sound is None
    if answer == "no":
        assert turns[2].spoken.text == f"{desk.lines.not_recorded} What happened?"


async def test_a_flow_that_announces_is_recorded_once_that_was_heard(tmp_path: Path) -> None:
    desk = desk_file(tmp_path, "announce")
    turns, sound = await talked(tmp_path, desk, ("I want to complain", "it was cold", "when are you open"))
    assert turns[1].spoken.text == f"{desk.lines.recorded} What happened?"
    assert sound is not None
    assert [heard(turn, sound) for turn in turns[1:4]] == [False, True, False]


async def test_where_all_is_announced_a_flow_may_still_ask_and_its_no_deletes_all(tmp_path: Path) -> None:
    desk = desk_file(tmp_path, "ask", "announce")
    turns, sound = await talked(
        tmp_path, desk, ("when are you open", "I want to complain", "no", "it was cold")
    )
    assert turns[0].spoken.text.startswith(desk.lines.recorded)
    assert turns[2].spoken.text == desk.lines.may_record_flow
    assert sound is None


async def test_who_tells_a_card_number_is_stopped_and_texted_a_link(tmp_path: Path) -> None:
    desk = desk_file(tmp_path)
    says = ("my card is 4111 1111 1111 1111", "212 555 0142", "yes")
    turns: list[Turn] = []
    async with App(Box(tmp_path / "var", engines=FAKES), desk, turns.append, inline) as app:
        assert app.hearing
        app.hearing = replace(app.hearing, asr=FakeAsr(says))
        await app.talk(RecordedCaller([Saying(voice(1.0)) for _ in says], "one", pace=False))
        assert turns[1].spoken.text == f"{desk.lines.card_link} To which number?"
        ((number, text),) = app.place.store.read("select number, text from text")
    assert number == "+12125550142"
    assert "https://pay.example.com/" in text
    written = [path for path in (tmp_path / "var").rglob("*") if path.is_file()]
    assert not [path for path in written if b"4111" in path.read_bytes()]
