"""The page in a real browser: Debian's chromium, with a human recording as its microphone."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from appliance.channels import Call
from appliance.channels.web import WebVoice
from appliance.console.server import Console, Status
from appliance.engines.resample import resample
from appliance.messages import (
    RATE,
    Audio,
    Decision,
    Heard,
    Line,
    Partial,
    Saying,
    SpeechStarted,
    Spoken,
    Turn,
    samples,
)
from tests.channels.browser import Receptionist, echo, lines, opened, pitch, tone

HERE = Path(__file__).parent
CALLER = Path("/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav")
DESK = Path("/usr/share/asterisk/sounds/en_US_f_Allison/all-circuits-busy-now.wav")
LEAD_IN = 2.5
"""Seconds of silence before the caller speaks, so that the call is up by then."""

Sound = NDArray[np.float64]

missing = [
    name
    for name, there in {
        "chromium": shutil.which("chromium"),
        "node": shutil.which("node"),
        "tests/console/node_modules (npm ci)": (HERE / "node_modules/playwright-core").is_dir(),
        "pocketsphinx-testdata": CALLER.exists(),
        "asterisk-core-sounds-en-wav": DESK.exists(),
    }.items()
    if not there
]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")


@dataclass
class Visit:
    """What came of a visit to the page."""

    readings: dict[str, Any]
    complaints: list[str]
    asked: list[str]
    sound: bytes
    rate: int

    @property
    def output(self) -> Sound:
        """What went to the speaker, at 16 kHz."""
        return as_sound(resample(self.sound, self.rate))


async def visit(console: Console, *steps: list[Any], **options: Any) -> Visit:
    """Do the steps on the page (see visit.js); the page must have nothing to complain of, and ask for
    nothing that is not on this machine."""
    asked = {"url": console.url, "chromium": shutil.which("chromium"), "steps": steps, **options}
    node = await asyncio.create_subprocess_exec(
        "node", str(HERE / "visit.js"), json.dumps(asked), stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await asyncio.wait_for(node.communicate(), 60)
    finally:
        if node.returncode is None:
            node.kill()
    told = json.loads(out)
    assert "failed" not in told, told
    assert told["complaints"] == []
    assert all(url.split("/")[2] == console.url.split("/")[2] for url in told["asked"])
    return Visit(
        told["readings"], told["complaints"], told["asked"], base64.b64decode(told["output"]), told["rate"]
    )


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file that chromium takes for a microphone: a while of silence, then a person reading."""
    sound, rate = soundfile.read(CALLER, dtype="int16")
    pcm = bytes(2 * round(LEAD_IN * rate)) + sound.tobytes()
    path = tmp_path_factory.mktemp("microphone") / "caller.wav"
    soundfile.write(path, np.frombuffer(resample(pcm, rate, to=48_000), dtype="<i2"), 48_000)
    return str(path)


def caller(number: str = "0880") -> Sound:
    sound, rate = soundfile.read(str(CALLER).replace("0880", number), dtype="int16")
    return as_sound(resample(sound.tobytes(), rate))


def desk_says() -> bytes:
    sound, rate = soundfile.read(DESK, dtype="int16")
    return resample(sound.tobytes(), rate)


def as_sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def likeness(whole: Sound, part: Sound) -> float:
    """How like `part` the most alike stretches of `whole` are, 0 to 1: the peak of the cross-correlation, the
    median over half seconds, because a browser on a busy machine may lose its step once."""
    return float(np.median([_peak(whole, part[at : at + 8000]) for at in range(0, len(part) - 8000, 8000)]))


def _peak(whole: Sound, part: Sound) -> float:
    size = len(whole) + len(part)
    across = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    at = int(np.argmax(across[: len(whole)]))
    stretch = whole[at : at + len(part)]
    return float(across[at] / (np.linalg.norm(stretch) * np.linalg.norm(part) + 1e-9))


