"""Whom the desk calls, by which trunk; and whom it never calls."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.channels.exchange import EMERGENCY, CallFailed, Exchange, Unreached, allowed, is_emergency
from appliance.channels.phone import PhoneCall


@dataclass
class Trunk:
    name: str
    does: str = "answered"
    state: tuple[bool, str] = (True, "")
    by_number: bool = False
    dialled: list[str] = field(default_factory=list)

    def carries(self, to: str) -> bool:
        return not (self.by_number and to.startswith("sip"))

    async def dial(self, to: str, patience: float) -> PhoneCall:
        self.dialled.append(to)
        if self.does == "down":
            raise CallFailed("no credit")
        raise Unreached(self.does)


async def test_a_second_trunk_takes_over_where_the_first_is_down_or_fails() -> None:
    first, second = Trunk("gsm", state=(False, "no network")), Trunk("sip", "busy")
    with pytest.raises(Unreached):
        await Exchange([first, second]).dial("+1 (212) 555-0142")
    assert (first.dialled, second.dialled) == ([], ["+12125550142"])
    first.state, first.does = (True, ""), "down"
    with pytest.raises(Unreached):
        await Exchange([first, second]).dial("+12125550142")
    assert len(first.dialled) == 1
    assert len(second.dialled) == 2


async def test_who_is_busy_is_not_called_again_by_another_trunk() -> None:
    first, second = Trunk("gsm", "busy"), Trunk("sip")
    with pytest.raises(Unreached, match="busy"):
        await Exchange([first, second]).dial("+12125550142")
    assert second.dialled == []


async def test_where_no_trunk_can_it_is_said_why() -> None:
    trunks = [Trunk("gsm", state=(False, "no SIM")), Trunk("sip", "down")]
    with pytest.raises(CallFailed, match=r"gsm: no SIM; sip: no credit"):
        await Exchange(trunks).dial("+12125550142")
    with pytest.raises(CallFailed):
        await Exchange([]).dial("+12125550142")
    assert Exchange(trunks).state == (True, "by sip")
    assert Exchange(trunks[:1]).state == (False, "gsm: no SIM")


async def test_a_modem_is_not_asked_for_a_sip_address() -> None:
    modem, sip = Trunk("gsm", by_number=True), Trunk("sip", "busy")
    with pytest.raises(Unreached):
        await Exchange([modem, sip]).dial("sip:desk@pbx")
    assert modem.dialled == []


@pytest.mark.parametrize(
    "number",
    [
        "112", "911", "999", "+112", "1-1-2", "9 1 1", "(911)", "0112", "9911", "9112", "00112", "tel:911",
        "000", "sip:911@pbx", "sip:112@pbx.local:5060", "sips:+911@pbx", "sip:9911@pbx", "sip:1-1-2@pbx",
    ],
)  # fmt: skip
async def test_emergency_numbers_are_never_dialled_however_they_are_written(number: str) -> None:
    trunk = Trunk("gsm")
    with pytest.raises(CallFailed):
        await Exchange([trunk]).dial(number)
    assert trunk.dialled == []


@pytest.mark.parametrize(
    "to",
    [
        "*#06#", "*100#", "**21*5#", "#31#5550142", "", "abc", "ATD911;", "5550142;+CFUN=0", "sip:911;x@pbx",
        "sip:9%31%31@pbx", "sip:@pbx", "sip:911", "sip:desk@pbx\r\nVia: x", "1" * 40, "٩١١",
    ],
)  # fmt: skip
def test_codes_and_what_is_no_number_are_never_dialled(to: str) -> None:
    with pytest.raises(CallFailed):
        allowed(to)


@pytest.mark.parametrize(
    ("to", "dialled"),
    [
        ("+1 212-555-0142", "+12125550142"),
        ("tel:+12125550142", "+12125550142"),
        ("sip:desk@pbx", "sip:desk@pbx"),
        ("sip:201@10.0.0.1:5060", "sip:201@10.0.0.1:5060"),
        ("201", "201"),
    ],
)
def test_people_can_be_called(to: str, dialled: str) -> None:
    assert allowed(to) == dialled


@given(
    st.sampled_from(sorted(EMERGENCY)),
    st.lists(st.sampled_from([" ", "-", ".", "(", ")", "/", ""]), min_size=6, max_size=6),
    st.sampled_from(["", "0", "9", "+", "00", "tel:"]),
)
def test_no_punctuation_hides_an_emergency_number(number: str, marks: list[str], before: str) -> None:
    written = before + "".join(mark + digit for mark, digit in zip(marks, number, strict=False)) + marks[3]
    with pytest.raises(CallFailed):
        allowed(written)


def test_those_of_the_desks_own_country_count_too() -> None:
    assert is_emergency("17", "FR")
    assert is_emergency("100", "IN")
    assert not is_emergency("17", "US")
    assert not is_emergency("+12125550142")
