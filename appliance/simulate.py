"""`appliance simulate`: a GSM modem that is none, and at the keyboard the people who call it."""

from __future__ import annotations

import sys
import wave
from pathlib import Path
from typing import get_args

from appliance import config
from appliance.channels.gsm.firmware import Fault
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.recorded import read_recording
from appliance.channels.terminal import typed
from appliance.engines.resample import resample
from appliance.errors import ApplianceError
from appliance.messages import RATE

HELP = """\
  ring [NUMBER]     call the desk
  say FILE          what the caller says, a recording
  press KEYS        what the caller presses
  hang up           the call is over; what the desk said goes to heard.wav
  unplug, plug in   the modem goes and comes back
  leave network, join network
  fault NAME        %s
  quit"""


async def simulate(box_path: Path | None, family: str) -> int:
    """Ports appear in the data folder, where a desk with `[gsm] modem = "simulator"` finds them."""
    box, _ = config.read_box(box_path)
    simulator = Simulator(family, folder=box.data / "simulator")
    simulator.plug_in()
    print(f"A {simulator.kind.what.partition(',')[0]} is plugged in at {simulator.folder}; type:\n")
    print(HELP % ", ".join(get_args(Fault)), flush=True)
    try:
        lines = typed(0)
        while (line := await lines.get()) is not None and line.strip() != "quit":
            try:
                print(obey(simulator, line.strip()), flush=True)
            except (ApplianceError, ValueError) as error:
                print(error, file=sys.stderr, flush=True)
    finally:
        simulator.close()
    return 0


def obey(simulator: Simulator, line: str) -> str:
    """Do what was typed; what came of it, for people."""
    word, _, rest = line.partition(" ")
    match word, rest:
        case "ring", _:
            simulator.ring(rest or "+15550100")
            return "it rings"
        case "say", _:
            simulator.say(resample(read_recording(Path(rest)), RATE, to=simulator.rate))
            return "said"
        case "press", _:
            simulator.press(rest)
            return "pressed"
        case "hang", "up":
            simulator.hang_up()
            path = simulator.folder / "heard.wav"
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, simulator.rate, 0, "NONE", ""))
                file.writeframes(simulator.hear())
            return f"the call is over; what the desk said is in {path}"
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
        case "fault", _ if rest in get_args(Fault):
            simulator.faults.add(rest)  # type: ignore[arg-type]
            return f"from now on: {rest}"
    raise ValueError(f"{line!r} is none of these:\n" + HELP % ", ".join(get_args(Fault)))
