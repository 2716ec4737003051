from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.slots.acts import Act, act, idle, thanks

WHOLE: dict[Act, tuple[str, ...]] = {
    "yes": (
        "yes", "yep that's right", "sure go ahead", "correct", "uh huh", "uh-huh", "you got it", "please do",
        "Yes, please.", "right", "mm hmm", "no problem", "why not", "of course", "um yes", "yeah yeah yeah",
        "that works", "I do", "I guess so", "okay then", "that's fine thank you", "yes I would",
        "by all means",
        "no, that's right", "great thanks", "yes it is", "please", "sounds good", "absolutely",
    ),
    "no": (
        "no", "nope", "NO!", "not really", "no thanks", "no thank you very much", "that's wrong",
        "I don't think so", "nah", "nah I'm good", "absolutely not", "I'd rather not", "that is not correct",
        "it's not right", "I do not", "no no no", "yeah no that's wrong", "not today", "no don't", "uh uh",
        "thats not what I said", "no that's fine", "no way", "nothing",
    ),
    "repeat": (
        "what?", "sorry?", "say again", "pardon", "can you repeat that please", "sorry what was that",
        "sorry I didn't catch that", "come again", "what did you say", "once more please",
        "can you repeat the number", "what was the reference again",
    ),
    "back": ("go back", "previous", "can we go back", "back", "no go back", "one step back"),
    "cancel": ("cancel", "never mind", "forget it", "stop", "stop stop", "I changed my mind",
    "okay never mind"),
    "person": (
        "agent", "human", "talk to someone", "operator", "a real person", "can I talk to a human",
        "no, a real person",
        "I'd like to speak to a real person please", "let me talk to somebody", "I want a human",
        "is anyone there",
    ),
    "help": ("help", "help me please", "what can I say", "what are my options"),
    "thanks": ("thanks", "thank you very much", "cheers"),
    "goodbye": ("bye", "goodbye", "thanks, bye", "that's all", "no that's all thank you", "ok bye",
    "have a nice day"),
    "wait": (
        "wait", "hang on", "um hold on", "hang on a second", "just a moment please", "one moment",
        "let me think", "hold on let me get my calendar", "give me a second", "no wait", "bear with me",
    ),
    "hello": ("hello", "hi there", "Good morning!"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("meant", "said"), [(meant, said) for meant, every in WHOLE.items() for said in every]
)
def test_an_act_is_known_however_it_is_said(meant: Act, said: str) -> None:
    assert act(said) == (meant, "")
    assert act(said.lower().rstrip(".?!"))[0] == meant, "recognisers write neither case nor stops"


@pytest.mark.parametrize("said", ["yes, thank you, bye", "okay bye", "yes please thank you goodbye"])
def test_a_goodbye_takes_no_yes_back_where_one_is_awaited(said: str) -> None:
    assert act(said)[0] == "goodbye"
    assert act(said, agreeing=True)[0] == "yes"
    assert act("no thank you goodbye", agreeing=True)[0] == "goodbye"


def test_who_only_hesitates_says_nothing_yet() -> None:
    assert all(idle(said) for said in ("um", "well uh", "so"))
    assert not any(idle(said) for said in ("", "?!", "um Thursday", "yes"))


def test_thanks_are_heard_beside_a_yes() -> None:
    assert all(thanks(said) for said in ("okay thank you", "great thanks a lot", "thanks"))
    assert not any(thanks(said) for said in ("okay", "yes", "I have no idea"))


@pytest.mark.parametrize(
    "said",
    [
        "I don't know", "not bad", "no idea", "not sure", "maybe", "right turn at the lights",
        "cancel my appointment",
        "stop by tomorrow", "back pain", "what time do you open", "please book a table", "human resources",
        "I would like Tuesday", "my name is Bob", "help me move", "again tomorrow",
        "leave it at the door", "cancel this appointment", "I need to go to the third floor",
        "help me find room two",
        "what can I do about parking", "is anyone there on Sundays", "it's good to see you",
        "may I speak to Dr Smith", "nobody", "I am Ann", "yes and no", "fine art", "no one", "",
        "um",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_act_is_none(said: str) -> None:
    assert act(said) == ("none", said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no, Thursday", ("correct", "Thursday")),
        ("no thursday", ("correct", "thursday")),
        ("no, no, five", ("correct", "five")),
        ("no I meant the fifth", ("correct", "the fifth")),
        ("actually make it four", ("correct", "four")),
        ("not Tuesday, Wednesday", ("correct", "not Tuesday, Wednesday")),
        ("no not tuesday wednesday", ("correct", "not tuesday wednesday")),
        ("wait, Smith with a y", ("correct", "Smith with a y")),
        ("no wait Tuesday", ("correct", "Tuesday")),
        ("no sorry half past three", ("correct", "half past three")),
        ("no it's Smith", ("correct", "Smith")),
        ("sorry I said four", ("correct", "four")),
        ("change it to five", ("correct", "five")),
        ("yes but at four", ("yes", "at four")),
        ("correct, and at four", ("yes", "at four")),
        ("okay Tuesday", ("yes", "Tuesday")),
        ("no because I am busy", ("no", "because I am busy")),
        ("Hi, I'd like a room", ("hello", "I'd like a room")),
        ("talk to someone about my bill", ("person", "about my bill")),
        ("yes cancel it", ("yes", "cancel it")),
    ],
)
def test_what_follows_an_act_remains(said: str, told: tuple[Act, str]) -> None:
    assert act(said) == told


@given(st.text(max_size=600))
def test_any_text_is_an_act_or_none(said: str) -> None:
    meant, rest = act(said)
    assert meant in (*WHOLE, "correct", "none")
    assert len(rest) <= 500


@given(
    st.lists(
        st.sampled_from("no yes not sorry wait actually cancel thanks hello but i mean four".split()),
        max_size=200,
    )
)
def test_acts_on_acts_come_to_an_end(said: list[str]) -> None:
    act(" ".join(said))
