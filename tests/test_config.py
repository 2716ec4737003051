"""box.toml and desk.toml: read whole or refused with the line and the mend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import SHIPPED, Box, read_box, read_desk
from appliance.errors import ConfigError

DESK = """\
name = "Alder House"

[fact.hours]
ask = ["when are you open?"]
say = "From nine to five."
"""

ASK = """say = "Now."
[[flow.call.ask]]
slot = "phone"
type = "phone"
prompt = "Your number?"
"""


def desk_error(tmp_path: Path, text: str) -> str:
    path = tmp_path / "desk.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_desk(path)
    return str(error.value)


def test_what_ships_is_valid_and_is_the_default() -> None:
    box, _ = read_box(SHIPPED / "box.toml")
    assert replace(box, data=Box().data, models=Box().models) == Box()
    desk, _ = read_desk(SHIPPED / "desk.toml")
    assert desk.fact


def test_the_digest_names_the_version(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(DESK)
    before = read_desk(path)[0].digest
    path.write_text(DESK.replace("five", "six"))
    assert len(before) == 12
    assert read_desk(path)[0].digest != before


def test_an_unknown_key_names_its_line_and_the_one_that_was_meant(tmp_path: Path) -> None:
    error = desk_error(tmp_path, DESK.replace("say =", "says ="))
    assert "desk.toml, line 5: fact.hours.says is not a known key; did you mean say?" in error


def test_a_missing_key_names_its_table(tmp_path: Path) -> None:
    error = desk_error(tmp_path, DESK.replace('say = "From nine to five."\n', ""))
    assert "line 3: fact.hours needs say" in error


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('["when are you open?"]', '"when are you open?"', "line 4: fact.hours.ask must be a list"),
        ('["when are you open?"]', "[]", "line 3: fact.hours has no questions"),
        ('"Alder House"', "7", 'line 1: name is 7; it must be text in quotes, like "..."'),
        ('"From nine to five."', '"From nine\nto five."', "look for a missing quote"),
        ("[fact.hours]", "[fact.hours", "look for a missing quote"),
        (
            '"From nine to five."',
            '"x"\nwording = "free"',
            "line 6: fact.hours.wording is 'free'; one of: fixed, rephrase",
        ),
        ('name = "Alder House"', 'name = "A"\nsilence = 0.5', "silence = 0.5; 2 to 120 seconds"),
        (
            'name = "Alder House"',
            'name = "A"\nturns = "slow"',
            "line 2: turns is 'slow'; one of: patient, normal, brisk",
        ),
        ('say = "From', f'{ASK}patience = 20\n[fact.x]\nask = ["x"]\nsay = "From', "0.2 to 10 seconds"),
        ('say = "From', f'{ASK}digits = 0\n[fact.x]\nask = ["x"]\nsay = "From', "digits = 0; 1 to 40"),
    ],
)
def test_what_is_wrong_is_told_with_its_mend(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert expected in desk_error(tmp_path, DESK.replace(before, after))


def test_what_is_said_to_its_end_is_named(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text('uninterruptible = ["greeting", "fact.hours"]\n' + DESK)
    desk, _ = read_desk(path)
    assert [desk.line(name) for name in desk.uninterruptible] == [desk.lines.greeting, "From nine to five."]


@pytest.mark.parametrize("name", ["greting", "fact.privacy", "flow.hours", "", "fact.", "readback"])
def test_what_is_said_to_its_end_must_be_there_and_always_the_same(tmp_path: Path, name: str) -> None:
    error = desk_error(tmp_path, f'uninterruptible = ["{name}"]\n' + DESK)
    assert f'"{name}"' in error
    assert "desk.toml:1" in error or "line 1" in error


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_desk(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_box(tmp_path / "binary.toml")


def test_threads_out_of_range_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text('[engines]\nasr = {engine = "whisper", threads = 0}\n')
    with pytest.raises(ConfigError, match=r"line 2: engines.asr has threads = 0"):
        read_box(path)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_never_worse(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "desk.toml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        read_desk(path)
    except ConfigError as error:
        assert str(path) in str(error)


@given(
    st.sampled_from(["name", "fact", "lines", "wording", "silence", "digest"]),
    st.recursive(
        st.booleans() | st.integers() | st.text("abc"),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=3,
    ),
)
def test_any_value_anywhere_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    path = tmp_path_factory.mktemp("any") / "desk.toml"
    path.write_text(
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n".replace("'", '"')
    )
    try:
        read_desk(path)
    except ConfigError as error:
        assert str(path) in str(error)
