"""How a desk file wants its lines spoken: which pace, which pauses, and how names sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from appliance.answering.wording import sentences
from appliance.config import DeskFile
from appliance.speech.aloud import Aloud, Saying

FIELD = re.compile(r"\\\{\w+\\\}")


class Delivery:
    """Turns a line into what is said, breath by breath."""

    def __init__(self, desk: DeskFile | None = None) -> None:
        desk = desk or DeskFile("")
        self._pace = desk.voice.pace
        self._aloud = Aloud(desk.pronounce, desk.voice.pause)
        self._paced = [(_pattern(line), pace) for line, pace in _paced(desk)]

    def sayings(self, line: str) -> list[Saying]:
        own = next((pace for pattern, pace in self._paced if pattern.fullmatch(line)), 1.0)
        pace = self._pace * own
        return [replace(saying, pace=round(saying.pace * pace, 3)) for saying in self._aloud.sayings(line)]


def _paced(desk: DeskFile) -> Iterator[tuple[str, float]]:
    """The lines that have a pace of their own."""
    for fact in desk.fact.values():
        if fact.pace != 1:
            yield from ((line, fact.pace) for line in {fact.say, *sentences(fact.say)})
    for flow in desk.flow.values():
        if flow.pace != 1:
            lines = [flow.say, *(line for ask in flow.ask for line in (ask.prompt, *ask.reprompt))]
            lines += [flow.do.confirm, flow.do.done, *flow.do.refused.values()] if flow.do else []
            yield from ((line, flow.pace) for line in lines if line)


def _pattern(line: str) -> re.Pattern[str]:
    """Matches the line whatever its {fields} are filled with."""
    return re.compile(FIELD.sub(".+", re.escape(line)), re.DOTALL)
