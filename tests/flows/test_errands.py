"""From one flow to another, and back."""

from __future__ import annotations

from pathlib import Path

from tests.flows.test_booking import DESK, Desk

MENU = """\
name = "Alder House"
[flow.menu]
phrases = ["I have a question about my order"]
ask = [{slot="what", type="choice", prompt="Billing or delivery?", options=["billing", "delivery"], goto={billing="bill", delivery="post"}, else="post"}]
[flow.bill]
ask = [{slot="number", type="number", prompt="Which invoice?"}]
[flow.post]
ask = [{slot="day", type="date", prompt="Which day was it sent?"}]
"""  # noqa: E501


async def test_a_menu_leads_to_the_flow_that_was_chosen(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MENU)
    said = await desk.hears("I have a question about my order", "the delivery please")
    assert said == ["Billing or delivery?", "Which day was it sent?"]


async def test_a_question_that_is_not_answered_leads_to_its_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MENU)
    said = await desk.hears("I have a question about my order", "zebra", "quartz", "violin")
    assert said[-1] == "Which day was it sent?"


ERRANDS = (
    DESK
    + """
[flow.taxi]
phrases = ["I need a taxi"]
[[flow.taxi.ask]]
slot = "time"
type = "time"
prompt = "A taxi for when?"
no_match = 1
else = "message"
[flow.taxi.do]
action = "message.take"
with = {text = "Taxi at {time}"}
confirm = "A taxi at {time}?"
done = "The taxi comes."
"""
)


async def test_another_errand_is_done_first_and_then_the_form_goes_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ERRANDS)
    said = await desk.hears("I need an appointment", "I need a taxi", "at nine", "yes", "Thursday")
    assert said[1] == "A taxi for when?"
    assert said[-2:] == ["The taxi comes. Which day?", "At what time?"]


async def test_giving_up_gives_up_every_form(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ERRANDS)
    said = await desk.hears("I need an appointment", "I need a taxi", "never mind", "where can I park")
    assert "I have left that" in said[2]
    assert said[3] == "Behind the house."


async def test_a_message_after_another_errand_is_no_answer_to_the_first(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ERRANDS)
    await desk.hears("I need an appointment", "I need a taxi", "purple", "yellow", "tell them Thursday")
    assert [text for _, _, text in desk.notebook.messages()] == ["tell them Thursday"]
