"""A whole desk on a simulated modem: what callers hear, say and press, and what stays of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.channels.gsm.simulator import Simulator
from appliance.messages import Turn
from tests.audio_server import until
from tests.channels.callers import SPOKEN
from tests.channels.gsm.test_line import loud
from tests.channels.storm import Office, office

DESK = """
name = "Linden Surgery"
recording = "announce"
[keys]
1 = "when are you open"
[lines]
greeting = "GREETING"
recorded = "Recorded"
unknown = "Shall I take a message"
message = "What is it"
taken = "Noted"
[fact.hours]
ask = ["when are you open"]
say = "From nine to five."
"""


@dataclass
class Call:
    office: Office
    simulator: Simulator
    turns: list[Turn]

    def meant(self) -> list[str]:
        return [turn.meant for turn in self.turns]


@asynccontextmanager
async def ringing(folder: Path, greeting: str, *says: str) -> AsyncIterator[Call]:
    turns: list[Turn] = []
    text = DESK.replace("GREETING", greeting)
    async with office(folder, 1, 1, sip=False, text=text, says=iter(says), keep=turns.append) as there:
        simulator = there.simulators[0]
        simulator.ring("+12125550142")
        await until(lambda: loud(bytes(simulator._desk), 8000) > 0.4)
        yield Call(there, simulator, turns)
        if simulator.line:
            simulator.hang_up()
        await there.settled()
        there.examine(folder)


async def test_a_key_cuts_the_greeting_short_and_is_answered(tmp_path: Path) -> None:
    async with ringing(tmp_path, "Hello " * 20) as call:
        await until(lambda: loud(bytes(call.simulator._desk), 8000) > 1.0)
        call.simulator.press("1")
        await until(lambda: "From nine to five." in call.meant(), within=5)
        greeting = call.turns[0]
        assert "Recorded" in greeting.spoken.text, "that it is recorded is said to its end"
        assert not greeting.spoken.whole
        await until(lambda: call.turns[-1].spoken.whole)


async def test_a_message_is_taken_and_kept(tmp_path: Path) -> None:
    async with ringing(
        tmp_path, "Hello", "I want to leave a message", "the boiler is broken", "goodbye"
    ) as call:
        await until(lambda: call.turns, within=12)
        for line in ("What is it", "Noted"):
            call.simulator.say(SPOKEN)
            await until(lambda: line in call.meant(), within=5)  # noqa: B023
            await asyncio.sleep(0.3)
        call.simulator.hang_up()
    from appliance.memory.store import Store

    store = Store(tmp_path / "desk.db")
    assert store.read("select text from message") == [("the boiler is broken",)]
    store.close()
