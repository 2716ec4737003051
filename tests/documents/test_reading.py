"""Files of all kinds into blocks, and plain words for those that cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.documents.markup import read_html, read_markdown
from appliance.documents.plain import read_pages, read_plain
from appliance.documents.reading import LARGEST, UnreadableError, read
from tests.documents.pdf import POOL, pdf


def test_markdown_keeps_headings_and_lines() -> None:
    blocks = read_markdown(
        "---\ntitle: x\n---\n# House\n\nWelcome.\n\n## Pool\n\nOpen\nall day.\n\n# Bar\n\nClosed.\n"
    )
    assert [(block.text, block.heading, block.line) for block in blocks] == [
        ("Welcome.", ("House",), 6),
        ("Open\nall day.", ("House", "Pool"), 10),
        ("Closed.", ("Bar",), 15),
    ]


def test_markdown_marks_are_not_text() -> None:
    (block,) = read_markdown(
        "**Bold** and [a link](http://x.org) and `code` and <b>tag</b> ![picture](a.png)"
    )
    assert " ".join(block.text.split()) == "Bold and a link and code and tag"


def test_html_is_read_as_a_visitor_sees_it() -> None:
    blocks = read_html(
        "<title>House</title><nav>Menu</nav><h2>Bar</h2><p>Wine &amp; beer<br>all day<p>Unclosed"
        "<script>no()</script><p hidden>secret<p style='display: none'>secret</p></p><ul><li>one<li>two</ul>"
        "<form>Name <input></form>"
    )
    assert [(block.text, block.heading, block.kind) for block in blocks] == [
        ("Wine & beer\nall day", ("House", "Bar"), "text"),
        ("Unclosed", ("House", "Bar"), "text"),
        ("one", ("House", "Bar"), "item"),
        ("two", ("House", "Bar"), "item"),
    ]


def test_plain_text_shows_its_headings_by_its_lines() -> None:
    blocks = read_plain(
        "HOUSE RULES\n\nPool\n====\nOpen all day.\nNo glass.\n\nThings to bring:\n"
        "- towel\n- soap\n  and shampoo\n"
        "\nBar\n\nClosed today.\n"
    )
    assert [(block.text, block.heading, block.kind) for block in blocks] == [
        ("Open all day.\nNo glass.", ("HOUSE RULES", "Pool"), "text"),
        ("Things to bring:", ("HOUSE RULES", "Pool"), "text"),
        ("towel", ("HOUSE RULES", "Pool"), "item"),
        ("soap\nand shampoo", ("HOUSE RULES", "Pool"), "item"),
        ("Closed today.", ("HOUSE RULES", "Bar"), "text"),
    ]


def test_a_pdf_shows_its_pages() -> None:
    blocks = read("pool.pdf", pdf(POOL))
    assert blocks[0].heading == ("Riverside Swimming Pool", "Opening times")
    assert blocks[0].text.startswith("The pool is open from Monday to Saturday")
    assert (blocks[-1].page, blocks[-1].heading[-1]) == (2, "Lessons")


def test_a_word_parted_at_a_line_end_of_a_pdf_is_whole_again() -> None:
    (block,) = read_pages(["We are glad to give you infor-\nmation at the desk."])
    assert block.text == "We are glad to give you information at the desk."


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("scan.pdf", pdf([[]]), "only pictures"),
        ("broken.pdf", b"%PDF-1.4 nonsense", "not a PDF that can be read"),
        ("cut.pdf", pdf(POOL)[:300], "not a PDF that can be read"),
        ("latin.txt", "Frühstück".encode("latin-1"), "not in UTF-8"),
        ("picture.txt", b"\x89PNG\0\0", "not in UTF-8"),
        ("zeros.md", b"a\0b", "not a text"),
        ("letter.docx", b"PK", "of a kind that is not read"),
        ("odd.html", b'<meta charset="no-such-code">x', "not in UTF-8"),
        ("big.txt", b"x" * (LARGEST + 1), "larger than 20 MB"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(name: str, data: bytes, says: str) -> None:
    with pytest.raises(UnreadableError, match=says):
        read(name, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("utf16.txt", "Frühstück ab 7".encode("utf-16")),
        ("bom.txt", "Frühstück ab 7".encode("utf-8-sig")),
        ("latin.html", '<meta charset="iso-8859-1"><p>Frühstück ab 7'.encode("latin-1")),
        ("forms.md", "Fru\u0308hstu\u0308ck\u200b a\u00adb 7".encode()),
        ("windows.txt", "Frühstück ab 7\r\n".encode()),
    ],
)
def test_one_text_in_many_codes(name: str, data: bytes) -> None:
    assert [block.text for block in read(name, data)] == ["Frühstück ab 7"]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.pdf"])
def test_an_empty_file_has_nothing_to_say(name: str) -> None:
    assert read(name, b"") == []


@given(st.text(st.characters(exclude_characters="\0"), max_size=500))
def test_any_text_is_read(text: str) -> None:
    for name in ("a.txt", "a.md", "a.html"):
        assert all(block.text.strip() for block in read(name, text.encode("utf-8", "replace")))


@given(
    st.lists(
        st.text(st.characters(categories=["Lu", "Ll"]), min_size=1, max_size=12), min_size=1, max_size=80
    )
)
def test_no_word_of_a_plain_text_is_lost(words: list[str]) -> None:
    text = "\n".join(" ".join(words[at : at + 5]) for at in range(0, len(words), 5)) + "."
    found = " ".join(" ".join((*block.heading, block.text)) for block in read_plain(text))
    assert all(word in found for word in words)
