"""A person at the page talks to the whole desk: real browser, real engines, a recorded voice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance import models
from appliance.app import App
from appliance.channels.recorded import read_recording
from appliance.config import SHIPPED, Engine, read_box, read_desk
from appliance.config.versions import Versions
from appliance.console.editor import Editor
from appliance.messages import RATE, Heard, Turn
from appliance.workshop.workshop import Workshop
from tests.channels.browser import opened
from tests.console.visiting import missing as missing_programs
from tests.console.visiting import visit

QUESTION = Path("/usr/share/asterisk/sounds/en_US_f_Allison/vm-leavemsg.wav")
ANSWER = "What is the message? Please say your name too."
LEAD_IN = 7.0
"""Seconds in which the desk greets."""

missing = missing_programs + [
    name
    for name in ("silero-vad", "whisper-tiny.en", "piper-en_US-joe-medium", "minilm-l6-v2")
    if not (models.ROOT / name).is_dir()
]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")


@pytest.fixture
def microphone(tmp_path: Path) -> str:
    pcm = bytes(2 * round(LEAD_IN * RATE)) + read_recording(QUESTION)
    path = tmp_path / "caller.wav"
    soundfile.write(path, np.frombuffer(pcm, dtype="<i2"), RATE)
    return str(path)


async def test_someone_presses_the_button_asks_and_hears_the_answer(tmp_path: Path, microphone: str) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, _ = read_desk(SHIPPED / "desk.toml")
    turns: list[Turn] = []
    async with App(replace(box, data=tmp_path), desk, turns.append) as app:
        await app.prepared()
        async with opened(app) as console:  # type: ignore[arg-type]
            seen = await visit(
                console,
                ["press", "#talk"],
                ["see", ".desk", ANSWER],
                ["see", ".caller", "message"],
                ["wait", 4],
                microphone=microphone,
                listen=True,
                plain=True,
            )
    answer = next(turn for turn in turns if isinstance(turn.cause, Heard))
    assert answer.spoken.text == ANSWER
    assert answer.spoken.whole
    loud = np.abs(seen.output) > 500
    assert loud.sum() > RATE


@pytest.mark.slow
async def test_the_manager_talks_to_a_draft_that_is_not_live(tmp_path: Path, microphone: str) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, path = read_desk(SHIPPED / "desk.toml")
    turns: list[Turn] = []
    box = replace(box, data=tmp_path, recordings=True, engines=replace(box.engines, llm=Engine("none")))
    async with App(box, desk, turns.append) as app:
        await app.prepared()
        workshop = Workshop(app, path, tmp_path, Versions(tmp_path / "desks"))
        editor = Editor(workshop)
        change = "document.querySelector('#source').value = document.querySelector('#source').value.replace"
        async with opened(app, editor=editor) as console:  # type: ignore[arg-type]
            seen = await visit(
                console,
                ["see", "#verdict", "All is well"],
                ["evaluate", "typed", f"{change}('What is the message', 'Tell me, what is the message')"],
                ["evaluate", "told", "document.querySelector('#source').dispatchEvent(new Event('input'))"],
                ["see", "#live", "not live yet"],
                ["press", "#speak"],
                ["see", "#transcript .desk", "Hello"],
                ["see", "#transcript .desk", "Tell me"],
                ["see", "#transcript .caller", "message"],
                url=f"{console.url}/editor.html",
                microphone=microphone,
                listen=True,
                plain=True,
            )
        workshop.close()
    assert (np.abs(seen.output) > 500).sum() > RATE
    assert turns == []
    assert not (tmp_path / "recordings").exists()
