from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from appliance.engines.cascade import Cascade
from appliance.engines.moonshine import Moonshine
from appliance.engines.whisper import Whisper
from appliance.messages import Expect


def test_the_words_so_far_are_cheap_and_the_last_ones_good(
    model: Callable[[str], Path], speech: bytes
) -> None:
    quick, good = Moonshine(model("moonshine-tiny-en")), Whisper(model("whisper-tiny.en"))
    cascade = Cascade(quick, good)
    assert not cascade.streams
    stream = cascade.stream(Expect())
    stream.push(speech[: len(speech) // 2])
    assert "forward" in stream.partial().lower()
    stream.push(speech[len(speech) // 2 :])

    begun = time.process_time()
    stream.partial()
    partial = time.process_time() - begun
    begun = time.process_time()
    transcript = stream.finish()
    final = time.process_time() - begun

    alone = good.stream(Expect())
    alone.push(speech)
    assert transcript == alone.finish()
    assert partial < final
