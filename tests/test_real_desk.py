"""The whole desk on its real engines, talked to by recorded people."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from appliance import models
from appliance.app import App
from appliance.channels.recorded import RecordedCaller, Saying, read_recording
from appliance.config import SHIPPED, read_box, read_desk
from appliance.messages import RATE, Event, Heard, SpeechStarted, Turn, samples, seconds

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
SPHINX = Path("/usr/share/pocketsphinx/test/data")
DATA = Path(__file__).parents[2] / "shared" / "data"

NEEDED = ("silero-vad", "whisper-tiny.en", "piper-en_US-joe-medium", "minilm-l6-v2")
missing = [name for name in NEEDED if not (models.ROOT / name).is_dir()]
pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"models are not here: {missing}; `appliance models fetch`"),
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


def recording(path: Path) -> Saying:
    if not path.is_file():
        pytest.skip(f"the recording {path} is not here")
    return Saying(read_recording(path))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, _ = read_desk(SHIPPED / "desk.toml")
    data = tmp_path_factory.mktemp("data")
    async with App(replace(box, data=data), replace(desk, silence=60.0)) as app:
        await app.prepared()
        yield app


async def call(app: App, sayings: list[Saying], record: Path | None = None) -> list[Event | Turn]:
    seen: list[Event | Turn] = []
    await app.talk(RecordedCaller(sayings, linger=3.0, watch=seen.append), record)
    return seen


def turns(seen: list[Event | Turn]) -> list[Turn]:
    return [each for each in seen if isinstance(each, Turn)]


async def test_a_recorded_caller_is_answered_leaves_a_message_and_says_goodbye(
    app: App, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    sayings = [
        recording(PROMPTS / "hours.wav"),
        recording(PROMPTS / "vm-leavemsg.wav"),
        recording(SPHINX / "cards" / "001.wav"),
        recording(PROMPTS / "vm-goodbye.wav"),
    ]
    had = turns(await call(app, sayings, path))
    assert [turn.decision.intent for turn in had] == ["greeting", "hours", "message", "taken", "goodbye"]
    hours = app.desk.fact["hours"]
    assert had[1].spoken.text in (hours.say, hours.say_closed)
    assert all(turn.spoken.whole for turn in had)
    sound, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    for turn in had:
        answer = sound[turn.spoken.start : turn.spoken.end, 1].astype(float)
        assert np.sqrt((answer**2).mean()) > 500
        if isinstance(turn.cause, Heard):
            between = sound[turn.cause.end + samples(0.1) : turn.spoken.start, 1]
            assert not between.any()


async def test_a_caller_interrupts_and_the_desk_falls_silent(app: App, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    over = recording(SPHINX / "librivox" / "sense_and_sensibility_01_austen_64kb-0870.wav")
    seen = await call(app, [recording(PROMPTS / "hours.wav"), replace(over, into=0.6)], path)
    cut = turns(seen)[1]
    assert not cut.spoken.whole
    assert cut.meant.startswith(cut.spoken.text)
    began = next(e.at for e in seen if isinstance(e, SpeechStarted) and e.at > cut.spoken.start)
    sound, _ = soundfile.read(path, dtype="int16")
    talking_over = np.flatnonzero(sound[began : began + samples(2.0), 1])
    assert seconds(int(talking_over.max(initial=0))) < 0.6


@pytest.mark.slow
async def test_somebody_reads_from_a_book_without_end_and_the_desk_still_listens(app: App) -> None:
    book = recording(models.ROOT / "moonshine-recordings" / "two_cities.wav")
    seen = await call(app, [book, recording(PROMPTS / "vm-goodbye.wav")])
    heard = " ".join(event.text.lower() for event in seen if isinstance(event, Heard))
    assert "it was the best of times" in heard
    assert turns(seen)[-1].decision.intent == "goodbye"


@pytest.mark.parametrize("noise", ["silence", "hiss", "hum", "clipped square"])
async def test_no_words_are_heard_where_nobody_speaks(app: App, noise: str) -> None:
    moments = np.arange(samples(6.0)) / RATE
    sound = {
        "silence": np.zeros(len(moments)),
        "hiss": np.random.default_rng(3).normal(0, 3000, len(moments)),
        "hum": 8000 * np.sin(2 * np.pi * 50 * moments),
        "clipped square": 32767 * np.sign(np.sin(2 * np.pi * 300 * moments)),
    }[noise]
    seen = await call(app, [Saying(np.clip(sound, -32768, 32767).astype("<i2").tobytes())])
    assert not any(isinstance(event, Heard) for event in seen)


@pytest.mark.parametrize(
    "name",
    [
        "moh_macroform-cold_day.flac",
        "moh_manolo_camp-morning_coffee.flac",
        "doing_the_dishes.flac",
        "tau2_bursts_ringing_phone.flac",
    ],
)
async def test_no_words_are_heard_in_music_or_work(app: App, name: str) -> None:
    whole = recording(DATA / "noise" / name).pcm
    seen = await call(app, [Saying(whole[: 2 * samples(10.0)])])
    assert not any(isinstance(event, Heard) for event in seen)


async def test_a_desk_without_an_llm_answers_with_fixed_lines(tmp_path: Path) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, _ = read_desk(SHIPPED / "desk.toml")
    box = replace(
        box, data=tmp_path, engines=replace(box.engines, llm=replace(box.engines.llm, model="none-here"))
    )
    async with App(box, desk) as app:
        assert "none-here" in app.off["llm"]
        await app.prepared()
        had = turns(await call(app, [recording(PROMPTS / "vm-leavemsg.wav")]))
        assert had[1].spoken.text == desk.lines.message


async def test_a_corrupt_model_switches_off_what_needs_it_and_is_named_with_the_mend(tmp_path: Path) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, _ = read_desk(SHIPPED / "desk.toml")
    broken = tmp_path / "models" / "whisper-broken"
    shutil.copytree(models.ROOT / "whisper-tiny.en", broken)
    (broken / "model.bin").write_bytes((broken / "model.bin").read_bytes()[:1_000_000])
    asr = replace(box.engines.asr, model="whisper-broken")
    engines = replace(
        box.engines, asr=asr, tts=replace(box.engines.tts, engine="fake"), llm=replace(asr, engine="none")
    )
    for name in ("silero-vad", "smart-turn-v3.2", "minilm-l6-v2"):
        (tmp_path / "models" / name).symlink_to(models.ROOT / name)
    async with App(replace(box, data=tmp_path, models=tmp_path / "models", engines=engines), desk) as app:
        assert set(app.off) == {"llm", "wake", "asr"}
        assert "whisper-broken" in app.off["asr"]
        assert "appliance models" in app.off["asr"]


async def test_a_desk_without_a_voice_says_so_and_still_chats(tmp_path: Path) -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    desk, _ = read_desk(SHIPPED / "desk.toml")
    broken = replace(box.engines.tts, model="none-here")
    async with App(replace(box, data=tmp_path, engines=replace(box.engines, tts=broken)), desk) as app:
        assert "none-here" in app.voice_off()
        caller = RecordedCaller([], linger=1.0)
        await app.talk(caller)
