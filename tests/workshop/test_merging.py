"""Two people change the desk file at the same time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.workshop.merging import merge

TEXTS = st.lists(st.sampled_from("abcdef"), max_size=8).map(lambda lines: "".join(f"{x}\n" for x in lines))


def test_changes_in_different_places_come_together() -> None:
    base = "a\nb\nc\nd\ne\n"
    assert merge(base, "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\nf\n") == "A\nb\nc\nd\nE\nf\n"


def test_changes_to_the_same_line_do_not() -> None:
    assert merge("a\nb\nc\n", "a\nB\nc\n", "a\nbb\nc\n") is None


def test_one_deletes_what_the_other_changes() -> None:
    assert merge("a\nb\nc\n", "a\nc\n", "a\nB\nc\n") is None


@given(TEXTS, TEXTS)
def test_who_changes_nothing_gets_what_the_other_wrote(base: str, other: str) -> None:
    assert merge(base, other, base) == other
    assert merge(base, base, other) == other


@given(TEXTS, TEXTS)
def test_the_same_change_twice_is_one(base: str, other: str) -> None:
    assert merge(base, other, other) == other


@given(TEXTS, TEXTS, TEXTS)
def test_it_does_not_matter_who_was_first(base: str, one: str, other: str) -> None:
    merged = merge(base, one, other)
    assert merged == merge(base, other, one)
    if merged is not None:
        lines = set(merged.splitlines())
        assert lines <= set((base + one + other).splitlines())
        assert set(one.splitlines()) & set(other.splitlines()) - set(base.splitlines()) <= lines
