"""What is read back to a caller, and heard again, is the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from appliance.slots import Context, parse

NOW = datetime(2026, 7, 7, 14, 20)
HERE = Context(NOW)


def read_back(kind: str, said: str) -> tuple[object, object]:
    value = parse(kind, said, HERE)
    assert value
    again = parse(kind, value.spoken, HERE)
    return value.value, again and again.value


@given(st.dates(date(1930, 1, 1), date(2050, 12, 31)))
def test_a_date_read_back_is_the_same_date(day: date) -> None:
    assert read_back("date", day.isoformat()) == (day.isoformat(), day.isoformat())


@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_read_back_is_the_same_time(hour: int, minute: int) -> None:
    clock = f"{hour:02}:{minute:02}"
    assert read_back("time", clock) == (clock, clock)


@given(st.integers(0, 60 * 24 * 200))
def test_a_moment_read_back_is_the_same_moment(minutes: int) -> None:
    moment = (NOW + timedelta(minutes=minutes)).isoformat(timespec="minutes")
    assert read_back("datetime", moment) == (moment, moment)


@given(st.integers(-(10**9), 10**9) | st.decimals(0, 9999, places=2).map(float))
def test_a_number_read_back_is_the_same_number(number: float) -> None:
    assert read_back("number", str(number)) == (number, number)


@given(st.integers(1, 10**7))
def test_money_read_back_is_the_same_money(cents: int) -> None:
    assert read_back("money", f"${cents / 100:.2f}") == (cents / 100, cents / 100)


@given(st.integers(1, 600))
def test_a_duration_read_back_is_the_same_duration(minutes: int) -> None:
    value, again = read_back("duration", f"{minutes} minutes")
    assert value == again


@given(st.text("0123456789", min_size=3, max_size=12), st.sampled_from(["US", "GB", "DE"]))
def test_a_phone_number_read_back_is_the_same_number(digits: str, country: str) -> None:
    context = replace(HERE, country=country)
    value = parse("phone", digits, context)
    assert value
    again = parse("phone", value.spoken, context)
    assert again
    assert again.value == value.value


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=12))
def test_what_is_spelled_and_read_back_is_the_same_word(name: str) -> None:
    assert read_back("spelled", " ".join(name)) == (name.capitalize(), name.capitalize())


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=3, max_size=10))
def test_a_code_read_back_is_the_same_code(code: str) -> None:
    value = parse("code", code, HERE)
    if value and value.value == code:
        again = parse("code", value.spoken, HERE)
        assert again
        assert again.value == code
