"""A telephone's keys as answers: what is pressed becomes an utterance."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from appliance.messages import Event, Expect, Heard, SpeechStarted, samples

NOTHING: Mapping[str, str] = MappingProxyType({})

YES_NO: Mapping[str, str] = MappingProxyType({"1": "yes", "2": "no"})

WAITS = samples(2.0)
"""Without another key, what was pressed is whole."""

ENOUGH = samples(0.7)
"""The same once there are as many digits as were asked for: a number may have a country's code besides."""

NUMERIC = ("digits", "spelled")


class Keypad:
    """Of one call. `shortcuts`: what a key says, in words, where no choice and no digits are asked for."""

    def __init__(self, shortcuts: Mapping[str, str] = NOTHING) -> None:
        self._shortcuts = shortcuts
        self._expect = Expect()
        self._pressed = ""
        self._began = self._last = 0

    def expect(self, what: Expect) -> None:
        """What the desk asks for. What was pressed before was meant for that, and stays."""
        self._expect = what

    def step(self, keys: str, at: int) -> list[Event]:
        """What the keys pressed by clock `at`, mostly none, come to: the first interrupts; the whole answer
        is `Heard`, a number as digits with spaces."""
        events = [event for key in keys for event in self._press(key, at)]
        enough = 1 < (self._expect.digits or 0) <= len(self._pressed)
        if self._pressed and at - self._last >= (ENOUGH if enough else WAITS):
            events.append(self._whole(at))
        return events

    def _press(self, key: str, at: int) -> list[Event]:
        self._last = at
        if self._pressed:
            return self._go_on(key, at)
        self._began = at
        if words := self._means(key):
            return [SpeechStarted(at), Heard(words, at, at, at, at)]
        if not key.isdigit():
            return []
        self._pressed = key
        return [SpeechStarted(at)]

    def _go_on(self, key: str, at: int) -> list[Event]:
        if key == "#":
            return [self._whole(at)]
        if key == "*":
            # Pressed among digits it begins them anew.
            self._pressed = ""
            return []
        self._pressed += key if key.isdigit() else ""
        return []

    def _means(self, key: str) -> str:
        """What the key says by itself."""
        asked = self._expect
        choice = asked.keys or (YES_NO if asked.kind == "yes_no" else NOTHING)
        if key in choice:
            return choice[key]
        numeric = asked.kind in NUMERIC or asked.digits
        return "" if numeric and key.isdigit() else self._shortcuts.get(key, "")

    def _whole(self, at: int) -> Heard:
        digits, self._pressed = " ".join(self._pressed), ""
        return Heard(digits, self._began, self._last, at, at)
