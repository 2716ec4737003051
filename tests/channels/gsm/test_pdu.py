"""SMS of any script and length, there and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.channels.gsm import pdu
from appliance.channels.gsm.mailbox import submitted

GSM = st.text(st.sampled_from(pdu.ALPHABET.replace("\x1b", "") + "".join(pdu.EXTENDED)), max_size=1200)
ANY = st.text(st.characters(exclude_categories=("Cs",)), max_size=600)


def read(pdus: list[tuple[int, str]]) -> tuple[set[str], str]:
    """Numbers and whole text, as the far end reads them."""
    for length, octets in pdus:
        assert len(octets) // 2 - 1 == length
        assert length <= 164
    parts = [submitted(octets) for _, octets in pdus]
    return {number for number, _ in parts}, "".join(text for _, text in parts)


@given(GSM)
def test_the_gsm_alphabet_goes_there_and_back(text: str) -> None:
    assert read(pdu.submit("+15550100", text)) == ({"+15550100"}, text)


@given(ANY)
def test_any_script_goes_there_and_back(text: str) -> None:
    assert read(pdu.submit("15550100", text)) == ({"15550100"}, text)


@given(st.lists(st.integers(0, 127), max_size=200), st.integers(0, 6))
def test_septets_are_packed_and_unpacked(septets: list[int], fill: int) -> None:
    assert pdu.unpack(pdu.pack(septets, fill), len(septets), fill) == septets


@given(st.binary(max_size=300))
def test_no_octets_can_hurt(octets: bytes) -> None:
    part = pdu.deliver(octets.hex())
    assert part is None or 1 <= part.index <= part.of


def test_a_text_as_a_network_delivers_it() -> None:
    part = pdu.deliver("07917283010010F5040B917238880900F10000993092516195800AE8329BFD4697D9EC37")
    assert part == pdu.Part("+27838890001", "hellohello", datetime(2099, 3, 29, 13, 16, 59, tzinfo=UTC))


def test_a_hundred_and_sixty_letters_are_one_and_one_more_are_two() -> None:
    assert len(pdu.submit("+15550100", "a" * 160)) == 1
    assert len(pdu.submit("+15550100", "a" * 161)) == 2
    assert len(pdu.submit("+15550100", "ж" * 70)) == 1
    assert len(pdu.submit("+15550100", "ж" * 71)) == 2


def test_an_escape_is_not_parted_from_its_letter() -> None:
    text = "a" * 152 + "€" + "b" * 20
    assert read(pdu.submit("+15550100", text))[1] == text


@pytest.mark.parametrize("number", ["", "+", "1", "12a", "+1 555", "AT+CMGD=1", "1;2"])
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="no telephone number"):
        pdu.submit(number, "hello")


def test_a_novel_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 10"):
        pdu.submit("+15550100", "a" * 2000)


def test_what_a_network_says_to_a_code() -> None:
    assert pdu.ussd("Balance 12.50", 15) == "Balance 12.50"
    assert pdu.ussd("00480069", 72) == "Hi"
    assert pdu.ussd(pdu.pack(pdu.to_septets("Balance 7 ") or []).hex(), 15).strip() == "Balance 7"
