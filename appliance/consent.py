"""That a call is recorded is said, and asked where the desk must ask. A no deletes what was recorded."""

from __future__ import annotations

import re

from appliance.config.calling import FlowRecording, Recording
from appliance.observe.recorder import Recorder
from appliance.observe.sealing import ASKED, PART

REFUSES = re.compile(
    r"\b(?:do not|don.?t|never|stop|without|not be(?:ing)?|no)(?: want)?(?: you)?(?: to)?(?: be)?(?: this)?"
    r" record(?:ing|ed)?\b",
    re.IGNORECASE,
)


class Consent:
    """Of one call that is being recorded."""

    def __init__(self, mode: Recording, recorder: Recorder) -> None:
        self.asks = mode == "ask"
        """Whether the caller must say yes. Until then, and where nothing is said, it is a no."""
        self.recorded = True
        """Whether the call is still recorded."""
        self._agreed = not self.asks
        self._recorder = recorder

    def answer(self, yes: bool) -> None:
        """The caller agreed, or did not."""
        self._agreed = yes
        if not yes:
            self.refuse()
        elif self._recorder.path.suffix == ASKED:
            self._recorder.rename(self._recorder.path.with_suffix(PART))

    def follow(self, rule: FlowRecording) -> None:
        """Do as the flow that is under way wants; empty where none is."""
        if rule == "never" and self.recorded:
            self.refuse()
        self._recorder.paused = rule == "paused"

    def refuse(self) -> None:
        """What was recorded is deleted, and nothing more is."""
        self.recorded = False
        self._recorder.discard()

    def refuses(self, text: str) -> bool:
        """Whether the caller says, at whatever time, that there is to be no recording."""
        return self.recorded and REFUSES.search(text) is not None

    def close(self) -> None:
        """The call is over."""
        if self.recorded and not self._agreed:
            self.refuse()
