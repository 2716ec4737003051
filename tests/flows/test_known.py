"""What the desk knows of a caller is offered, never used unasked."""

from __future__ import annotations

from appliance.flows.steps import Request
from appliance.slots import Value
from tests.flows.forms import Paper

CALLBACK = """
[flow.callback]
phrases = ["call me back"]
ask = [
  {slot="phone", type="phone", prompt="At which number?", from="caller_id", readback=true},
  {slot="name", type="name", prompt="Your name?", from="remembered"},
]
do = {action="callback.request", confirm="We call {name} at {phone}?", done="Good."}
"""
NUMBER = Value("+12125550142", "two one two, five five five, zero one four two", 1.0)
KNOWN = {
    "caller_id": NUMBER,
    "remembered.name": Value("Ann Smith", "Ann Smith", 1.0),
    "remembered.street": Value("Mill Lane", "Mill Lane", 1.0),
}
SHALL = "Shall I use two one two, five five five, zero one four two?"


def test_a_known_value_is_offered_and_a_yes_fills_it() -> None:
    paper = Paper(CALLBACK)
    assert paper.begin("callback", known=KNOWN) == SHALL
    assert paper.says("yes please") == "Shall I use Ann Smith?"
    assert paper.says("yes").startswith("We call Ann Smith at two one two")
    assert dict(paper.form.sources) == {"phone": "caller_id", "name": "remembered"}


def test_a_no_asks_and_offers_no_more() -> None:
    paper = Paper(CALLBACK)
    paper.begin("callback", known=KNOWN)
    assert paper.says("no") == "At which number?"
    assert paper.says("212 555 0177").endswith("is that right?")
    paper.says("yes")
    assert paper.form.sources["phone"] == "said"


def test_a_no_with_a_reason_is_a_no() -> None:
    paper = Paper(CALLBACK)
    paper.begin("callback", known=KNOWN)
    assert paper.says("no, use another one") == "At which number?"
    assert not paper.last.understood, "it might have been another subject"


def test_another_value_said_instead_is_taken() -> None:
    paper = Paper(CALLBACK)
    paper.begin("callback", known=KNOWN)
    assert paper.says("no, use 212 555 0177").endswith("zero one seven seven, is that right?")
    assert paper.says("yes") == "Shall I use Ann Smith?"
    assert paper.says("no, Bob Jones").startswith(
        "We call Bob Jones at two one two, five five five, zero one"
    )
    assert paper.form.slots["phone"].value == "+12125550177"


def test_nothing_is_offered_that_the_caller_has_told() -> None:
    paper = Paper(CALLBACK)
    said = paper.begin("callback", "call me back at 212 555 0177", KNOWN, {"phone": "212 555 0177"})
    assert "Shall I use two" not in said


def test_without_anything_known_it_is_asked() -> None:
    assert Paper(CALLBACK).begin("callback") == "At which number?"


def test_only_what_the_flow_asks_for_is_written_down() -> None:
    paper = Paper(CALLBACK)
    paper.begin("callback", known=KNOWN)
    assert set(paper.events[0].data["known"]) == {"caller_id", "remembered.name"}


def test_every_value_keeps_its_source_in_the_events() -> None:
    paper = Paper(CALLBACK)
    paper.begin("callback", known=KNOWN)
    paper.says("yes")
    paper.says("no")
    paper.says("Bob Jones")
    filled = [event.data for event in paper.events if event.kind == "slot.filled"]
    assert [(data["slot"], data["source"]) for data in filled] == [("phone", "caller_id"), ("name", "said")]


def test_silence_and_nonsense_are_no_yes() -> None:
    paper = Paper(CALLBACK)
    paper.begin("callback", known=KNOWN)
    assert paper.says("hm").endswith(SHALL)
    assert paper.says("purple").endswith(SHALL)
    assert not paper.slots()


def test_what_is_known_but_refused_is_asked_for() -> None:
    def hand(request: Request) -> tuple[bool, str, dict[str, str]]:
        return request.arguments.get("phone") != NUMBER.value, "none", {}

    paper = Paper(CALLBACK.replace('from="caller_id"', 'from="caller_id", check="directory.find"'), hand)
    paper.begin("callback", known=KNOWN)
    said = paper.says("yes")
    assert "is not possible" in said
    assert said.endswith("At which number?")


def test_going_back_offers_again() -> None:
    paper = Paper(CALLBACK)
    paper.begin("callback", known=KNOWN)
    paper.says("yes")
    assert paper.says("go back") == SHALL


MENU = (
    CALLBACK
    + """
[flow.menu]
phrases = ["help"]
done = "Bye."
[[flow.menu.ask]]
slot = "what"
type = "choice"
options = ["a call", "nothing"]
goto = {"a call" = "callback"}
prompt = "A or B?"
"""
)


def test_what_is_known_goes_on_to_the_flow_that_is_led_to() -> None:
    paper = Paper(MENU)
    paper.begin("menu", known=KNOWN)
    assert paper.says("a call") == SHALL
