"""From blocks to sentences that can be said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.documents.blocks import Block
from appliance.documents.markup import read_markdown
from appliance.documents.sentences import LONGEST, sentences, speakable, split


def said(markdown: str) -> list[str]:
    return [each.text for each in sentences(read_markdown(markdown))]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Okafor is in. Mr. J. Smith too.", ["Dr. Okafor is in.", "Mr. J. Smith too."]),
        ("We close at 5 p.m. The door locks.", ["We close at 5 p.m.", "The door locks."]),
        ("Open 9 a.m. Monday to Friday.", ["Open 9 a.m. Monday to Friday."]),
        ("Bring e.g. a towel. It costs 3.50 euros.", ["Bring e.g. a towel.", "It costs 3.50 euros."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("Approx. 5 km, see www.example.org for more.", ["Approx. 5 km, see www.example.org for more."]),
        ("Line one\ngoes on. Ärzte sind da.", ["Line one goes on.", "Ärzte sind da."]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_where_sentences_end(text: str, parts: list[str]) -> None:
    assert split(text) == parts


def test_a_long_sentence_is_cut_at_a_clause() -> None:
    text = ", ".join(["the guest pays for whatever the guest broke"] * 20) + "."
    parts = split(text)
    assert all(len(part) <= LONGEST for part in parts)
    assert all(part.endswith((",", ".")) for part in parts)


@given(st.text(max_size=3000))
def test_no_text_is_lost(text: str) -> None:
    parts = split(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(0 < len(part) <= LONGEST for part in parts)


@given(
    st.lists(st.sampled_from(["a", "Dr.", "word", "No.", "end.", "5.", "x; y", "why?", "p.m.", "b" * 500]))
)
def test_no_text_is_lost_where_words_look_like_ends(words: list[str]) -> None:
    text = " ".join(words)
    parts = split(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= LONGEST for part in parts)


@given(
    st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30), min_size=1, max_size=40)
)
def test_no_word_of_a_block_is_lost(words: list[str]) -> None:
    spoken = " ".join(each.text for each in sentences([Block(" ".join(words), ("Heading",), 1, "item")]))
    letters = "".join(filter(str.isalpha, speakable(" ".join(words))))
    assert letters in "".join(filter(str.isalpha, spoken))


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Mon–Fri 09:00–17:30", "Monday to Friday 9 am to 5:30 pm"),
        ("Mon-Fri 8:00-12:00, Sat closed", "Monday to Friday 8 am to noon, Saturday closed"),
        ("Parking: €3.50/h, 20 € per day.", "Parking: 3.50 euros per hour, 20 euros per day."),
        ("It costs 5 $.", "It costs 5 dollars."),
        ("A pound is £1.", "A pound is 1 pound."),
        ("approx. 20 min. on foot, e.g. by the river", "about 20 minutes on foot, for example by the river"),
        ("Tel. 555 0142, ext. 12", "telephone 555 0142, extension 12"),
        ("The desk is staffed 24/7.", "The desk is staffed 24 hours a day, seven days a week."),
        ("We close at 5 p.m.", "We close at 5 pm."),
        ("Rooms for 2–4 people & pets", "Rooms for 2 to 4 people and pets"),
        ("10 % off", "10 percent off"),
        ("The sun sat at Mon Repos.", "The sun sat at Mon Repos."),
        ("Sun loungers: Sat and Sun only", "Sun loungers: Saturday and Sunday only"),
        ("Version 1.30 and 12.30 stay.", "Version 1.30 and 12.30 stay."),
        ("Flat 3/4, score 10:20:30", "Flat 3/4, score 10:20:30"),
    ],
)
def test_what_is_written_becomes_what_is_said(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@given(st.text(max_size=200))
def test_any_text_can_be_made_speakable(text: str) -> None:
    assert speakable(text) == " ".join(speakable(text).split())


def test_items_speak_under_their_heading() -> None:
    assert said("# Parking\n\n- 3 euros per hour\n- free on Sundays\n") == [
        "Parking: 3 euros per hour.",
        "Parking: free on Sundays.",
    ]


def test_an_item_that_is_a_sentence_stays_as_it_is() -> None:
    assert said("# Pets\n\n- Dogs are welcome.\n") == ["Dogs are welcome."]


def test_a_short_list_is_one_sentence() -> None:
    assert said("Please bring:\n\n- your card\n- a towel\n- slippers\n") == [
        "Please bring: your card, a towel and slippers."
    ]


def test_a_long_list_is_one_sentence_for_each_item() -> None:
    items = [f"number {i} of the many things that a guest of the house has to bring along" for i in range(6)]
    found = said("Please bring:\n\n" + "".join(f"- {item}\n" for item in items))
    assert len(found) == 6
    assert (
        found[3] == "Please bring: number 3 of the many things that a guest of the house has to bring along."
    )


def test_a_line_that_leads_to_nothing_is_kept() -> None:
    assert said("Please note:\n\nWe are closed.\n") == ["Please note:", "We are closed."]


def test_rows_read_header_and_cell() -> None:
    assert said("| Room | Price |\n|---|---|\n| Single | €79 |\n| Double | €109 |\n") == [
        "Single, Price: 79 euros.",
        "Double, Price: 109 euros.",
    ]
