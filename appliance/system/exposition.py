"""Figures as Prometheus reads them: its text format, 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]


def family(name: str, kind: str, what: str, values: Mapping[Labels, float]) -> Iterator[str]:
    """Its lines. `kind` is gauge or counter."""
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
    for labels, value in sorted(values.items()):
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        yield f"{name}{{{told}}} {value}" if told else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
