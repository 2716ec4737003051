"""The code of the page is told at the kiosk, and to nobody by telephone or over a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.access.house import House
from appliance.actions import page
from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, read_desk
from appliance.console.server import ROLES
from appliance.speech.aloud import Aloud
from tests.actions.conftest import Desk
from tests.regulars import DESK
from tests.test_app import ENGINES


@pytest.fixture
def house(tmp_path: Path, quick_hashes: None) -> Iterator[House]:
    made = House(tmp_path / "access.db", ROLES)
    page.CODE[:] = [made.spoken_code]
    yield made
    page.CODE.clear()
    made.close()


def asked(desk: Desk, channel: str) -> tuple[str, str]:
    """What is told to who asks by this channel: the code, or why not."""
    desk.log.append("call", "began", {"channel": channel})
    outcome = desk.ask("page.code")
    return outcome.result.get("code", ""), outcome.why


def test_who_stands_before_the_box_is_told_it_digit_by_digit(desk: Desk, house: House) -> None:
    told, _ = asked(desk, "kiosk")
    assert "".join(c for c in told if c.isdigit()) == house.pairing.code().replace(" ", "")
    assert told.count(",") == 6
    assert told.count(".") == 1


@pytest.mark.parametrize("channel", ["gsm", "sip", "web", "chat", "sms", ""])
def test_nobody_else_is(desk: Desk, house: House, channel: str) -> None:
    assert asked(desk, channel) == ("", "elsewhere")


def test_a_call_that_says_later_that_it_is_at_the_kiosk_is_where_it_began(desk: Desk, house: House) -> None:
    assert asked(desk, "sip") == ("", "elsewhere")
    assert asked(desk, "kiosk") == ("", "elsewhere")


def test_where_there_is_an_admin_there_is_no_code(desk: Desk, house: House) -> None:
    house.accounts.add("ada", "admin", "tall green kettle sings")
    assert asked(desk, "kiosk") == ("", "none")
    page.CODE.clear()
    assert asked(desk, "kiosk") == ("", "none")


class AtTheKiosk(ScriptedCaller):
    channel = "kiosk"


async def test_it_is_spoken_when_asked_for_and_kept_nowhere(tmp_path: Path, house: House) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(DESK)
    async with App(Box(tmp_path / "var", engines=ENGINES), read_desk(path)[0]) as app:
        caller = AtTheKiosk(["tell me the pairing code"], "asks")
        await app.chat(caller)
        code = house.pairing.code().replace(" ", "")
        spoken = page.slowly(house.pairing.code())
        assert spoken in caller.spoken().text or spoken in str(vars(caller))
        call = app.books.calls.call("asks")
        assert call
        kept = json.dumps(app.books.calls.turns(call.number))
        events = str(app.place.store.read("select data from event"))
    for text in (kept, events):
        digits = "".join(c for c in text if c.isdigit())
        assert spoken not in text
        assert code not in digits


def test_it_is_read_slowly() -> None:
    sayings = Aloud().sayings(f"The code is: {page.slowly('1234 5678')}.")
    assert " ".join(each.text for each in sayings).count(",") >= 6
