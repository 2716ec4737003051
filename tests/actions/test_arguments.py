"""What an action may be called with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.actions import REGISTRY, Context, action
from appliance.actions.registry import Action
from tests.actions.conftest import Desk, desk_at


def declare(function: Any, **rules: Any) -> Action:
    made = action("odd.one", **rules)(function)
    del REGISTRY["odd.one"]
    return made


def everything(
    context: Context,
    text: str,
    whole: int,
    number: float,
    truth: bool,
    day: date,
    at: time,
    moment: datetime,
    pick: Literal["tea", "coffee", 3],
    maybe: Optional[int] = None,  # noqa: UP045
    also: str | None = None,
) -> Mapping[str, Any]:
    """Take one of each.

    Further down nobody reads.

    text: what is said
    """
    return {}


FINE = {
    "text": " tea ", "whole": 3.0, "number": 2, "truth": True, "day": "2026-07-14", "at": "14:30",
    "moment": "2026-07-14T14:30", "pick": "tea", "maybe": None,
}  # fmt: skip


def test_the_schema_is_read_off_the_function() -> None:
    assert declare(everything).schema() == {
        "name": "odd.one",
        "description": "Take one of each.",
        "parameters": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "description": "what is said"},
                "whole": {"type": "integer"},
                "number": {"type": "number"},
                "truth": {"type": "boolean"},
                "day": {"type": "string", "format": "date"},
                "at": {"type": "string", "format": "time"},
                "moment": {"type": "string", "format": "date-time"},
                "pick": {"enum": ["tea", "coffee", 3]},
                "maybe": {"type": ["integer", "null"]},
                "also": {"type": ["string", "null"]},
            },
            "required": ["text", "whole", "number", "truth", "day", "at", "moment", "pick"],
            "additionalProperties": False,
        },
    }


def test_arguments_arrive_as_what_the_function_takes() -> None:
    assert declare(everything).check(FINE) == {
        "text": "tea", "whole": 3, "number": 2.0, "truth": True, "day": date(2026, 7, 14),
        "at": time(14, 30), "moment": datetime(2026, 7, 14, 14, 30), "pick": "tea", "maybe": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": None}, "text must be a text"),
        ({"text": "x" * 2001}, "text must be a text"),
        ({"text": "bell \x07"}, "text must be a text"),
        ({"text": "half \ud800"}, "text must be a text"),
        ({"whole": True}, "whole must be a whole number"),
        ({"whole": 2.5}, "whole must be a whole number"),
        ({"whole": "2"}, "whole must be a whole number"),
        ({"whole": 2**70}, "whole must be a whole number"),
        ({"number": float("nan")}, "number must be a number"),
        ({"number": float("inf")}, "number must be a number"),
        ({"truth": 1}, "truth must be true or false"),
        ({"day": "soon"}, "day must be a day like 2026-07-14"),
        ({"day": datetime(2026, 7, 14)}, "day must be a day like"),
        ({"at": "25:00"}, "at must be a time like 14:30"),
        ({"at": "14:30+02:00"}, "at must be a time like 14:30"),
        ({"moment": "2026-07-14"}, "moment must be a day and time"),
        ({"pick": "beer"}, "pick must be one of tea, coffee, 3"),
        ({"pick": ["tea"]}, "pick must be one of"),
        ({"sugar": "yes"}, "'sugar' is no argument of odd.one; it takes text, whole"),
        ({5: "yes"}, "5 is no argument"),
    ],
)
def test_what_does_not_fit_is_said_plainly(wrong: dict[Any, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"must be|is no argument") as error:
        declare(everything).check({**FINE, **wrong})
    assert said in str(error.value)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="needs moment"):
        declare(everything).check({name: value for name, value in FINE.items() if name != "moment"})


def test_of_a_form_an_action_takes_what_it_knows() -> None:
    slots = {"day": "2026-07-14", "mood": "fine"}
    assert REGISTRY["calendar.free"].among(slots) == {"day": "2026-07-14"}
    assert REGISTRY["http.request"].among(slots) == slots


def test_an_action_must_be_described_and_typed() -> None:
    def bare(context: Context) -> Mapping[str, Any]:
        return {}

    def listed(context: Context, all: list[str]) -> Mapping[str, Any]:
        """Take a list."""
        return {}

    with pytest.raises(TypeError, match="docstring"):
        declare(bare)
    with pytest.raises(TypeError, match="all"):
        declare(listed)


def test_every_action_of_the_box_says_what_it_takes() -> None:
    for name, each in REGISTRY.items():
        schema = each.schema()
        assert schema["name"] == name
        assert schema["description"].endswith(".")
        for told in schema["parameters"]["properties"].values():
            assert told["description"]


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary()
    | some.dates() | some.times() | some.datetimes() | some.just("\ud800"),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(some.dictionaries(some.sampled_from([*FINE, "sugar"]) | some.integers(), anything))
def test_no_argument_raises_anything_but_a_plain_error(arguments: dict[Any, Any]) -> None:
    one = declare(everything)
    try:
        one.check({**FINE, **arguments})
    except ValueError as error:
        assert len(str(error)) < 1000


@pytest.fixture(scope="module")
def open_desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        desk = desk_at(Path(folder), {"http.request": {"allow": []}})
        desk.log.append("call", "identified", {"how": "staff"})
        yield desk
        desk.store.close()


@settings(max_examples=80, deadline=None)
@given(data=some.data())
def test_no_action_breaks_whatever_it_is_called_with(open_desk: Desk, data: some.DataObject) -> None:
    name = data.draw(some.sampled_from(sorted(REGISTRY)))
    fitting = {str: some.text(), int: some.integers(), date: some.dates(), time: some.times()}
    arguments = {
        each: data.draw(anything | some.one_of(*fitting.values())) for each in REGISTRY[name].parameters
    }
    try:
        asked = open_desk.agreed(name, **arguments)
    except (TypeError, ValueError, UnicodeError):
        asked = open_desk.log.append(
            "call", "confirmed", {"action": name, "arguments": {}, "line": "x", "asked": "x"}
        )
    outcome = open_desk.run(name, asked, level="staff", **arguments)
    assert outcome.ok or outcome.why not in ("", "failed")
