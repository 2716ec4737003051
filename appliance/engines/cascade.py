"""Two recognisers for one caller: a quick one for the words so far, a good one for the words that count."""

from __future__ import annotations

from appliance.engines import Asr, AsrStream
from appliance.messages import Expect, Transcript


class Cascade:
    """`streams` is the quick engine's, `tells_ends` the good one's."""

    def __init__(self, quick: Asr, good: Asr) -> None:
        self.streams = quick.streams
        self.tells_ends = good.tells_ends
        self._quick = quick
        self._good = good

    def warm(self) -> None:
        for each in (self._quick, self._good):
            if hasattr(each, "warm"):
                each.warm()

    def stream(self, expect: Expect) -> CascadeStream:
        return CascadeStream(self._quick.stream(expect), self._good.stream(expect))


class CascadeStream:
    """One utterance."""

    def __init__(self, quick: AsrStream, good: AsrStream) -> None:
        self._quick = quick
        self._good = good

    def push(self, pcm: bytes) -> None:
        self._quick.push(pcm)
        self._good.push(pcm)

    def partial(self) -> str:
        return self._quick.partial()

    def finish(self) -> Transcript:
        return self._good.finish()
