"""`appliance shadow`: what would have changed yesterday with another desk file, model or voice."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from appliance import config
from appliance.app import App
from appliance.config.keeping import CHECKS
from appliance.errors import ApplianceError, EngineError
from appliance.observe.calls import Calls
from appliance.workshop.shadow import shadow


def run(
    box_path: Path | None, desk_path: Path | None, candidate: Path | None, other: Path | None, days: float
) -> int:
    """`candidate`: another desk file; `other`: another box.toml, whose engines are tried by sound."""
    if not candidate and not other:
        raise ApplianceError(
            "there is nothing to try", "appliance shadow --candidate FILE, or --engines FILE"
        )
    box, box_file = config.read_box(box_path)
    desk, _ = config.read_desk(desk_path, box_file)
    new = config.read_desk(candidate)[0] if candidate else desk
    boxes = (box, config.read_box(other)[0] if other else box)
    report = asyncio.run(_replay(box, boxes, desk, new, bool(other), days))
    _tell(report)
    return int(report["worse"] > report["better"])


async def _replay(
    box: config.Box, boxes: tuple[config.Box, config.Box], desk: config.DeskFile, new: config.DeskFile,
    by_sound: bool, days: float,
) -> dict[str, Any]:  # fmt: skip
    async with AsyncExitStack() as stack:
        calls = stack.enter_context(closing(Calls(box.data)))
        apps = []
        for each in boxes if by_sound else boxes[:1]:
            # On a folder of its own: a desk that runs meanwhile is not disturbed.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="appliance-shadow-")))
            alone = replace(each, data=folder, recordings=False, fleet=replace(each.fleet, enabled=False))
            app = await stack.enter_async_context(App(alone, desk))
            await app.prepared()
            if by_sound and (off := app.voice_off()):
                raise EngineError(f"nothing can be tried by sound: {off}", "mend that box.toml, or its model")
            apps.append(app)
        recordings = box.data / "recordings" if by_sound else None
        report = await shadow((apps[0], desk), (apps[-1], new), calls, recordings, days)
        calls.keep_shadow(report)
        return report


def _tell(report: dict[str, Any]) -> None:
    console = Console(highlight=False)
    changed, marks = report["changed"], report["marks"]
    for change in changed:
        console.print(f"caller: {escape(change['said'])}")
        if "heard" in change:
            console.print(f"  heard now: {escape(change['heard'])}")
        for name in ("was", "now"):
            intent, line = change[name]
            console.print(f"  {name}: [bold]{escape(intent or 'nothing')}[/] {escape(line)}")
    console.print(
        f"\n{report['calls']} calls, {report['turns']} turns, {len(changed)} answers would be others;"
    )
    console.print(f"by the checklist {report['better']} calls would be better, {report['worse']} worse")
    for check, (was, now) in marks.items():
        if was != now:
            console.print(f"  {CHECKS[check]}: not in {was}, then not in {now}")
