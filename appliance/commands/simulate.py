"""`appliance simulate`: a GSM modem that is none, and at the keyboard the people who call it."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import get_args

from appliance import config
from appliance.channels.exchange import is_emergency
from appliance.channels.gsm.firmware import Fault
from appliance.channels.gsm.mailbox import deliveries
from appliance.channels.gsm.plugs import socket_for
from appliance.channels.gsm.profiles import family
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.terminal import typed
from appliance.commands.street import CALLER, Street
from appliance.errors import ApplianceError

HELP = """\
  ring [NUMBER]        call the desk; ring hidden: without a number
  say WORDS            what the caller says, in the desk's voice; or a recording: say hello.wav
  talk, listen         with this machine's microphone and loudspeaker; listen: with them no more
  press KEYS           what the caller presses
  hang up              the call is over
  text WORDS           an SMS from the caller
  take calls           somebody answers whom the desk calls; take no calls: nobody does
  call waiting         somebody else calls in the middle of the call
  unplug, plug in      the modem goes and comes back
  leave network, join network
  fault NAME, mend     from now on the modem does that; until mend. The names:
%s
  help, quit"""

FAULTS = "\n".join(f"                         {name}" for name in get_args(Fault))


async def simulate(box_path: Path | None, kind: str) -> int:
    """A modem appears in the data folder, where a desk with `modem = "simulator"` finds it. Several may."""
    box, _ = config.read_box(box_path)
    family(kind)
    folder, held = socket_for(box.data / "simulator", kind)
    simulator = Simulator(kind, folder=folder)
    simulator.plug_in()
    street = Street(simulator, box, _tell)
    _tell(f"A {simulator.kind.what.partition(',')[0]} is plugged in: {folder}")
    if not any(gsm.modem == "simulator" for gsm in box.gsm):
        _tell('For a desk to find it, box.toml needs\n\n  [[gsm]]\n  modem = "simulator"\n')
    await street.prepare()
    _tell("ring calls the desk; help tells the rest")
    tasks = {asyncio.create_task(street.watch()), asyncio.create_task(_keyboard(street))}
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        street.listen()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        simulator.close()
        street.close()
        os.close(held)
    return 0


async def _keyboard(street: Street) -> None:
    """Until the person there has had enough."""
    lines = typed(0)
    while (line := await lines.get()) is not None and line.strip() != "quit":
        if line.strip():
            try:
                _tell(await obey(street, line.strip()))
            except ApplianceError as error:
                _tell(str(error))


async def obey(street: Street, line: str) -> str:
    """Do what was typed; what came of it, for people. ApplianceError where it could not be done."""
    simulator, faults = street.simulator, get_args(Fault)
    word, _, rest = line.partition(" ")
    match word, rest.strip():
        case "help", "":
            return HELP % FAULTS
        case "ring", number:
            return _ring(street, number)
        case "say", words if words:
            _needs_call(simulator)
            await street.say(words)
            return f"caller: {words}"
        case "talk", "":
            street.talk()
            return "speak; hear the desk by headphones, or it hears itself"
        case "listen", "":
            street.listen()
            return "the microphone is off"
        case "press", keys if re.fullmatch(r"[0-9*#]+", keys):
            _needs_call(simulator)
            simulator.press(keys)
            return f"caller presses {keys}"
        case "hang", "up":
            _needs_call(simulator)
            simulator.hang_up()
            return "caller hangs up"
        case "text", words if words:
            try:
                simulator.deliver(deliveries(street.caller, words))
            except ValueError as error:
                raise ApplianceError(str(error), "write a shorter one") from error
            return f"SMS from {street.caller}: {words}"
        case "take", "calls" | "no calls" as which:
            simulator.answers = which == "calls"
            return (
                "whom the desk calls answers" if simulator.answers else "nobody answers whom the desk calls"
            )
        case "call", "waiting":
            _needs_call(simulator)
            simulator.ring_too()
            return "somebody else calls"
        case "unplug", "":
            simulator.unplug()
            return "unplugged"
        case "plug", "in":
            simulator.plug_in()
            return "plugged in"
        case "leave", "network":
            simulator.leave_network()
            return "no network"
        case "join", "network":
            simulator.join_network()
            return "in the network"
        case "fault", name if name in faults:
            simulator.faults.add(name)  # type: ignore[arg-type]
            return f"from now on: {name}"
        case "fault", name:
            near = difflib.get_close_matches(name, faults, 1)
            mend = f"did you mean {near[0]}?" if near else "type help for their names"
            raise ApplianceError(f"there is no fault {name!r}", mend)
        case "mend", "":
            simulator.faults.clear()
            return "it does what it should"
    raise ApplianceError(f"{line!r} is not known here", "type help")


def _ring(street: Street, number: str) -> str:
    simulator = street.simulator
    if not simulator.plugged or not simulator.sim.registered:
        raise ApplianceError("nobody gets through", "plug in, join network")
    if simulator.line:
        raise ApplianceError("there is a call already", "hang up first; or call waiting")
    if number and number != "hidden" and not re.fullmatch(r"\+?\d{2,15}", number):
        raise ApplianceError(f"{number!r} is no telephone number", "write it like +15550100")
    if is_emergency(number):
        raise ApplianceError("emergency numbers are never simulated", "ring by another")
    hidden = number == "hidden"
    street.caller = street.caller if hidden else number or CALLER
    simulator.ring(street.caller, shown=not hidden)
    return "it rings"


def _needs_call(simulator: Simulator) -> None:
    if not simulator.line:
        raise ApplianceError("there is no call", "ring first")


def _tell(line: str) -> None:
    with suppress(BrokenPipeError):
        print(line, flush=True)
