"""A modem tried out, as `appliance doctor` does: whether calls could come, and what the SIM has left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from appliance.channels.gsm.at import ModemError
from appliance.channels.gsm.card import NO_NETWORK
from appliance.channels.gsm.modem import NO_NETWORK_YET, Modem
from appliance.channels.gsm.plugs import Found

PATIENCE = 20.0
"""Seconds for the modem to be in a network."""

NOT_YET = ("not started", NO_NETWORK_YET, NO_NETWORK)
"""What may be otherwise in a moment."""


async def check(find: Callable[[], Found | None], pin: str = "", code: str = "") -> str:
    """What is found, in a line; `code` is what is dialled for the balance. No call is answered and no SMS
    read. DeviceError where no call could come."""
    modem = Modem(find, lambda event: None, pin, reads=False)
    running = asyncio.create_task(modem.run())
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not modem.health.on and modem.health.why in NOT_YET:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        if not modem.health.on or not modem.found:
            raise ModemError(modem.health.why)
        signal = modem.health.signal
        told = [modem.health.family, "in the network"]
        told += [f"USB socket {modem.found.usb}"] if modem.found.usb else []
        told += [f"signal {signal:.0%}"] if signal is not None else []
        told += [f"the network says: {await modem.balance(code)}"] if code else []
        return "; ".join(told)
    finally:
        running.cancel()
        await asyncio.wait([running])
