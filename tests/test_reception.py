"""What a receptionist does on the telephone besides: menus by key, confirmations by SMS, no more calls."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from appliance.config import read_desk
from appliance.errors import ConfigError
from appliance.flows.lines import expect
from appliance.memory.errands import Errands
from appliance.memory.texts import Refusals, Texts
from appliance.messages import Heard
from appliance.turns.keypad import Keypad
from tests.regulars import BOOK, DESK, Desk

CONFIRMED = DESK.replace(
    'done = "Booked for {day}."', 'done = "Booked for {day}."\nsms = "Alder House: {day}, {time}, {name}."'
)
MENU = (
    DESK
    + """
[flow.menu]
phrases = ["the menu"]

[[flow.menu.ask]]
slot = "what"
type = "choice"
prompt = "Appointments or prescriptions?"
options = ["appointments", "prescriptions"]
keys = {1 = "appointments", 2 = "prescriptions"}
goto = {appointments = "book", prescriptions = "prescription"}
"""
)
ANN = "+12125550142"


HOURS = """
[hours]
monday = ["09:00-17:00"]
tuesday = ["09:00-17:00"]
closed = ["2026-11-24"]
"""


@pytest.mark.parametrize(
    ("at", "greeting"),
    [
        (datetime(2026, 11, 23, 16, 59), "Open."),
        (datetime(2026, 11, 23, 17, 0), "Closed."),
        (datetime(2026, 11, 23, 4, 0), "Closed."),
        (datetime(2026, 11, 24, 10, 0), "Closed."),
        (datetime(2026, 11, 29, 10, 0), "Closed."),
    ],
    ids=["open", "evening", "night", "day off", "sunday"],
)
async def test_callers_are_greeted_by_the_hours(tmp_path: Path, at: datetime, greeting: str) -> None:
    lines = '[lines]\ngreeting = "Open."\ngreeting_closed = "Closed."\n'
    desk = Desk(tmp_path, f'name = "Alder House"\n{lines}{HOURS}')
    desk.now = at
    await desk.hears("goodbye", caller=ANN, channel="gsm")
    assert desk.greeting == greeting


async def test_what_was_booked_is_told_by_sms_and_only_then(tmp_path: Path) -> None:
    desk = Desk(tmp_path, CONFIRMED)
    await desk.hears(*BOOK, caller=ANN, channel="gsm")
    assert Texts(desk.store).due() == []
    await desk.hears(*BOOK, "yes", caller=ANN, channel="gsm")
    [text] = Texts(desk.store).due()
    assert text.number == ANN
    assert text.text.startswith("Alder House: Thursday the twenty sixth of November, half past ten")
    assert text.text.endswith("Ann Smith.")


async def test_a_landline_abroad_gets_no_sms_nor_who_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, CONFIRMED)
    Refusals(desk.store).add(ANN)
    await desk.hears(*BOOK, "yes", caller=ANN, channel="gsm")
    assert desk.booked()
    assert Texts(desk.store).due() == []
    await desk.hears("book an appointment", "Friday", "eleven", "Ann Smith", "plus 44 20 7946 0018", "yes")
    assert len(desk.booked()) == 2
    assert Texts(desk.store).due() == []


async def test_a_menu_tells_its_keys_on_the_telephone_and_nowhere_else(tmp_path: Path) -> None:
    desk = Desk(tmp_path, MENU)
    asked = await desk.hears("the menu", "prescriptions", channel="sip", caller=ANN)
    assert asked[0] == "Appointments or prescriptions? Press 1 for appointments, 2 for prescriptions."
    assert asked[1] == "Your name?"
    assert (await desk.hears("the menu"))[0] == "Appointments or prescriptions?"


def test_a_key_of_a_menu_says_its_option(tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text(MENU)
    desk, _ = read_desk(tmp_path / "desk.toml")
    [ask] = desk.flow["menu"].ask
    keypad = Keypad(desk.keys)
    keypad.expect(expect(ask, ask.options))
    assert [event.text for event in keypad.step("2", 10) if isinstance(event, Heard)] == ["prescriptions"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('keys = {1 = "bills"}', "which is no option"),
        ('keys = {x = "appointments"}', "a telephone has 0 to 9"),
    ],
)
def test_keys_that_lead_nowhere_are_told_when_the_file_is_read(tmp_path: Path, wrong: str, told: str) -> None:
    (tmp_path / "desk.toml").write_text(
        MENU.replace('keys = {1 = "appointments", 2 = "prescriptions"}', wrong)
    )
    with pytest.raises(ConfigError, match=told):
        read_desk(tmp_path / "desk.toml")


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('[handoff]\nto = ""', "nobody to put callers through to"),
        ('[handoff]\nto = "sip:a@b"\nbrief = ["shoe size"]', "one of: who"),
        ('[handoff]\nto = "sip:a@b"\nrings = 1', "5 to 60"),
        ("[sms]\nhours = 0", "0.1 to 72"),
        ('[outbound]\nbetween = "9 to 5"', "outbound"),
        ('[outbound]\ndays = ["someday"]', "someday"),
        ('[keys]\nq = "hello"', "a telephone has"),
    ],
)
def test_what_makes_no_sense_on_the_telephone_is_told(tmp_path: Path, table: str, told: str) -> None:
    (tmp_path / "desk.toml").write_text(f'name = "A"\n{table}\n')
    with pytest.raises(ConfigError, match=told):
        read_desk(tmp_path / "desk.toml")


async def test_who_says_never_call_me_again_is_never_called_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    errands = Errands(desk.store)
    errands.put(ANN, "Your appointment is tomorrow.", desk.store.now())
    said = await desk.hears("please never call me again", "yes", caller=ANN, channel="gsm")
    assert "I will not call or text" in said[-1]
    assert Refusals(desk.store).has(ANN)
    assert errands.due() == []
    assert not errands.put(ANN, "Hello?", desk.store.now())


async def test_the_number_can_be_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.hears("take me off your list", "212 555 0142")
    assert Refusals(desk.store).has(ANN)


def test_calls_that_were_put_off_come_when_they_are_due(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    errands = Errands(desk.store)
    errands.put(ANN, "Hello", desk.store.now() + timedelta(hours=1))
    assert errands.due() == []
    desk.now += timedelta(hours=1)
    assert [errand.number for errand in errands.due()] == [ANN]
