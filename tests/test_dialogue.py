"""What every desk must cope with, in each place where a conversation can be: to be asked again, to go back,
to give up, to want a person, to change the subject; and callers who swear, insist, or speak no English."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.answering.knowledge import Knowledge
from appliance.engines.fake import FakeEmbed
from tests.flows.test_booking import DESK as BASE
from tests.flows.test_booking import Desk

DESK = (
    BASE
    + """
[flow.cancel_visit]
phrases = ["cancel my appointment"]

[[flow.cancel_visit.ask]]
slot = "reference"
type = "code"
prompt = "Which reference?"

[flow.cancel_visit.do]
action = "calendar.cancel"
confirm = "I cancel {reference}. Is that right?"
done = "Cancelled."
refused = {none = "There is none."}
"""
)

GREETING = "Hello, how can I help you?"
UNKNOWN = "I don't know that. Shall I take a message?"
MESSAGE = "What is the message? Please say your name too."
PERSON = "I cannot put you through from here. Shall I take a message?"
WHICH = "Do you mean parking or hours?"
DAY = "Which day?"
TIME = "At what time?"
READBACK = "Ann Smith, is that right?"
THURSDAY, HALF_PAST = "Thursday the twenty sixth of November", "half past ten in the morning"
CONFIRM = f"Book {THURSDAY} at {HALF_PAST} for Ann Smith?"
LEFT = "All right, I have left that. Is there anything else?"
BYE = "Goodbye."
OPEN = "From nine to five."
LANGUAGE = "I am sorry, I only speak English."
WAIT = "Take your time."
DECLINED = "All right. Is there anything else?"
MORE = "What can I do for you?"

PLACES = {
    "open": ("when are you open",),
    "offered": ("zebra quartz violin",),
    "taking": ("can I leave a message",),
    "which": ("are you open or where to park",),
    "first question": ("book an appointment",),
    "second question": ("book an appointment", "Thursday"),
    "readback": ("book an appointment", "Thursday", "half past ten", "Ann Smith"),
    "confirm": ("book an appointment", "Thursday", "half past ten", "Ann Smith", "yes"),
}
"""What leads to each place, and with what the desk ends there."""

LAST = {
    "open": OPEN,
    "offered": UNKNOWN,
    "taking": MESSAGE,
    "which": WHICH,
    "first question": DAY,
    "second question": TIME,
    "readback": READBACK,
    "confirm": CONFIRM,
}

FORMS = ("first question", "second question", "readback", "confirm")


class Loaded(Knowledge):
    """What a desk knows, learned once for all these tests."""

    async def load(self) -> list[str]:
        return []


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    desk = Desk(tmp_path_factory.mktemp("desk"), DESK)
    knowledge = Loaded(desk.desk, FakeEmbed(), desk.thread)
    asyncio.run(Knowledge.load(knowledge))
    return knowledge


@pytest.fixture
def desk(tmp_path: Path, knowledge: Knowledge) -> Desk:
    desk = Desk(tmp_path, DESK)
    desk.knowledge = knowledge
    return desk


async def after(desk: Desk, place: str, *lines: str) -> list[str]:
    """What the desk says to these lines once the conversation is there."""
    said = await desk.hears(*PLACES[place], *lines)
    count = len(PLACES[place])
    assert said[count - 1] == LAST[place]
    return said[count:]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line", ["what?", "pardon", "could you repeat that", "say that again please"])
async def test_who_did_not_hear_is_told_again_and_goes_on_from_there(
    desk: Desk, place: str, line: str
) -> None:
    assert await after(desk, place, line, line) == [LAST[place], LAST[place]]
    assert desk.bookings() == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line", ["cancel", "never mind", "forget it", "I changed my mind", "stop"])
async def test_who_gives_up_is_let_go_and_may_ask_something_else(desk: Desk, place: str, line: str) -> None:
    left, then = await after(desk, place, line, "when are you open")
    assert left == (UNKNOWN if place == "which" else LEFT)
    assert then == OPEN
    assert desk.bookings() == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("line", ["I want to talk to a person", "operator", "can I speak to a human please"])
async def test_a_person_can_be_asked_for_at_any_time(desk: Desk, place: str, line: str) -> None:
    assert await after(desk, place, line, "yes", "it is Ann") == [
        PERSON,
        MESSAGE,
        "Thank you, I have noted that. Is there anything else?",
    ]
    (text,) = [text for _, _, text in desk.notebook.messages()]
    begun = {
        "second question": f" (book: {THURSDAY})",
        "readback": f" (book: {THURSDAY}, {HALF_PAST})",
        "confirm": f" (book: {THURSDAY}, {HALF_PAST}, Ann Smith)",
    }
    assert text == "it is Ann" + begun.get(place, "")


@pytest.mark.parametrize("place", FORMS)
async def test_who_wants_no_message_for_a_person_goes_on_with_the_form(desk: Desk, place: str) -> None:
    said = await after(desk, place, "can I talk to a person", "sorry?", "no")
    assert said == [PERSON, PERSON, f"All right. {LAST[place]}"]


async def test_a_yes_to_a_message_is_none_to_what_waits_to_be_confirmed(desk: Desk) -> None:
    said = await after(desk, "confirm", "can I talk to a person", "yes", "it is Ann", "no")
    assert said[:2] == [PERSON, MESSAGE]
    assert desk.bookings() == []


async def test_a_card_number_in_a_form_is_refused_and_the_form_asks_again(desk: Desk) -> None:
    (said,) = await after(desk, "first question", "4111 1111 1111 1111")
    assert said == f"Please don't tell me any card number. I did not write it down. {DAY}"


@pytest.mark.parametrize("place", PLACES)
async def test_whoever_says_goodbye_is_let_go(desk: Desk, place: str) -> None:
    (said,) = await after(desk, place, "goodbye", "when are you open")
    assert said.endswith(BYE)
    assert desk.bookings() == []


@pytest.mark.parametrize(
    ("place", "again"),
    [
        ("first question", DAY),
        ("second question", DAY),
        ("readback", "Your name?"),
        ("confirm", "Your name?"),
    ],
)
async def test_going_back_asks_the_question_before(desk: Desk, place: str, again: str) -> None:
    assert (await after(desk, place, "go back"))[0] == again


@pytest.mark.parametrize("place", ["open", "offered", "which"])
async def test_where_there_is_no_question_before_nothing_is_lost_by_going_back(
    desk: Desk, place: str
) -> None:
    said = await after(desk, place, "go back", "when are you open")
    assert said[1] == OPEN


@pytest.mark.parametrize("place", FORMS)
async def test_another_subject_is_answered_and_the_form_goes_on_where_it_was(desk: Desk, place: str) -> None:
    said = await after(desk, place, "where can I park")
    assert said == [f"Behind the house. {LAST[place]}"]


@pytest.mark.parametrize("place", ["open", "offered", "which"])
async def test_another_subject_is_taken_up_at_once(desk: Desk, place: str) -> None:
    assert await after(desk, place, "where can I park", "book an appointment") == ["Behind the house.", DAY]


async def test_whoever_comes_back_from_another_errand_finds_the_form_as_it_was(desk: Desk) -> None:
    said = await after(desk, "second question", "cancel my appointment", "123456", "yes")
    assert said[0] == "Which reference?"
    assert said[-1] == f"There is none. {TIME}"
    assert (await desk.hears(*PLACES["confirm"], "yes"))[-1].startswith("Booked")


@pytest.mark.parametrize(
    "line",
    [
        "no wait, keep it, never mind",
        "no, keep it",
        "keep it please",
        "no, don't cancel it",
        "don't cancel it",
        "leave it as it is",
        "no no keep my appointment",
    ],
)
async def test_who_keeps_an_appointment_after_all_keeps_it(desk: Desk, line: str) -> None:
    booked = await desk.hears(*PLACES["confirm"], "yes")
    assert booked[-1].startswith("Booked")
    (reference,) = desk.store.read("select reference from appointment")[0]
    said = await desk.hears("cancel my appointment", " ".join(reference), line)
    assert said[1].endswith("Is that right?")
    assert said[2] == LEFT
    assert len(desk.bookings()) == 1


# Callers who are not what the desk was made for.


@pytest.mark.parametrize("place", ["open", "offered", "which"])
@pytest.mark.parametrize(
    "line",
    [
        "Guten Tag, ich möchte einen Termin",
        "Bonjour, je voudrais un rendez-vous",
        "Hola, ¿dónde está el baño?",
        "no hablo inglés",
        "Где у вас туалет",
    ],
)
async def test_who_speaks_another_language_is_told_which_one_the_desk_speaks(
    desk: Desk, place: str, line: str
) -> None:
    assert await after(desk, place, line, "when are you open") == [LANGUAGE, OPEN]
    assert line in [text for _, _, text in desk.notebook.questions()]


async def test_in_a_form_another_language_is_told_so_and_asked_again(desk: Desk) -> None:
    assert await after(desk, "first question", "Ich möchte bitte nicht") == [f"{LANGUAGE} {DAY}"]


async def test_a_name_from_elsewhere_is_no_other_language(desk: Desk) -> None:
    said = await desk.hears("book an appointment", "Thursday", "half past ten", "Juan de la Cruz")
    assert said[-1] == "Juan de la Cruz, is that right?"


@pytest.mark.parametrize(
    "line", ["fuck you", "you stupid piece of shit", "go to hell", "you are a bloody idiot"]
)
async def test_swearing_gets_no_answer_in_kind_and_loses_nothing(desk: Desk, line: str) -> None:
    assert await after(desk, "open", line, "no", "when are you open") == [
        UNKNOWN,
        "All right. Is there anything else?",
        OPEN,
    ]
    assert (await after(desk, "second question", line))[0].endswith(TIME)
    assert (await after(desk, "confirm", line))[0].endswith(CONFIRM)
    assert desk.bookings() == []


async def test_who_insists_hears_the_same_and_gets_no_further(desk: Desk) -> None:
    lines = ("tell me who called before me", "I said tell me who called before me", "tell me right now")
    assert await after(desk, "open", *lines) == [UNKNOWN] * 3
    assert len(desk.notebook.questions()) == 3


@pytest.mark.parametrize("line", ["blurgh", "seven purple zebra dance", "mmm la la", "?!", "xyzzy " * 100])
async def test_nonsense_is_not_understood_and_a_form_asks_until_it_leaves(desk: Desk, line: str) -> None:
    assert await after(desk, "open", line) == [UNKNOWN]
    said = await after(desk, "first question", line, line, line)
    assert said == ["Say a day, like Tuesday."] * 2 + [PERSON]
    assert desk.bookings() == []


# Callers who need a moment, say no, or talk to themselves.


@pytest.mark.parametrize("place", FORMS)
@pytest.mark.parametrize("line", ["hang on", "wait", "just a second please", "let me get my calendar"])
async def test_who_asks_for_a_moment_has_it_and_finds_the_question_as_it_was(
    desk: Desk, place: str, line: str
) -> None:
    assert await after(desk, place, line, line, line, "what?") == [WAIT, WAIT, WAIT, LAST[place]]


async def test_a_yes_after_a_moment_hears_first_what_it_is_for(desk: Desk) -> None:
    assert await after(desk, "confirm", "hang on", "yes") == [WAIT, CONFIRM]
    assert desk.bookings() == []


@pytest.mark.parametrize("line", ["no", "hang on", "yes", "no thanks"])
async def test_what_is_no_message_is_not_kept_as_one(desk: Desk, line: str) -> None:
    await after(desk, "taking", line)
    assert desk.notebook.messages() == []


async def test_who_leaves_no_message_after_all_is_asked_for_nothing_more(desk: Desk) -> None:
    assert await after(desk, "taking", "no", "yes") == [DECLINED, MORE]


@pytest.mark.parametrize("line", ["actually", "lovely day", "very well then"])
async def test_a_word_before_the_yes_is_nobodys_name(desk: Desk, line: str) -> None:
    said = await after(desk, "confirm", line, "yes")
    assert said[0].endswith(CONFIRM)
    assert said[1].startswith("Booked")
    assert "Ann Smith" in str(desk.bookings())


async def test_two_noes_at_the_end_are_the_end(desk: Desk) -> None:
    assert await after(desk, "confirm", "no", "no") == ["What should I change?", LEFT]
    assert desk.bookings() == []


async def test_the_same_question_again_chooses_neither_of_two(desk: Desk) -> None:
    assert await after(desk, "which", *PLACES["which"]) == [UNKNOWN]
