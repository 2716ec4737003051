"""That a call is recorded is said, and asked where the desk must ask; so it is of a flow alone. A no deletes
what was recorded."""

from __future__ import annotations

import re
from typing import Literal

from appliance.config.calling import FlowRecording, Recording
from appliance.observe.recorder import Recorder
from appliance.observe.sealing import ASKED, PART

REFUSES = re.compile(
    r"\b(?:do not|don.?t|never|stop|without|not be(?:ing)?|no)(?: want)?(?: you)?(?: to)?(?: be)?(?: this)?"
    r" record(?:ing|ed)?\b",
    re.IGNORECASE,
)


class Consent:
    """Of one call that is being recorded, or may be while some flow is under way. Whatever is not certain is
    silence in it."""

    def __init__(self, mode: Recording, recorder: Recorder) -> None:
        self.asks = mode == "ask"
        """Whether the caller must say yes. Until then, and where nothing is said, it is a no."""
        self.announces = mode == "announce"
        """Whether the caller is told at the beginning."""
        self.recorded = True
        """Whether the call is still recorded."""
        self._agreed = False
        """Whether the caller said yes to all of the call."""
        self._rule: FlowRecording = ""
        self._flow = ""
        self._flow_agreed = False
        """Whether the caller said yes to the flow that is under way, or was told of it."""
        self._kept = mode == "announce"
        """Whether there is anything in it that may be kept."""
        self._recorder = recorder
        self._pause()

    def answer(self, yes: bool) -> None:
        """The caller agreed, or did not: to the flow that asked, else to all of the call."""
        if not yes:
            self.refuse()
            return
        if self._rule == "ask":
            self._flow_agreed = True
        else:
            self._agreed = True
        self._keep()

    def told(self) -> None:
        """The caller has heard that it is recorded."""
        if self.recorded and self._rule == "announce":
            self._flow_agreed = True
            self._keep()

    def follow(self, rule: FlowRecording, flow: str = "") -> None:
        """Do as the flow that is under way wants; both empty where none is. A yes is of one flow alone."""
        if rule == "never" and self.recorded:
            self.refuse()
        if (rule, flow) != (self._rule, self._flow):
            self._rule, self._flow, self._flow_agreed = rule, flow, False
        self._pause()

    def wanted(self, rule: FlowRecording) -> Literal["", "announce", "ask"]:
        """What is still to be said or asked for a flow."""
        covered = self._agreed or (rule == "announce" and self.announces)
        return rule if rule in ("announce", "ask") and self.recorded and not covered else ""

    def refuse(self) -> None:
        """What was recorded is deleted, and nothing more is."""
        self.recorded = False
        self._recorder.discard()

    def refuses(self, text: str) -> bool:
        """Whether the caller says, at whatever time, that there is to be no recording."""
        return self.recorded and REFUSES.search(text) is not None

    def close(self) -> None:
        """The call is over."""
        if self.recorded and not self._kept:
            self.refuse()

    def _keep(self) -> None:
        self._kept = True
        if self._recorder.path.suffix == ASKED:
            self._recorder.rename(self._recorder.path.with_suffix(PART))
        self._pause()

    def _pause(self) -> None:
        if self.wanted(self._rule):
            self._recorder.paused = not self._flow_agreed
        elif self._rule == "announce" or self._rule == "ask":
            self._recorder.paused = False
        else:
            self._recorder.paused = self._rule == "paused" or not (self.asks or self.announces)