async def test_the_desk_hears_the_person_and_the_person_hears_the_desk(microphone: str) -> None:
    heard: list[Audio] = []
    played: list[Audio] = []
    voices: list[WebVoice] = []

    async def talk(voice: WebVoice) -> None:
        voices.append(voice)
        voice.playout.on_played = played.append
        answering = asyncio.create_task(voice.playout.write(desk_says()))
        async for frame in voice.microphone():
            heard.append(frame)
        await answering

    async with opened(Receptionist(talk)) as console:
        seen = await visit(
            console,
            ["press", "#talk"],
            ["see", "#state", "Speaking"],
            ["wait", LEAD_IN + len(caller()) / RATE + 0.5],
            ["see", "#state", "Listening"],
            ["evaluate", "level", "document.querySelector('#level').value"],
            ["press", "#talk"],
            ["see", "#state", "Ready"],
            microphone=microphone,
            listen=True,
        )
    # The browser's noise suppressor and gain control bend the wave, but only this recording is like it.
    sound = as_sound(b"".join(frame.pcm for frame in heard))
    assert likeness(sound, caller()) > 0.25
    assert likeness(sound, caller("0890")) < 0.15
    assert [frame.at for frame in heard] == [320 * n for n in range(len(heard))]
    assert voices[0].concealed == 0
    assert likeness(seen.output, as_sound(desk_says())) > 0.95
    assert b"".join(audio.pcm for audio in played) == desk_says()
    assert voices[0].underruns <= 1


@pytest.mark.parametrize("rate", [22_050, 48_000])
async def test_at_any_rate_not_a_sample_is_lost_either_way(microphone: str, rate: int) -> None:
    heard = bytearray()
    played: list[Audio] = []

    async def talk(voice: WebVoice) -> None:
        voice.playout.on_played = played.append
        answering = asyncio.create_task(voice.playout.write(tone(1200, 0.5)))
        async for frame in voice.microphone():
            heard.extend(frame.pcm)
        await answering

    async with opened(Receptionist(talk)) as console:
        seen = await visit(
            console,
            ["press", "#talk"],
            ["see", "#state", "Speaking"],
            ["wait", LEAD_IN + len(caller()) / RATE + 0.5],
            microphone=microphone,
            plain=True,
            listen=True,
            rate=rate,
        )
    assert seen.rate == rate
    assert likeness(as_sound(bytes(heard)), caller()) > 0.9
    assert pitch(seen.sound, rate) == pytest.approx(1200, abs=5)
    assert b"".join(audio.pcm for audio in played) == tone(1200, 0.5)


