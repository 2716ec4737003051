from __future__ import annotations

import numpy as np
import pytest

from appliance import engines
from appliance.engines.fake import GAP, PACE, FakeAsr, FakeEmbed, FakeLlm, FakeTts, FakeVad, FakeWake
from appliance.messages import FRAME, FRAME_BYTES, RATE, Expect

QUIET = bytes(FRAME_BYTES)
LOUD = b"\x00\x20" * FRAME


def test_the_fakes_are_engines_like_any_other() -> None:
    wake: engines.Wake = FakeWake()
    vad: engines.Vad = FakeVad()
    asr: engines.Asr = FakeAsr()
    tts: engines.Tts = FakeTts()
    llm: engines.Llm = FakeLlm()
    embed: engines.Embed = FakeEmbed()
    assert all((wake, vad, asr, tts, llm, embed))


def test_a_loud_sound_wakes_once_until_it_was_quiet() -> None:
    stream = FakeWake(("desk",)).stream()
    pushed = [QUIET] * 10 + [LOUD] * 5 + [QUIET] * 5 + [LOUD] * 5 + [QUIET] * 20 + [LOUD]
    woken = [number for number, pcm in enumerate(pushed) if stream.push(pcm)]
    assert woken == [10, 45]


def test_what_is_loud_is_speech() -> None:
    stream = FakeVad().stream()
    assert stream.push(QUIET + LOUD + LOUD[:100]) == [0.0, 1.0]
    assert stream.push(LOUD[100:]) == [1.0]
    assert stream.push(b"") == []


def test_the_vad_follows_its_script_in_every_stream() -> None:
    vad = FakeVad(script=[0.2, 0.9])
    assert vad.stream().push(LOUD * 3) == [0.2, 0.9, 0.0]
    assert vad.stream().push(QUIET) == [0.2]


def test_each_utterance_hears_the_next_line() -> None:
    asr = FakeAsr(["when do you open", "thank you"])
    first, second, third = (asr.stream(Expect()) for _ in range(3))
    for stream in (first, second, third):
        stream.push(LOUD)
    assert [stream.finish().text for stream in (first, second, third)] == [
        "when do you open",
        "thank you",
        "",
    ]


def test_silence_has_no_words_and_uses_up_no_line() -> None:
    asr = FakeAsr(["hello"])
    silent = asr.stream(Expect())
    silent.push(QUIET)
    assert silent.finish().text == ""
    spoken = asr.stream(Expect("yes_no"))
    spoken.push(LOUD)
    assert spoken.finish().text == "hello"
    assert [expect.kind for expect in asr.expected] == ["any", "yes_no"]


def test_partials_grow_with_the_sound_and_the_end_may_come_twice() -> None:
    stream = FakeAsr(["when do you open"]).stream(Expect())
    heard = []
    for _ in range(100):
        stream.push(LOUD)
        heard.append(stream.partial())
    assert list(dict.fromkeys(heard)) == ["", "when", "when do", "when do you", "when do you open"]
    assert stream.finish() == stream.finish()


def test_the_voice_makes_a_tone_per_word() -> None:
    pieces = list(FakeTts().speak("We open at nine."))
    assert [len(piece) // 2 for piece in pieces] == [PACE] * 4
    sound = np.frombuffer(pieces[0], dtype="<i2")
    assert np.abs(sound[:-GAP]).max() > 5000
    assert np.abs(sound[-GAP:]).max() == 0
    spectrum = np.abs(np.fft.rfft(sound[:-GAP]))
    assert np.argmax(spectrum) * RATE / (PACE - GAP) == pytest.approx(440, abs=5)
    assert pieces == list(FakeTts().speak("four words of anything"))


def test_no_words_make_no_sound() -> None:
    assert list(FakeTts().speak("  ")) == []


def test_the_llm_says_its_lines_and_then_repeats() -> None:
    llm = FakeLlm(["At nine in the morning."])
    assert "".join(llm.reply("facts", "when?", 50)) == "At nine in the morning."
    assert "".join(llm.reply("facts", "and where?", 50)) == "and where?"
    assert "".join(llm.reply("facts", "one two three", 2)).split() == ["one", "two"]
    assert llm.asked[0] == ("facts", "when?")


def test_texts_are_alike_by_their_words() -> None:
    embed = FakeEmbed()
    rows = embed.embed(["when do you open", "Open when, do you?", "where can I park", ""])
    assert rows.shape == (4, embed.dimensions)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)
    alike = rows @ rows.T
    assert alike[0, 1] == pytest.approx(1)
    assert alike[0, 2] < 0.5
    assert embed.embed([]).shape == (0, embed.dimensions)
