"""People call, ask in their own voice, and hear the answer: real engines, real telephones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import config, models
from appliance.app import App
from appliance.channels.recorded import read_recording
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.wire import Account, Settings
from appliance.engines import registry
from appliance.messages import Expect, Heard, Turn
from tests.audio_server import until
from tests.channels.sip.peers import HOST, Linphone, Telephone, needs_baresip, needs_linphone
from tests.ports import free_port

DATA = Path(__file__).parents[4] / "shared" / "data"
QUESTION = DATA / "speech8k" / "azure_whatstheweatherlike-mulaw.wav"
MODELS = ("whisper-tiny.en", "silero-vad", "piper-en_US-joe-medium", "minilm-l6-v2")


@needs_baresip
@needs_linphone
@pytest.mark.skipif(not QUESTION.is_file(), reason="the recording is not here")
@pytest.mark.skipif(
    not all((models.ROOT / name).is_dir() for name in MODELS), reason="the models are not here"
)
@pytest.mark.slow
async def test_two_callers_at_once_ask_and_each_hears_the_answer(tmp_path: Path) -> None:
    box, _ = config.read_box(config.SHIPPED / "box.toml")
    desk, _ = config.read_desk(config.SHIPPED / "desk.toml")
    engines = replace(box.engines, llm=config.Engine("none"))
    turns: list[Turn] = []
    port, first = free_port(), free_port() // 2 * 2
    async with App(replace(box, data=tmp_path, engines=engines), desk, turns.append) as app:
        await app.prepared()
        settings = Settings(
            (Account("desk", HOST, register=0),), f"{HOST}:{port}", HOST, (first, first + 100)
        )
        line = SipLine(settings)
        serving = asyncio.create_task(line.serve(app))
        try:
            await until(lambda: line.state[0], within=20)
            question = bytes(32_000 * 7) + read_recording(QUESTION) + bytes(32_000 * 10)
            uri = f"sip:desk@{HOST}:{port}"
            telephones = (Telephone(tmp_path / "one", question), Linphone(tmp_path / "two", question))
            await asyncio.gather(*(telephone.call(uri, 18) for telephone in telephones))
            await until(lambda: line.stack and not line.stack.calls)
        finally:
            serving.cancel()
            await asyncio.wait([serving])
    heard = [turn.cause.text.lower() for turn in turns if isinstance(turn.cause, Heard)]
    assert sum("weather" in text for text in heard) == 2, heard
    asr = registry.make("asr", box.engines.asr, box)
    for telephone in telephones:
        stream = asr.stream(Expect())
        stream.push(telephone.heard())
        told = stream.finish().text.lower()
        assert "know" in told, told
        assert "message" in told, told
