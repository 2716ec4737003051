"""Whatever is said, in whatever order: forms do not fall over, loop or act without a yes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.flows.state import fold
from appliance.slots import Value
from appliance.slots.acts import act
from tests.flows.forms import NOW, Paper
from tests.flows.test_calls import BOOK, QUEUE
from tests.flows.test_known import KNOWN

EVERYTHING = (
    BOOK.replace(
        '{call="identify"},', '{call="identify"}, {slot="host", type="name", prompt="Whom?", directory=true},'
    )
    + QUEUE.replace('{slot="day"', '{slot="on"').replace("{day}?", "{on}?")
    + """
[hours]
monday = ["09:00-12:00"]
[actions.directory]
people = [{name="Tom Becker"}, {name="Tom Barker"}, {name="Ellen Marsh"}]
"""
)
SAYINGS = (
    "yes", "no", "no, Friday", "Friday", "tomorrow or Thursday", "at nine", "ten or eleven", "Tom", "Becker",
    "the first", "neither", "my name is Ann Smith", "Ann Smith", "212 555 0142", "4829", "change the day",
    "change the name", "the time is wrong", "go back", "what?", "purple", "yes, and at ten", "no, Bob Jones",
    "maybe", "thirsty", "", "nine", "no no no", "the second", "change the phone to 212 555 0177", "either",
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(SAYINGS), max_size=25), st.booleans(), st.sampled_from(["book", "visit"]))
def test_forms_stand_whatever_is_said(said: list[str], known: bool, flow: str) -> None:
    paper = Paper(EVERYTHING)
    paper.begin(flow, known=KNOWN if known else {})
    for text in said:
        if not paper.state.forms:
            break
        before = paper.state
        once, twice = (paper.forms.hear(before, text, NOW) for _ in range(2))
        assert once == twice, "a step is a function of the state"
        answer = paper.says(text)
        assert answer or paper.last.leave, "nobody is left without an answer"
        assert "{" not in answer
        assert fold(paper.events) == paper.state, "the events are the state"
    for number, request in enumerate(paper.requests):
        if request.action == "calendar.book":
            confirmed = [event.data["form"] for event in paper.events if event.kind == "confirmed"]
            assert request.form in confirmed, number
    for event in paper.events:
        if event.kind == "slot.filled":
            assert event.data["source"] in ("said", "caller_id", "remembered")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.sampled_from(["ask", "doubt", "confirm"]))
def test_no_text_does_harm(text: str, stage: str) -> None:
    paper = Paper(BOOK)
    paper.begin("book")
    for answer in ("Thursday", "Ann Smith", "212 555 0142", "nine") if stage == "confirm" else ():
        paper.says(answer)
    if stage == "doubt":
        paper.says("tomorrow or Thursday")
    paper.says(text)
    if paper.requests:
        assert (stage, act(text)[0]) == ("confirm", "yes")


@given(st.sampled_from(["no", "hm", "what?", "never mind", "purple"]))
def test_what_is_known_is_used_by_a_yes_alone(said: str) -> None:
    paper = Paper(BOOK)
    paper.begin("book", known={"remembered.name": Value("Ann Smith", "Ann Smith", 1.0)})
    paper.says("Thursday")
    paper.says(said)
    assert not paper.state.forms or "name" not in paper.slots()
