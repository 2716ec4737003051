"""Plain text, and the text of PDF pages, into blocks: paragraphs, lists and what look like headings."""

from __future__ import annotations

import re

from appliance.documents.blocks import Block

_ITEM = re.compile(r"\s*(?:[-*•‣▪–●]|\(?\d{1,2}[.)])\s+(?=\S)")
_UNDERLINE = re.compile(r"\s*([=\-~_*])\1{2,}\s*$")
_ENDED = re.compile(r"[.!?…:;,][\"'”’)\]]*$")


def read_plain(text: str) -> list[Block]:
    return _blocks(text.split("\n"), (), 0)


def read_pages(pages: list[str]) -> list[Block]:
    """The pages of a PDF; a heading holds on to the next page."""
    blocks: list[Block] = []
    heading: tuple[str, ...] = ()
    for number, page in enumerate(pages, 1):
        page = re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", page)
        found = _blocks(page.split("\n"), heading, number)
        heading = found[-1].heading if found else heading
        blocks += found
    return blocks


def _blocks(lines: list[str], heading: tuple[str, ...], page: int) -> list[Block]:
    blocks: list[Block] = []
    held: list[str] = []
    start, item = 0, False

    def flush() -> None:
        nonlocal held, item
        text = "\n".join(held)
        if text.strip():
            blocks.append(Block(text, heading, start, "item" if item else "text", page))
        held, item = [], False

    def under(text: str) -> tuple[str, ...]:
        """A heading that another follows at once is the document's title."""
        if heading and not blocks and page < 2:
            return (*heading, " ".join(text.split()))
        return (*heading[:-1], " ".join(text.split()))

    for number, line in enumerate(lines):
        text = line.strip()
        if not text or _UNDERLINE.match(line):
            flush()
        elif not held and _is_heading(lines, number, bool(page)):
            heading = under(text)
        elif mark := _ITEM.match(line):
            flush()
            held, start, item = [line[mark.end() :].strip()], number + 1, True
        elif page and held and not item and _ENDED.search(held[-1]) and _is_heading(lines, number, True):
            flush()
            heading = under(text)
        else:
            start = start if held else number + 1
            held.append(text)
    flush()
    return blocks


def _is_heading(lines: list[str], number: int, tight: bool) -> bool:
    """A short line that does not end like a sentence and has something under it. `tight`: pages of a PDF
    have no blank lines, so there a text that begins anew stands for one."""
    text = lines[number].strip()
    after = lines[number + 1].strip() if number + 1 < len(lines) else ""
    if len(text) > 60 or _ENDED.search(text) or _ITEM.match(lines[number]) or not text[0].isalpha():
        return False
    if _UNDERLINE.match(after) and after:
        return True
    rest = any(line.strip() for line in lines[number + 1 :][:3])
    before = lines[number - 1].strip() if number else ""
    alone = not before and not after
    shouted = text.isupper() and len(text) > 3
    opens = tight and bool(after) and text[0].isupper() and len(text.split()) <= 6 and after[0].isupper()
    return rest and (alone or shouted or opens)
