"""What a desk says as it stands in its file is made into sound ahead, while nobody calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.answering.wording import Wording
from appliance.config import standing
from appliance.serving import lastline
from appliance.serving.served import Served, fixed_lines
from appliance.speech import Speech


async def lay_in(
    speech: Speech,
    wording: Wording | None,
    serves: Callable[[], Served],
    quiet: Callable[[], Awaitable[None]],
    folder: Path,
) -> None:
    """The fixed lines, the one in `folder` for a desk that cannot start, and what the LLM may word. Each
    waits until it is `quiet`; another version of the desk file ends it."""
    served = serves()
    for line in fixed_lines(standing.whole(served.desk)):
        await quiet()
        if serves() is not served:
            return
        await speech.lay_in(line)
    await lastline.keep(speech, served.desk.lines.out_of_order, folder)
    for name, fact in served.desk.fact.items():
        if wording and served.knowledge.rephrased(name):
            await quiet()
            async for worded in wording.reword(fact.say):
                await speech.prepare(worded.text)
