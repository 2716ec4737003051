"""The modems of a box as one that texts."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence

from appliance.channels.exchange import CallFailed
from appliance.channels.gsm.line import GsmLine
from appliance.channels.gsm.pdu import Sms
from appliance.channels.gsm.plugs import Found
from appliance.errors import DeviceError

log = logging.getLogger(__name__)

REMEMBERED = 1000
"""People of whom it is known which number they texted."""


class Modems:
    """`lines` in the order in which they are tried. Who texted one of them is answered by the same, while it
    can; another takes over where it cannot."""

    def __init__(
        self,
        modems: Sequence[tuple[str, str]],
        find: Callable[[int], Found | None],
        texted: Callable[[Sms], None],
    ) -> None:
        """`modems`: name and PIN of each; `find` tells where each is now. `texted` gets the SMS that come."""
        self._texted = texted
        self._by: OrderedDict[str, GsmLine] = OrderedDict()
        self.lines = [self._line(number, *modem, find) for number, modem in enumerate(modems)]

    @property
    def ready(self) -> bool:
        """Whether an SMS can go out now."""
        return any(line.state[0] for line in self.lines)

    @property
    def signal(self) -> float | None:
        """Of the modem that has the best, 0 to 1; None while nothing is known of any."""
        return max((line.signal for line in self.lines if line.signal is not None), default=None)

    async def text(self, number: str, text: str) -> None:
        """Send an SMS by the first modem that can. DeviceError where none could."""
        first = self._by.get(number)
        wrong: DeviceError = CallFailed("no modem is in a network", "see [[gsm]] in box.toml")
        for line in sorted(self.lines, key=lambda line: line is not first):
            if not line.state[0]:
                continue
            try:
                return await line.text(number, text)
            except DeviceError as error:
                log.warning("an SMS was not taken by %s: %s", line.name, error)
                wrong = error
        raise wrong

    def _line(self, number: int, name: str, pin: str, find: Callable[[int], Found | None]) -> GsmLine:
        def came(sms: Sms) -> None:
            self._came(line, sms)

        line = GsmLine(lambda: find(number), pin, came, name)
        return line

    def _came(self, line: GsmLine, sms: Sms) -> None:
        self._by[sms.number] = line
        self._by.move_to_end(sms.number)
        if len(self._by) > REMEMBERED:
            self._by.popitem(last=False)
        self._texted(sms)
