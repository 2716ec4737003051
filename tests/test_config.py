"""box.toml and desk.toml: read whole or refused with the line and the mend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import SHIPPED, Box, digest, read_box, read_desk
from appliance.config.trunks import secret
from appliance.errors import ConfigError

DESK = """\
name = "Alder House"

[fact.hours]
ask = ["when are you open?"]
say = "From nine to five."
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


def test_the_mark_that_editors_of_windows_put_before_a_file_is_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_bytes(b"\xef\xbb\xbf" + DESK.replace("\n", "\r\n").encode())
    assert read_desk(path)[0].digest == digest(DESK)


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
        ("[fact.hours]", "[fact.hours]\n[fact.hours]", "line 4: this stands there a second time; leave one"),
        ('name = "Alder House"', 'name = "A"\nname = "B"', "line 2: this stands there a second time"),
        ('"From nine to five."', "[" * 5000, "look for a missing quote"),
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
    ],
)
def test_what_is_wrong_is_told_with_its_mend(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert expected in desk_error(tmp_path, DESK.replace(before, after))


FLOW = """
[flow.book]
phrases = ["book"]
done = "Booked for {day}."

[[flow.book.ask]]
slot = "day"
type = "date"
prompt = "Which day?"

[[flow.book.ask]]
slot = "time"
type = "time"
prompt = "What time on {day}?"
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "on {day}?",
            "on {dya}?",
            "line 14: flow.book.ask.2.prompt says {dya}; what can stand here: day, time",
        ),
        ("on {day}?", "on {day?", "line 14: flow.book.ask.2.prompt has a brace that is not closed"),
        ("for {day}.", "for {date}.", "line 4: flow.book.done says {date}; what can stand here: day, time"),
        ('slot = "time"', 'slot = "day"', "line 11: flow.book.ask.2 asks for day a second time"),
        (
            'slot = "time"',
            'slot = "the time"',
            'flow.book.ask.2 has the slot "the time"; its name is one word',
        ),
        ('slot = "time"\n', "", "line 11: flow.book.ask.2 needs slot; add slot"),
        ('type = "time"\n', "", "flow.book.ask.2 for time needs type"),
        (
            'type = "time"',
            'type = "time"\nelse = "nowhere"',
            "leads from time to nowhere; there is no such flow",
        ),
        ('type = "time"', 'type = "time"\nbetween = "5 to 10"', "which is no stretch of hours"),
        ('type = "date"', 'type = "date"\nbetween = "17:00-22:00"', "for day has between, and is no time"),
        ('type = "time"', 'type = "time"\nlength = 6', "for time has length = 6"),
        ('type = "time"', 'type = "time"\npatience = 9', "for time has patience = 9.0; 0.2 to 5 seconds"),
        ('type = "time"', 'type = "time"\npatience = "slow"', "one of: patient, normal, brisk"),
        ('type = "time"', 'type = "time"\nfrom = "caller_id"', "for time is a time from caller_id"),
        ('type = "time"', 'type = "time"\ndirectory = true', "for time is of the directory"),
        (
            'type = "time"',
            'type = "choice"\noptions = ["a"]\ngoto = {b = "book"}',
            "for time leads on from b, which is no option; one of: a",
        ),
        (
            'done = "Booked for {day}."',
            'remember = ["dey"]',
            "flow.book.remember has dey; the slots here are day",
        ),
        (
            'done = "Booked for {day}."',
            'done = "x"\ndo = {action = "queue.take"}',
            "line 4: flow.book.done stands beside do",
        ),
        (
            'done = "Booked for {day}."',
            'do = {action = "queue.take", done = "Number {number"}',
            "line 4: flow.book.do.done has a brace that is not closed",
        ),
        (
            'done = "Booked for {day}."',
            'do = {action = "queue.take", confirm = "For {name}?"}',
            "flow.book.do.confirm says {name}",
        ),
    ],
)
def test_what_a_flow_cannot_say_or_do_is_told_with_its_line(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    assert before in FLOW
    assert expected in desk_error(tmp_path, 'name = "A"' + FLOW.replace(before, after, 1))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('readback = "{valu}?"', "line 3: lines.readback says {valu}; what can stand here: slot, value"),
        ('which = "{option}?"', "line 3: lines.which says {option}; what can stand here: options"),
        ('refused = "{reason}"', "line 3: lines.refused says {reason}"),
        ('use = "{}"', "line 3: lines.use says {}"),
        ('greeting = "Hello {name}"', "line 3: lines.greeting says {name}; what can stand here: no slot"),
        ('use = "{value"', "line 3: lines.use has a brace that is not closed or not opened"),
        ('use = "value}"', "line 3: lines.use has a brace that is not closed or not opened"),
    ],
)
def test_a_line_that_would_fall_over_in_a_call_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    assert expected in desk_error(tmp_path, f'name = "A"\n[lines]\n{line}\n')


@given(
    st.text(st.sampled_from("{}ab value options slot!"), max_size=30),
    st.sampled_from(["readback", "which", "use"]),
)
def test_a_line_that_is_read_can_be_said(
    tmp_path_factory: pytest.TempPathFactory, line: str, key: str
) -> None:
    path = tmp_path_factory.mktemp("line") / "desk.toml"
    path.write_text(f'name = "A"\n[lines]\n{key} = "{line}"\n')
    try:
        desk, _ = read_desk(path)
    except ConfigError:
        return
    getattr(desk.lines, key).format(value="ten", slot="time", options="a or b")


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


def test_a_secret_may_be_a_credential_of_the_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "box.toml"
    path.write_text(
        """\
[[gsm]]
pin_file = "$CREDENTIALS_DIRECTORY/pin"
[[sip.account]]
user = "desk"
domain = "pbx.local"
password_file = "$CREDENTIALS_DIRECTORY/sip"
"""
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/appliance.service")
    box, _ = read_box(path)
    given = Path("/run/credentials/appliance.service")
    assert [box.gsm[0].pin_file, box.sip.account[0].password_file] == [given / "pin", given / "sip"]
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    by_hand, _ = read_box(path)
    with pytest.raises(ConfigError, match="let systemd start the desk"):
        secret(by_hand.gsm[0].pin_file)


@pytest.mark.parametrize("listen", ["5060", "0.0.0.0", "0.0.0.0:sip", "0.0.0.0:70000", ":5060"])
def test_where_sip_listens_is_an_address_and_a_port(tmp_path: Path, listen: str) -> None:
    (tmp_path / "box.toml").write_text(f'[sip]\nlisten = "{listen}"\n')
    with pytest.raises(ConfigError, match=r"line 1.*listen"):
        read_box(tmp_path / "box.toml")


@pytest.mark.parametrize("table", ["fleet", "home"])
@pytest.mark.parametrize("broker", ["broker.local", "broker.local:0", "broker.local:70000", ":1883"])
def test_a_broker_is_a_host_and_a_port(tmp_path: Path, table: str, broker: str) -> None:
    more = 'enabled = true\ndevice = "lobby"' if table == "fleet" else ""
    (tmp_path / "box.toml").write_text(f'[{table}]\nbroker = "{broker}"\n{more}\n')
    with pytest.raises(ConfigError, match=r"line 1.*broker"):
        read_box(tmp_path / "box.toml")
