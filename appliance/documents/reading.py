"""A file into blocks, or the plain reason why not."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from appliance.documents.blocks import Block
from appliance.documents.markup import read_html, read_markdown
from appliance.documents.plain import read_pages, read_plain
from appliance.errors import ApplianceError

LARGEST = 20_000_000
"""Bytes of a file beyond which it is not read."""

TEXTS: dict[str, Callable[[str], list[Block]]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_plain,
    ".text": read_plain,
    ".html": read_html,
    ".htm": read_html,
}

_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_UNSEEN = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


class UnreadableError(ApplianceError):
    """A document cannot be read."""


def read(name: str, data: bytes) -> list[Block]:
    """The blocks of a document; its kind follows from its name. UnreadableError where there are none to
    have."""
    kind = Path(name).suffix.lower()
    if kind != ".pdf" and kind not in TEXTS:
        raise UnreadableError("is of a kind that is not read", "save it as PDF, Markdown, HTML or plain text")
    if len(data) > LARGEST:
        raise UnreadableError("is larger than 20 MB", "split it, or leave out its pictures")
    if kind == ".pdf":
        return read_pages([_clean(page) for page in _pages(data)]) if data else []
    return TEXTS[kind](_clean(_decoded(data, kind)))


def _clean(text: str) -> str:
    """One form for each character, and none that nobody sees: those hide words from a reader or a filter."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _CONTROL.sub(" ", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))


def _decoded(data: bytes, kind: str) -> str:
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif kind in (".html", ".htm") and (declared := _CHARSET.search(data[:4096])):
        encoding = declared[1].decode("ascii").lower().replace("utf-8", "utf-8-sig")
    try:
        text = data.decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise UnreadableError("is not in UTF-8", "save it again as UTF-8") from error
    if "\0" in text:
        raise UnreadableError("is not a text", "save it as PDF, Markdown, HTML or plain text")
    return text


def _pages(data: bytes) -> list[str]:
    from pypdf import PdfReader
    from pypdf.errors import FileNotDecryptedError

    try:
        reader = PdfReader(BytesIO(data))
        pages = [page.extract_text() for page in reader.pages]
    except FileNotDecryptedError as error:
        raise UnreadableError("is locked with a password", "save it without one") from error
    except Exception as error:  # a broken PDF breaks its reader in many ways
        raise UnreadableError("is not a PDF that can be read", "open it and save it as PDF again") from error
    if not any(page.strip() for page in pages):
        raise UnreadableError(
            "has no text in it, only pictures (a scan?)", "have its text recognised, or type it"
        )
    return pages
