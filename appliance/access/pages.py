"""The files of a house's pages."""

from __future__ import annotations

from pathlib import Path

from starlette.staticfiles import StaticFiles


def pages(folder: Path, html: bool = False) -> StaticFiles:
    """Those of a folder, and what all houses have in common: `look.css`, and the icon of those that have none
    of their own."""
    return StaticFiles(directory=folder, packages=[("appliance.access", "shared")], html=html)
