"""Sound that waits and need not: whatever it once waited for, it makes everything after it later."""

from __future__ import annotations

WINDOW = 100
"""Looks in a row at which some waited to spare: two seconds of frames."""


class Spare:
    """`one` is what a frame counts, in whatever is counted. What a line that comes unevenly needs is left in
    hand: only what was never needed within a window is too much."""

    def __init__(self, one: int = 1) -> None:
        self._one = one
        self._least: int | None = None
        self._looks = 0
        self.frames = 0
        """How many may be left out."""

    def look(self, spare: int) -> None:
        """How much waits now that is not needed at once."""
        self._least = spare if self._least is None else min(self._least, spare)
        self._looks += 1
        if self._looks >= WINDOW:
            self.frames = max(0, self._least // self._one)
            self._least, self._looks = None, 0

    def left_out(self) -> None:
        """One was."""
        self.frames -= 1
        self._least, self._looks = None, 0
