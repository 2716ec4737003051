"""`appliance models`: list, fetch, verify, import. Each returns the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from appliance import fetch, models
from appliance.models import Manifest, Model


def list_models(console: Console, root: Path | None = None) -> int:
    """What there is, what is here, under which terms, from where."""
    for model in Manifest.load().models.values():
        console.print(
            f"[bold]{model.id}[/]  {model.kind}  {decimal(model.size)}  {_here(model, root)}"
            f"{'  default' if model.default else ''}",
            highlight=False,
        )
        heaviest = model.archive or max(model.files, key=lambda file: file.size)
        others = f" and {len(model.files) - 1} more" if len(model.files) > 1 else ""
        rows = {
            "what": model.what,
            "licence": f"{model.licence}; {model.note}" if model.note else model.licence,
            "suits": model.suits,
            "from": _source(model),
            "sha256": f"{heaviest.sha256} ({heaviest.name}{others})",
        }
        table = Table.grid(padding=(0, 2), pad_edge=True)
        for heading, said in rows.items():
            table.add_row(heading, Text(said, overflow="fold"), style="dim")
        console.print(table)
    return 0


def fetch_models(names: Sequence[str], console: Console, root: Path | None = None) -> int:
    """Fetch these models, or the default ones, with a bar for each."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done)

        fetched = fetch.fetch(names, root, report)
    console.print(f"fetched: {', '.join(fetched)}" if fetched else "every model is here and whole")
    return 0


def verify_models(names: Sequence[str], console: Console, root: Path | None = None) -> int:
    """Read every byte of these models, or of all that are here. 1 where something is wrong."""
    problems = models.verify(names, root)
    for problem in problems:
        console.print(
            f"{problem}; run `appliance models fetch {problem.split('/')[0].split()[0]}`", style="red"
        )
    if not problems:
        console.print("every byte is as the manifest says")
    return 1 if problems else 0


def import_models(folder: Path, console: Console, root: Path | None = None) -> int:
    """Take models from a folder. 1 where none of what is missing lies there."""
    taken = fetch.import_from(folder, root)
    missing = [model.id for model in Manifest.load().pick() if any(model.problems(root))]
    if taken:
        console.print(f"taken: {', '.join(taken)}")
    if missing:
        console.print(f"still missing of the default models: {', '.join(missing)}", style="yellow")
    if not taken and not missing:
        console.print("nothing to take: every default model is here already")
    return 0 if taken or not missing else 1


def _here(model: Model, root: Path | None) -> str:
    if not model.folder(root).is_dir():
        return "[yellow]missing[/]"
    return "[red]broken[/]" if any(model.problems(root)) else "[green]here[/]"


def _source(model: Model) -> str:
    wheel = f"{model.wheel.package}=={model.wheel.version}" if model.wheel else ""
    return " or ".join(source for source in (wheel, model.url) if source)
