"""What a reader makes of a document: blocks of text under their headings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "item", "row"]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, an item of a list or a row of a table."""

    text: str
    """Line breaks are those of the file. A row reads "first cell, header: cell, header: cell"."""
    heading: tuple[str, ...]
    """The headings above it, outermost first."""
    line: int
    """Where it begins in the file, or on its page."""
    kind: Kind = "text"
    page: int = 0
    """Of a PDF, from 1."""
