"""A modem whose sound is a sound card on USB."""

from __future__ import annotations

import asyncio
import shutil

import numpy as np
import pytest

from appliance.channels.gsm.modem import Modem
from appliance.channels.gsm.plugs import Found
from appliance.channels.gsm.simulator import Simulator
from appliance.channels.gsm.sound import SoundPort
from appliance.messages import FRAME_BYTES, RATE
from tests.audio_server import AudioServer, audio_server, recorded, until  # noqa: F401
from tests.channels.gsm.test_line import loud
from tests.desk import voice


async def test_what_a_sound_card_hears_and_plays(audio_server: AudioServer) -> None:  # noqa: F811
    if not shutil.which("arecord"):
        pytest.skip("alsa-utils is not installed")
    audio_server.plug()
    heard, lost = bytearray(), asyncio.Event()
    port = SoundPort("card:default", 8000, heard.extend, lambda: None, lost.set)
    spoken = voice(1.0)
    try:
        await until(lambda: len(heard) > RATE)
        audio_server.speak(np.frombuffer(spoken, dtype="<i2"))
        with audio_server.listening() as recording:
            for at in range(0, len(spoken), FRAME_BYTES):
                port.send(spoken[at : at + FRAME_BYTES])
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
        assert loud(recorded(recording).tobytes(), RATE) == pytest.approx(1.0, abs=0.15)
        assert loud(bytes(heard), RATE) == pytest.approx(1.0, abs=0.15)
        assert port.missed == 0
        assert port._card
        port._card._processes[0].kill()
        await asyncio.wait_for(lost.wait(), 5)
    finally:
        port.close()


@pytest.mark.parametrize(("kind", "told"), [("quectel", ""), ("simcom", "on no sound card")])
async def test_a_modem_is_told_to_be_one_where_it_can(kind: str, told: str) -> None:
    simulator = Simulator(kind)
    simulator.plug_in()
    found = Found(kind, str(simulator.folder / "at"), "card:Android")
    modem = Modem(lambda: found, lambda event: None)
    running = asyncio.create_task(modem.run())
    try:
        if told:
            await until(lambda: told in modem.health.why)
            return
        await until(lambda: modem.health.on)
        simulator.ring()
        await until(lambda: modem.rung_by is not None)
        await modem.answer()
        assert "+QPCMV=1,2" in simulator.told
        await modem.hang_up()
    finally:
        running.cancel()
        await asyncio.wait([running])
        simulator.close()
