"""A candidate answers some of the callers, and is judged by those alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from appliance.app import App
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, DeskFile
from appliance.messages import Line
from appliance.serving.candidate import Candidate
from tests.test_app import ENGINES


async def test_a_call_counts_for_the_candidate_that_there_was_when_it_began(tmp_path: Path) -> None:
    async with App(Box(tmp_path, engines=ENGINES), DeskFile("Alder House")) as app:
        first, second = (Candidate(version, 100, b"drawn", app.served) for version in (1, 2))

        class Changed(ScriptedCaller):
            """Another candidate takes the place of the first as somebody speaks."""

            async def say(self, lines: AsyncIterator[Line]) -> None:
                app.candidate = second
                await super().say(lines)

        app.candidate = first
        await app.chat(Changed(["hello", "goodbye"], "one"))
        assert app.candidate is second
        assert (seen(first), seen(second)) == (1, 0)
        await app.chat(ScriptedCaller(["hello", "goodbye"], "two"))
        assert (seen(first), seen(second)) == (1, 1)


def seen(candidate: Candidate) -> int:
    """Calls that it has answered, and nobody of the rest stands against yet."""
    return sum(answered for _, (answered, _), _ in candidate.evidence.plain()["open"].values())
