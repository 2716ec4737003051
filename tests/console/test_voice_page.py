"""Talking on the page in a real browser, with a human recording as its microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from appliance.channels import Call
from appliance.channels.web import WebVoice
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
from tests.channels.browser import Receptionist, echo, opened, pitch, tone
from tests.console.visiting import CALLER, DESK, Sound, as_sound, missing, visit

LEAD_IN = 2.5
"""Seconds of silence before the caller speaks, so that the call is up by then."""

pytestmark = pytest.mark.skipif(bool(missing), reason=f"not here: {', '.join(missing)}")


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
    # The browser's echo canceller and gain control bend the wave, but only this recording is like it.
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


async def test_who_cancels_before_the_microphone_is_allowed_is_not_listened_to(microphone: str) -> None:
    late = """(() => {
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      const answered = new Promise((go) => (window.go = go));
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await ask(wanted);
        await answered;
        return (window.stream = stream);
      };
    })()"""
    async with opened(Receptionist()) as console:
        seen = await visit(
            console,
            ["evaluate", "late", late],
            ["press", "#talk"],
            ["see", "#state", "One moment"],
            ["press", "#talk"],
            ["see", "#state", "Ready"],
            ["evaluate", "allowed", "window.go()"],
            ["wait", 0.5],
            ["evaluate", "track", "window.stream.getAudioTracks()[0].readyState"],
            microphone=microphone,
        )
    assert seen.readings["track"] == "ended"


async def test_the_browser_takes_the_echo_away_and_leaves_the_noise(microphone: str) -> None:
    async with opened(Receptionist()) as console:
        seen = await visit(
            console,
            ["press", "#talk"],
            ["see", "#state", "Listening"],
            ["evaluate", "wanted", "window.wanted"],
            microphone=microphone,
        )
    wanted = seen.readings["wanted"]
    assert (wanted["echoCancellation"], wanted["noiseSuppression"]) == (True, False)


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