async def test_a_cut_stops_the_sound_and_the_account_says_where(microphone: str) -> None:
    played: list[Audio] = []

    async def talk(voice: WebVoice) -> None:
        voice.playout.on_played = played.append
        answering = asyncio.create_task(voice.playout.write(tone(1200, 10)))
        async for frame in voice.microphone():
            if frame.at == RATE:
                answering.cancel()
                voice.playout.cut()

    async with opened(Receptionist(talk)) as console:
        seen = await visit(console, ["press", "#talk"], ["wait", 3], microphone=microphone, listen=True)
    loud = np.flatnonzero(np.abs(seen.output) > 200)
    sounded = len(np.unique(loud // 80)) * 80 / RATE
    accounted = sum(len(audio.pcm) for audio in played) / 2 / RATE
    assert 0.7 < sounded < 1.3
    assert accounted == pytest.approx(sounded, abs=0.02)
    assert loud[-1] < len(seen.output) - RATE // 2
    assert played[-1].end - RATE < samples(0.2)


async def test_the_conversation_is_shown_as_it_goes(microphone: str) -> None:
    start, end = samples(1), samples(2)
    heard = Heard("when do you open", start, end, end + samples(0.41), end + samples(0.3))
    spoken = Spoken("At nine.", end + samples(0.74), end + samples(2), end, True)
    turn = Turn("c", 2, heard, Decision("hours", "a phrase", "desk.toml fact.hours"), "At nine.", spoken)
    go_on = asyncio.Event()

    async def talk(voice: WebVoice) -> None:
        listening = asyncio.create_task(anext(voice.microphone()))
        voice.notice(SpeechStarted(start))
        voice.notice(Partial("when do", start))
        await asyncio.wait_for(go_on.wait(), 20)
        voice.notice(heard)
        voice.notice(turn)
        await asyncio.sleep(20)
        await listening

    async def chat(call: Call) -> None:
        go_on.set()
        await echo(call)

    async with opened(Receptionist(talk, chat)) as console:
        seen = await visit(
            console,
            ["press", "#talk"],
            ["see", ".guess", "when do"],
            ["read", "state", "#state"],
            ["fill", "#text", "a word from the chat"],
            ["key", "Enter"],
            ["see", ".desk", "At nine."],
            ["read", "words", ".words"],
            ["read", "guesses", ".guess"],
            ["read", "timeline", ".timeline .ms"],
            ["read", "reason", ".reason"],
            ["read", "announced", "#announcer"],
            microphone=microphone,
        )
    assert seen.readings["state"] == ["Hearing you"]
    assert "when do you open" in seen.readings["words"]
    assert seen.readings["guesses"] == []
    assert seen.readings["timeline"] == ["0 ms", "410 ms", "740 ms"]
    assert seen.readings["reason"] == ["hours · a phrase · desk.toml fact.hours"]


async def test_an_answer_is_followed_as_it_is_spoken_and_stays_one(microphone: str) -> None:
    go_on = asyncio.Event()
    begun, done = Spoken("We open", 1, 2, 0), Spoken("We open at nine.", 1, 3, 0, whole=True)

    async def talk(voice: WebVoice) -> None:
        heard = Heard("when do you open", 0, 1, 1, 1)
        voice.notice(heard)
        for part in (Spoken("We", 1, 2, 0), begun):
            voice.notice(Saying(Turn("c", 2, heard, spoken=part)))
        await asyncio.wait_for(go_on.wait(), 20)
        voice.notice(Turn("c", 2, heard, spoken=done))
        voice.notice(Saying(Turn("c", 3, spoken=Spoken("Anything", 4, 5, 4))))
        await asyncio.sleep(20)

    async def one_line_and_later_another() -> AsyncIterator[Line]:
        yield Line("One moment.")
        await asyncio.sleep(0.2)
        yield Line("Here it is.")

    async def chat(call: Call) -> None:
        async for heard in call.hear():
            assert isinstance(heard, Heard)
            go_on.set()
            saying = asyncio.create_task(call.say(one_line_and_later_another()))
            await asyncio.sleep(0.1)
            turn = Turn("d", 1, heard, spoken=call.spoken())
            call.notice(Saying(turn))
            await saying
            call.notice(replace(turn, spoken=call.spoken()))

    async with opened(Receptionist(talk, chat)) as console:
        seen = await visit(
            console,
            ["press", "#talk"],
            ["see", ".desk", "We open …"],
            ["read", "begun", ".desk .words"],
            ["fill", "#text", "a word from the chat"],
            ["key", "Enter"],
            ["see", ".desk", "Here it is."],
            ["see", ".desk", "Anything …"],
            ["read", "words", ".desk .words"],
            microphone=microphone,
        )
    assert seen.readings["begun"] == ["We open …"]
    words = ["We open at nine.", "One moment. Here it is.", "Anything …"]
    assert sorted(seen.readings["words"]) == sorted(words)


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


async def test_a_microphone_that_is_denied_is_explained_with_the_mend() -> None:
    async with opened(Receptionist()) as console:
        seen = await visit(
            console,
            ["press", "#talk"],
            ["see", "#problem", "may not use the microphone"],
            ["read", "problem", "#problem"],
            ["read", "state", "#state"],
            denied=True,
        )
    assert "Allow it" in seen.readings["problem"][0]
    assert seen.readings["state"] == ["Ready"]


async def test_the_keyboard_is_enough(microphone: str) -> None:
    async with opened(Receptionist()) as console:
        await visit(
            console,
            ["key", "Tab"],
            ["see", "#talk:focus", ""],
            ["key", "Enter"],
            ["see", "#state", "Listening"],
            ["see", "#talk[aria-pressed=true]", ""],
            ["key", "Space"],
            ["see", "#state", "Ready"],
            microphone=microphone,
        )


async def test_a_desk_that_hangs_up_unheard_says_where_to_look(microphone: str) -> None:
    async def talk(voice: WebVoice) -> None:
        await voice.hang_up()

    async with opened(Receptionist(talk)) as console:
        await visit(
            console,
            ["press", "#talk"],
            ["see", "#problem", "The desk cannot talk now"],
            microphone=microphone,
        )


async def test_a_browser_without_sound_is_told_so() -> None:
    async with opened(Receptionist()) as console:
        await visit(
            console,
            ["evaluate", "none", "void (window.AudioContext = undefined)"],
            ["press", "#talk"],
            ["see", "#problem", "The sound could not be started"],
            ["see", "#state", "Ready"],
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
