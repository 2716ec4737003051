"""What modems say, cut up in every way; and the lines of real ones, where the recordings are here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.channels.gsm import pdu
from appliance.channels.gsm.profiles import families
from appliance.channels.gsm.replies import (
    ACTIVE,
    INCOMING,
    PROMPT,
    Splitter,
    bars,
    caller,
    listed,
    registered,
    stored,
    values,
)

VECTORS = Path(__file__).parents[4] / "shared" / "data" / "modem" / "vectors.jsonl"
LINES = st.lists(st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1), max_size=8)


def vectors() -> Iterator[str]:
    if not VECTORS.is_file():
        pytest.skip("the lines of real modems are not here")
    for row in VECTORS.read_text().splitlines():
        yield json.loads(row)["text"]


@given(LINES, st.lists(st.integers(1, 7), min_size=1))
def test_however_the_bytes_are_cut_the_lines_are_the_same(lines: list[str], sizes: list[int]) -> None:
    data = b"".join(f"\r\n{line}\r\n".encode() for line in lines)
    splitter, got, at = Splitter(), [], 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        got += list(splitter.feed(data[at : at + size]))
        at += size
    assert got == [line for line in lines if line.strip()]


@given(st.binary(max_size=20_000))
def test_no_bytes_can_hurt(data: bytes) -> None:
    for line in Splitter().feed(data):
        listed(line), registered(line), bars(line), caller(line), stored(line)
        for kind in families().values():
            kind.key(line)


def test_a_prompt_comes_without_an_end_of_line() -> None:
    splitter = Splitter()
    assert list(splitter.feed(b"\r\n>")) == []
    assert list(splitter.feed(b" ")) == [PROMPT]


def test_a_line_without_an_end_is_forgotten_at_last() -> None:
    splitter = Splitter()
    assert list(splitter.feed(b"x" * 10_000)) == []
    assert list(splitter.feed(b"\r\nOK\r\n")) == ["OK"]


@pytest.mark.parametrize(
    ("line", "number", "state", "incoming"),
    [
        ('+CLCC: 1,1,0,0,0,"123456789",161', "123456789", ACTIVE, True),
        ('+CLCC: 1,1,4,0,0,"+4915555",145', "+4915555", INCOMING, True),
        ("+CLCC: 2,0,3,0,0", "", 3, False),
        ('+CLCC:1,0,6,0,0,"+15",145,"Smith, Ann"', "+15", 6, False),
    ],
)
def test_a_call_in_the_list(line: str, number: str, state: int, incoming: bool) -> None:
    call = listed(line)
    assert call
    assert (call.number, call.state, call.incoming) == (number, state, incoming)


def test_what_is_no_call_in_the_list() -> None:
    assert [listed(line) for line in ("OK", "+CLCC: x", "+CLCC: 1,1,9,0,0", "+CLCC: ", "CLCC")] == [None] * 5


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("+CREG: 0,1", True),
        ("+CREG: 1", True),
        ('+CREG: 5,"33FE","a3fb477"', True),
        ('+CREG: 2,1,"33FE","a3fb477",7', True),
        ("+CREG: 2,2", False),
        ("+CREG: 11", False),
        ('+CREG: 3,"0000"', False),
        ("+CEREG: 0,5", True),
        ("+COPS: 0", None),
        ("+CREG: ", None),
    ],
)
def test_whether_the_sim_is_in_a_network(line: str, there: bool | None) -> None:
    assert registered(line) is there


def test_a_caller_who_hides_the_number_has_none() -> None:
    assert caller('+CLIP: "+15550100",145,,,,0') == "+15550100"
    assert caller('+CLIP: "",128,,,,1') == ""
    assert caller('+CLIP: "DROP TABLE",128') == ""
    assert caller("RING") is None


def test_signal_from_none_to_full() -> None:
    assert bars("+CSQ: 31,99") == 1.0
    assert bars("+CSQ: 0,99") == 0.0
    assert bars("+CSQ: 99,99") is None


def test_a_comma_in_quotes_parts_nothing() -> None:
    assert values('+CUSD: 0,"You have 1,20 left",15', "+CUSD") == ["0", "You have 1,20 left", "15"]


def test_keys_of_every_family() -> None:
    assert families()["simcom"].key("+RXDTMF: 8") == "8"
    assert families()["quectel"].key("+QTONEDET: 35") == "#"
    assert families()["quectel"].key("+QTONEDET: 5") == "5"
    assert families()["quectel"].key("+QTONEDET: 300") is None
    assert families()["huawei"].key("^DTMF: 1,*") == "*"


def test_every_line_of_real_modems_is_read_and_means_what_it_says() -> None:
    read: dict[str, int] = {"calls": 0, "networks": 0, "signals": 0, "callers": 0, "texts": 0}
    for text in vectors():
        for line in Splitter().feed(text.encode() + b"\r\n"):
            read["calls"] += (call := listed(line)) is not None
            assert call or not line.startswith("+CLCC: 1,"), line
            read["networks"] += registered(line) is not None
            read["signals"] += bars(line) is not None
            read["callers"] += caller(line) is not None
            part = pdu.deliver(line)
            read["texts"] += part is not None
            if part:
                assert part.text
                assert part.number
    assert read["calls"] >= 10
    assert read["networks"] >= 30
    assert read["texts"] >= 15
