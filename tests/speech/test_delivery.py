from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import Ask as Slot
from appliance.config import DeskFile, Fact, Flow, VoiceManner, read_desk
from appliance.errors import ConfigError
from appliance.speech import Delivery
from appliance.speech.aloud import SLOWER

DESK = DeskFile(
    "Alder House",
    fact={
        "rules": Fact(("what are the rules",), "Nobody may smoke. Dogs stay outside.", pace=0.8),
        "hours": Fact(("when are you open",), "From nine to five."),
    },
    flow={
        "book": Flow(
            ("book",),
            ask=(Slot("name", "text", "Your name?"), Slot("day", "date", "Which day, {name}?")),
            pace=0.9,
        )
    },
    voice=VoiceManner(pace=1.1, pause=0.4),
    pronounce={"Nguyen": "win"},
)


def paces(line: str) -> list[float]:
    return [saying.pace for saying in Delivery(DESK).sayings(line)]


def test_a_desk_has_its_pace_and_a_fact_its_own_beside_it() -> None:
    assert paces("From nine to five.") == [1.1]
    assert paces("Nobody may smoke. Dogs stay outside.") == [0.88, 0.88]
    assert paces("Dogs stay outside.") == [0.88]


def test_a_flow_has_its_pace_whatever_its_fields_hold() -> None:
    assert paces("Which day, Mr. Nguyen?") == [0.99]
    assert paces("Which day is it?") == [1.1]


def test_a_number_is_slower_than_the_rest() -> None:
    assert paces("It is 555 0142.") == [round(1.1 * SLOWER, 3)]


def test_sentences_are_apart_by_the_desks_pause() -> None:
    assert [saying.pause for saying in Delivery(DESK).sayings("One. Two. Three.")] == [0.4, 0.4, 0.0]


def test_names_sound_as_the_desk_file_says() -> None:
    (saying,) = Delivery(DESK).sayings("Mr. Nguyen is here.")
    assert saying.text == "Mister win is here."


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('[voice]\npace = 5.0', r"line 2: voice has pace = 5.0"),
        ('[voice]\npause = -1.0', r"voice has pause = -1.0"),
        ('[pronounce]\nAnna = "anna"\nNguyen = ""', r"line 4: pronounce.Nguyen has no sound"),
        ('[pronounce]\n"..." = "dots"', r"line 3: pronounce.... has no sound"),
        ('[pronounce]\nNguyen = "/wɪn"', r"line 3: pronounce.Nguyen has one slash"),
        ('[pronounce]\nNguyen = "/w1n/"', r"line 3: pronounce.Nguyen has '1' in its phonemes"),
        ('[pronounce]\nNguyen = 3', r"line 3: pronounce.Nguyen is 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_told_with_its_line(tmp_path: Path, wrong: str, told: str) -> None:
    (tmp_path / "desk.toml").write_text(f'name = "Alder House"\n{wrong}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        read_desk(tmp_path / "desk.toml")


def test_phonemes_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text('name = "Alder House"\n[pronounce]\nSiobhan = "/ʃɪˈvɔːn/"\n', encoding="utf-8")
    (saying,) = Delivery(read_desk(file)[0]).sayings("Siobhan?")
    assert saying.text == "[[ʃɪˈvɔːn]]?"
