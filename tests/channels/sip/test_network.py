"""A bad network: sound that is lost, late or out of order ends no call and moves no clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.messages import RATE
from tests.audio_server import until
from tests.channels.sip.peers import HOST, Telephone, desk, needs_baresip, seconds_of_sound
from tests.channels.sip.relay import Network, Relay
from tests.desk import voice


@needs_baresip
@pytest.mark.parametrize(
    "network",
    [
        pytest.param(Network(loss=0.01), marks=pytest.mark.slow),
        pytest.param(Network(loss=0.05, jitter=0.02), marks=pytest.mark.slow),
        pytest.param(Network(loss=0.10), marks=pytest.mark.slow),
        pytest.param(Network(jitter=0.06), marks=pytest.mark.slow),
        Network(loss=0.05, jitter=0.06),
    ],
    ids=lambda network: f"{network.loss:.0%} lost, {network.jitter * 1000:.0f} ms",
)
async def test_a_call_through_a_bad_network_goes_on_and_keeps_its_time(
    tmp_path: Path, network: Network
) -> None:
    async with desk() as (_, echo, port), Relay(port, network) as relay:
        telephone = Telephone(tmp_path / "phone", bytes(32_000) + voice(3.0) + bytes(64_000))
        calling = asyncio.create_task(telephone.call(f"sip:desk@{HOST}:{relay.port}", 7))
        await until(lambda: echo.calls)
        await until(lambda: echo.ended == 1)
        await calling
        assert relay.passed > 200
        assert bool(relay.lost) == bool(network.loss)
        assert abs(echo.lasted - len(echo.heard) // 2) < 0.1 * RATE
        assert seconds_of_sound(bytes(echo.heard)) == pytest.approx(3.0, abs=0.5)
        assert seconds_of_sound(telephone.heard()) > 2.0
