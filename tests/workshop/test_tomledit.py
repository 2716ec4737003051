"""The manager changes facts in a form, and the file stays as it was everywhere else."""

from __future__ import annotations

import difflib
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.config import SHIPPED
from appliance.errors import ConfigError
from appliance.workshop.tomledit import FactForm, drop, facts, put

SHIPPED_TEXT = (SHIPPED / "desk.toml").read_text()
WORDS = st.text(max_size=30)
FORMS = st.builds(
    FactForm, st.text(min_size=1, max_size=12), st.lists(WORDS, max_size=4).map(tuple), WORDS, WORDS
)


def changed(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "+-"]


def fact(text: str, name: str) -> FactForm:
    return next(each for each in facts(text) if each.name == name)


def test_a_new_answer_changes_one_line() -> None:
    hours = fact(SHIPPED_TEXT, "hours")
    text = put(SHIPPED_TEXT, FactForm("hours", hours.ask, "We are always open.", hours.label))
    assert changed(SHIPPED_TEXT, text) == [
        '- say = "We are open Monday to Friday from nine to five thirty, and on Saturday from ten to one."',
        '+ say = "We are always open."',
    ]


def test_one_more_question_changes_one_line() -> None:
    hours = fact(SHIPPED_TEXT, "hours")
    text = put(
        SHIPPED_TEXT,
        FactForm("hours", (*hours.ask, "are you there on Sunday?"), hours.say, label=hours.label),
    )
    assert changed(SHIPPED_TEXT, text) == ['+   "are you there on Sunday?",']


def test_a_new_fact_stands_after_the_last_and_before_the_comment_that_follows() -> None:
    new = FactForm("stamps", ("do you sell stamps?", "can I buy a stamp?"), 'Yes, "two" kinds.')
    text = put(SHIPPED_TEXT, new)
    assert changed(SHIPPED_TEXT, text) == [
        "+ [fact.stamps]",
        '+ ask = ["do you sell stamps?", "can I buy a stamp?"]',
        '+ say = "Yes, \\"two\\" kinds."',
        "+ ",
    ]
    assert text.index("[fact.robot]") < text.index("[fact.stamps]") < text.index("# A flow is a form")


def test_a_fact_that_goes_leaves_the_comment_that_follows() -> None:
    text = drop(SHIPPED_TEXT, "robot")
    assert "robot" not in text
    assert "# A flow is a form" in text
    assert {each.name for each in facts(SHIPPED_TEXT)} - {each.name for each in facts(text)} == {"robot"}


def test_comments_in_the_fact_stay() -> None:
    text = '[fact.a]\n# why\nask = ["x"] # asked often\nsay = "old" # said by Ann\n'
    after = put(text, FactForm("a", ("x",), "new"))
    assert after == '[fact.a]\n# why\nask = ["x"] # asked often\nsay = "new" # said by Ann\n'


def test_a_fact_in_a_shape_that_only_people_can_change_says_so() -> None:
    with pytest.raises(ConfigError, match="whole file"):
        put('fact.a = {ask = ["x"], say = "old"}\n', FactForm("a", ("x",), "new"))


def test_a_broken_file_is_mended_first() -> None:
    with pytest.raises(ConfigError, match="mend it"):
        put("[fact.a\n", FactForm("a", ("x",), "new"))


@settings(deadline=None)
@given(FORMS)
def test_whatever_is_typed_is_what_the_file_says(form: FactForm) -> None:
    text = put(SHIPPED_TEXT, form)
    kept = tomllib.loads(text)["fact"][form.name]
    assert (tuple(kept["ask"]), kept["say"], kept.get("label", "")) == (form.ask, form.say, form.label)
    if form.name not in {each.name for each in facts(SHIPPED_TEXT)}:
        assert tomllib.loads(drop(text, form.name)) == tomllib.loads(SHIPPED_TEXT)
