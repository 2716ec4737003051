"""A desk that is closed says other things, and leads elsewhere."""

from __future__ import annotations

from datetime import datetime

import pytest

from appliance.errors import ConfigError
from tests.flows.forms import Paper, desk

NIGHT = datetime(2026, 11, 23, 22, 0)

DESK = """
[hours]
monday = ["09:00-17:00"]
[flow.person]
phrases = ["talk to the doctor"]
ask = [{slot="name", type="name", prompt="Your name?"}]
do = {action="callback.request", confirm="A call for {name}?", done="Good."}
closed = {say="The practice is closed now.", goto="tomorrow"}
[flow.tomorrow]
ask = [{slot="name", type="name", prompt="Who shall be called tomorrow?"}]
done = "{name} will be called tomorrow."
[flow.key]
phrases = ["the key"]
ask = [{slot="room", type="number", prompt="Which room?"}]
done = "The key of room {room}."
closed = {say="Keys are given out from nine on."}
[flow.book]
phrases = ["book"]
ask = [{slot="day", type="date", prompt="Which day?"}]
done = "Noted for {day}."
closed = {say="We are closed now, but I can book.", goto="book"}
[flow.note]
phrases = ["a note"]
ask = [{slot="text", type="text", prompt="What?"}]
done = "Noted."
closed = {say="Nobody is here.", goto="message"}
"""


def test_by_day_the_flow_is_as_it_stands() -> None:
    assert Paper(DESK).begin("person") == "Your name?"
    assert Paper(DESK).begin("key") == "Which room?"


def test_by_night_it_leads_to_another_flow() -> None:
    paper = Paper(DESK, now=NIGHT)
    assert paper.begin("person") == "The practice is closed now."
    assert (paper.last.leave, paper.state.forms) == ("tomorrow", ())


def test_by_night_it_may_say_so_and_nothing_else() -> None:
    paper = Paper(DESK, now=NIGHT)
    assert paper.begin("key") == "Keys are given out from nine on."
    assert not paper.state.forms
    assert not paper.last.leave


def test_by_night_it_may_go_on_all_the_same() -> None:
    paper = Paper(DESK, now=NIGHT)
    assert paper.begin("book") == "We are closed now, but I can book. Which day?"
    assert paper.says("Thursday") == "Noted for Thursday the twenty sixth of November."


def test_by_night_it_may_take_a_message() -> None:
    paper = Paper(DESK, now=NIGHT)
    assert paper.begin("note") == "Nobody is here."
    assert paper.last.leave == "message"


def test_what_was_open_goes_on_after_a_closed_errand() -> None:
    paper = Paper(DESK, now=NIGHT)
    paper.begin("book")
    assert paper.begin("key") == "Keys are given out from nine on. Which day?"


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ('goto="tomorrow"', 'goto="nowhere"', "line 9: flow.person.closed leads to nowhere"),
        (
            'done = "{name} will be called tomorrow."',
            'done = "x"\nclosed = {say="Closed.", goto="person"}',
            "flow.person.closed leads back: person to tomorrow to person",
        ),
        ('say="The practice is closed now."', 'say="{day} is closed."', "flow.person.closed says {day}"),
    ],
)
def test_ways_that_lead_nowhere_are_told(before: str, after: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as error:
        desk(DESK.replace(before, after))
    assert wrong in str(error.value)
