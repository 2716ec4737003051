"""`appliance talk`: one conversation in this terminal, by text, by sound, or with a recorded caller."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from appliance import config
from appliance.app import App
from appliance.channels import AudioChannel, Call
from appliance.channels.kiosk import Kiosk
from appliance.channels.recorded import RecordedCaller, Saying, read_recording
from appliance.channels.soundcard import SoundCard
from appliance.channels.terminal import TextTerminal
from appliance.errors import EngineError
from appliance.messages import Heard, Notice, Partial, Turn
from appliance.observe.record import turn_record

console = Console(stderr=True, highlight=False)


async def talk(
    way: str,
    box_path: Path | None,
    desk_path: Path | None,
    recordings: list[Path],
    record: Path | None,
    as_json: bool,
    why: bool = False,
) -> int:
    """One conversation: `way` is text, audio (the recordings are the caller) or sound (this machine's). With
    `as_json` the standard output holds the records of the turns and nothing else; with `why` a conversation
    by text shows what each answer was decided by."""
    box, box_file = config.read_box(box_path)
    desk, _ = config.read_desk(desk_path, box_file)
    sayings = [Saying(read_recording(path)) for path in recordings]

    def keep(turn: Turn) -> None:
        if way != "text":
            show_answer(turn)
        if as_json:
            print(json.dumps(turn_record(turn), ensure_ascii=False), flush=True)

    async with App(box, desk, keep) as app:
        if way == "text":
            await app.chat(TextTerminal(screen=sys.stderr if as_json else sys.stdout, why=why))
            return 0
        if off := app.voice_off():
            raise EngineError(f"there is no voice: {off}", "run `appliance doctor`, or talk with --text")
        if way == "audio":
            await app.prepared()
            await app.talk(RecordedCaller(sayings, watch=show), record)
        else:
            await _by_sound(app, record)
    return 0


async def _by_sound(app: App, record: Path | None) -> None:
    """Microphone and loudspeaker of this machine, until the desk says goodbye."""
    over = asyncio.Event()

    class OneCall:
        async def talk(self, channel: AudioChannel) -> None:
            try:
                await app.talk(channel, record)
            finally:
                over.set()

        async def chat(self, call: Call) -> None:
            await app.chat(call)

    settings = app.box.kiosk
    card = SoundCard(settings.microphone, settings.speaker, echo=app.echo_stream(), gain=settings.gain)
    kiosk = Kiosk(card, app.engine("vad")[0], mode="always", echo=settings.echo, on_state=_tell)
    serving = asyncio.create_task(kiosk.serve(OneCall()))
    ending = asyncio.create_task(over.wait())
    try:
        await asyncio.wait([serving, ending], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending.cancel()
        serving.cancel()
        await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


def _tell(on: bool, why: str) -> None:
    console.print(f"sound {'on' if on else 'off'}: {escape(why)}")


def show(what: Notice) -> None:
    """The conversation as it goes, on the error stream."""
    match what:
        case Partial():
            console.print(f"[dim]... {escape(what.text)}[/]")
        case Heard():
            console.print(f"caller: {escape(what.text)}")


def show_answer(turn: Turn) -> None:
    """What the desk said, once it has."""
    cut = "" if turn.spoken.whole else " [dim](cut off)[/]"
    console.print(f"desk:   {escape(turn.spoken.text)}{cut}")
