"""What `appliance check` finds in a desk file that is valid and yet not meant so."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import SHIPPED, read_desk
from appliance.workshop.lint import lint

DESK = """\
name = "Alder House"
[fact.hours]
ask = ["when are you open", "what are your hours", "when do you close"]
say = "From nine to five."
[flow.book]
phrases = ["book a visit"]
ask = [{slot="day", type="date", prompt="Which day?"}, {slot="time", type="time", prompt="When?"}, {slot="name", type="name", prompt="Who?"}]
do = {action="calendar.book", confirm="Book {day}?"}
"""  # noqa: E501


def findings(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "desk.toml"
    path.write_text(text)
    return [str(error) for error in lint(read_desk(path)[0], path)]


@pytest.mark.parametrize("name", ["desk", "clinic", "hotel", "lobby"])
def test_what_ships_is_clean(name: str) -> None:
    path = SHIPPED / f"{name}.toml"
    assert lint(read_desk(path)[0], path) == []


def test_a_good_desk_is_clean(tmp_path: Path) -> None:
    assert findings(tmp_path, DESK) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            '"book a visit"',
            '"when are you open"',
            'line 6: flow.book.phrases has "when are you open", and so has fact.hours',
        ),
        ("[flow.book]", "[flow.cancel]", "flow.cancel is called cancel, which leads out of flows"),
        ("[flow.book]", "[flow.hours]", "flow.hours is called like a fact"),
        (
            'confirm="Book {day}?"',
            'confirm="Book {day}?", done="{dey}, {reference}"',
            "flow.book.do says {dey}; did you mean {day}?",
        ),
        ("calendar.book", "calendar.bok", "line 8: flow.book.do does calendar.bok; the actions are"),
        ('confirm="Book {day}?"', 'done="Done."', "does calendar.book without asking"),
        (', {slot="name", type="name", prompt="Who?"}', "", "lacks name; ask for it"),
        (
            'prompt="When?"',
            'prompt="When?", from="remembered", optional=true',
            "line 7: flow.book.ask.2 offers time, which is never asked for",
        ),
        (
            '"Book {day}?"',
            '"Book {day}?", undo="calendar.drop"',
            "is undone by calendar.drop; the actions are",
        ),
        (
            'action="calendar.book", confirm="Book {day}?"',
            'action="directory.find", undo="directory.find"',
            "is undone by directory.find itself; that has no way back of its own",
        ),
        (
            'do = {action="calendar.book", confirm="Book {day}?"}',
            'remember = ["name"]\ndo = {action="calendar.book", confirm="Book?", done="Is that all?"}',
            "ends with a question, and then asks whether to remember",
        ),
        ('do = {action="calendar.book", confirm="Book {day}?"}', "", "line 5: flow.book ends without a word"),
        (
            'phrases = ["book a visit"]',
            'phrases = ["book a visit"]\nclosed = {say="Not now."}',
            "line 7: flow.book.closed never comes about; write [hours]",
        ),
        (
            'say = "From nine to five."',
            'say = "From nine to five."\nsay_closed = "Closed."',
            "line 5: fact.hours.say_closed is never said; write [hours]",
        ),
        (
            'name = "Alder House"',
            'name = "Alder House"\nlines = {greeting_closed = "Closed."}',
            "lines.greeting_closed is never said; write [hours]",
        ),
        ('type="name"', 'type="name", directory=true', "looks for name in the directory"),
        ('type="date", prompt', 'type="date", check="calendar.opn", prompt', "checks day by calendar.opn"),
        ('type="name"', 'type="choice"', "lets name be chosen from nothing"),
        ('phrases = ["book a visit"]', "phrases = []", "line 5: flow.book is never reached"),
        (
            '"what are your hours", "when do you close"',
            '"what are your hours"',
            "line 3: fact.hours.ask has 2 questions",
        ),
        ("From nine to five.", "x" * 300, "line 4: fact.hours.say answers in 300 characters"),
    ],
)
def test_each_finding_names_its_line_and_the_mend(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    (found,) = findings(tmp_path, DESK.replace(before, after, 1))
    assert expected in found


@pytest.mark.parametrize("to", ["911", "sip:112@pbx", "the porter", "*21#"])
def test_callers_are_not_put_through_to_where_the_desk_never_calls(tmp_path: Path, to: str) -> None:
    [found] = findings(tmp_path, f'{DESK}\n[handoff]\nto = "{to}"\n')
    assert "line 11: handoff.to can never be called" in found
    assert findings(tmp_path, f'{DESK}\n[handoff]\nto = "sip:desk@pbx"\nclosed_to = "+12125550142"\n') == []
