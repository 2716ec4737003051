"""HTML and Markdown into blocks. Markdown becomes HTML that still knows its lines, so there is one reader."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from appliance.documents.blocks import Block, Kind

SILENT = frozenset(
    "script style template noscript nav select button textarea svg math object iframe audio video canvas "
    "form dialog".split()
)
"""Elements whose text nobody reads as the document's."""

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())

BREAKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure "
    "footer h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section summary table tbody tfoot thead tr "
    "ul".split()
)
"""Elements that begin and end a block."""

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*(?=\n|\Z)", re.DOTALL)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.\d])")


def read_markdown(text: str) -> list[Block]:
    """CommonMark with tables; a YAML head is passed over."""
    from markdown_it import MarkdownIt

    text = _FRONT_MATTER.sub(lambda head: "\n" * head[0].count("\n"), text)
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.map and token.nesting >= 0:
            token.attrSet("data-line", str(token.map[0] + 1))
    return read_html(markdown.renderer.render(tokens, markdown.options, {}))


def read_html(text: str) -> list[Block]:
    """What a visitor of the page would see of its text, menus and forms left out."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.flush()
    return reader.blocks


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._line = 0
        self._marked = 0  # the line that data-line gave, in HTML made from Markdown
        self._kind: Kind = "text"
        self._headings: list[tuple[int, str]] = []
        self._silent: tuple[str, int] | None = None  # the silent element we are in, and how often it nests
        self._term = ""
        self._cells: list[str] | None = None
        self._header: list[str] = []
        self._all_th = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            if tag == self._silent[0]:
                self._silent = (tag, self._silent[1] + 1)
            return
        given = {name: value or "" for name, value in attrs}
        hidden = (
            "hidden" in given or given.get("aria-hidden") == "true" or _HIDDEN.search(given.get("style", ""))
        )
        if tag not in VOID and (tag in SILENT or hidden):
            self._silent = (tag, 1)
            return
        if tag in BREAKS:
            self.flush()
        if "data-line" in given:
            self._marked = int(given["data-line"]) if given["data-line"].isdecimal() else 0
        if tag == "br":
            self._text.append("\n")
        elif tag == "img" and given.get("alt"):
            self._text.append(" ")
        elif tag == "li":
            self._kind = "item"
        elif tag == "table":
            self._header = []
        elif tag == "tr":
            self._cells, self._all_th = [], True
        elif tag in ("td", "th"):
            self._cell()
            self._all_th = self._all_th and tag == "th"

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[0]:
                depth = self._silent[1] - 1
                self._silent = (tag, depth) if depth else None
            return
        if tag in HEADINGS or tag == "title":
            self._heading(0 if tag == "title" else int(tag[1]))
        elif tag == "dt":
            self._term = self._taken()
        elif tag == "dd":
            term, said = self._term, self._taken()
            self._text = [f"{term}: {said}" if term and said else term or said]
            self.flush()
            self._term = ""
        elif tag == "tr":
            self._row()
        elif tag in ("td", "th"):
            self._cell()
        elif tag in BREAKS:
            self.flush()
            self._kind = "text"

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if data.strip() and not "".join(self._text).strip():
            self._line = self._marked or self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
        self._text.append(data)

    def flush(self) -> None:
        """End the block, if one has begun."""
        if self._cells is not None:
            self._text.append(" ")  # a paragraph inside a cell does not end the row
            return
        text = self._taken()
        if text:
            self.blocks.append(Block(text, self._path(), self._line, self._kind))

    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self._headings)

    def _taken(self) -> str:
        lines = "".join(self._text).split("\n")
        self._text = []
        return "\n".join(" ".join(line.split()) for line in lines).strip()

    def _heading(self, level: int) -> None:
        text = " ".join(self._taken().split())
        if text:
            self._headings = [each for each in self._headings if each[0] < level]
            if not any(each[1] == text for each in self._headings):
                self._headings.append((level, text))

    def _cell(self) -> None:
        text = " ".join(self._taken().split())
        if self._cells is not None and (text or self._cells or self._text):
            self._cells.append(text)

    def _row(self) -> None:
        self._cell()
        cells, self._cells = self._cells or [], None
        if cells and self._all_th and not self._header:
            self._header = cells
            return
        text = row(self._header, cells)
        if text:
            self.blocks.append(Block(text, self._path(), self._line, "row"))


def row(header: list[str], cells: list[str]) -> str:
    """A table's row as one would read it out: "Single room, price: 80 euros, breakfast: included"."""
    parts = []
    for number, cell in enumerate(cells):
        name = header[number] if number < len(header) else ""
        if cell:
            parts.append(f"{name}: {cell}" if name and number else cell)
    if not header and len(parts) == 2:
        return f"{parts[0]}: {parts[1]}"
    return ", ".join(parts)
