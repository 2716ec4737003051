"""Sentences with something private in them, made up: what it is, and where."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.observe.redaction import luhn
from appliance.slots.emails import say_email
from appliance.slots.numbers import say_number
from appliance.spoken import ONES

CARDS = {
    "Visa": (("4",), (13, 16, 19)),
    "Mastercard": (("51", "55", "2221", "2720"), (16,)),
    "American Express": (("34", "37"), (15,)),
    "Diners": (("36", "38", "305"), (14,)),
    "Discover": (("6011", "65"), (16, 19)),
    "JCB": (("3528", "3589"), (16,)),
    "Maestro": (("5018", "6304", "6759"), (12, 13, 14, 15, 16, 17, 18, 19)),
    "UnionPay": (("62",), (16, 17, 18, 19)),
}
"""What their numbers begin with, and how long they are."""

LEADS = {
    "card": (
        "My card number is {}.", "It's a {network}, {}.", "You can charge {}, it expires in May.",
        "the long number is {}", "Okay, {}.", "I'd like to pay with {} please.", "{}",
    ),
    "phone": (
        "My number is {}.", "Please call me back on {}.", "You can reach me at {} after six.", "{}",
        "It's {}, that's my mobile.", "The best number is {} thank you.", "Ring {} and ask for the porter.",
    ),
    "e-mail": (
        "My email is {}.", "Send it to {} please.", "It's {}.", "You can write to {} any time.", "{}",
    ),
    "name": (
        "My name is {}.", "This is {} speaking.", "It's under {}.", "{}.",
        "I have an appointment, {} is the name.", "Could you tell {} that I'm running late?",
        "I spoke with {} yesterday.", "It's for my wife, {}.", "{} told me to call you.",
        "Is {} in today?", "Please book it for {}.", "Hello, {} here.",
    ),
}  # fmt: skip

PLAIN = (
    "When are you open on Thursday?", "I'd like a table for four at half past seven.",
    "Where can I park my car?", "How much is a room for two nights?", "Can I bring my dog?",
    "I need an appointment on the third of May.", "Room two hundred and six, please.",
    "It costs twenty five dollars and fifty cents.", "I'm looking for the doctor.",
    "Are you open on Christmas Day?", "Could you speak a little slower?",
    "Is there a bus from the airport?", "We are five people, two adults and three children.",
    "What time is breakfast?", "I have been waiting for ten minutes.", "No, I mean next Friday at nine.",
    "Do you have a room with a view?", "I lost my umbrella yesterday.", "Thank you, goodbye.",
    "Can I pay by card?", "My flight lands at 10:45 in the evening.", "It was booked in June 2026.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    kind: str
    """Empty where nothing is private."""
    start: int = 0
    """The first character of what is private; `end` is that after its last."""
    end: int = 0
    how: str = ""
    """In figures, in words ..."""


def sentences(count: int, seed: int = 1) -> Iterator[Sentence]:
    """The same ones each time; a sixth holds nothing private, a quarter is written as an engine without
    capitals and full stops writes it."""
    from faker import Faker

    chance = random.Random(seed)
    names = Faker(["en_US", "en_GB", "de_DE", "es_ES", "en_IN", "fr_FR"])
    names.seed_instance(seed)
    makers: Sequence[tuple[str, Callable[[], tuple[str, str, str]]]] = (
        ("card", lambda: _card(chance)),
        ("phone", lambda: _phone(chance)),
        ("e-mail", lambda: _email(chance, names)),
        ("name", lambda: _name(chance, names)),
    )
    for number in range(count):
        if number % 6 == 5:
            yield _plain(chance, Sentence(chance.choice(PLAIN), ""))
            continue
        kind, make = makers[number % 4]
        private, how, network = make()
        lead = chance.choice(LEADS[kind]).replace("{network}", network)
        start = lead.index("{}")
        text = lead.replace("{}", private)
        yield _plain(chance, Sentence(text, kind, start, start + len(private), how))


def _plain(chance: random.Random, sentence: Sentence) -> Sentence:
    """As it is, or without capitals, and a comma for what else there is."""
    if chance.random() > 0.25:
        return sentence
    text = sentence.text.lower()
    return Sentence(
        text.rstrip(".?"), sentence.kind, sentence.start, min(sentence.end, len(text)), sentence.how
    )


def _card(chance: random.Random) -> tuple[str, str, str]:
    network, (starts, lengths) = chance.choice(list(CARDS.items()))
    number = chance.choice(starts)
    length = chance.choice(lengths)
    number += "".join(chance.choice("0123456789") for _ in range(length - 1 - len(number)))
    number = next(number + last for last in "0123456789" if luhn(number + last))
    how, text = _said(chance, number, 4)
    return text, how, network


def _phone(chance: random.Random) -> tuple[str, str, str]:
    digit = "".join(chance.choice("0123456789") for _ in range(10))
    written = chance.choice(
        (
            f"({digit[:3]}) {digit[3:6]}-{digit[6:]}",
            f"+1 {digit[:3]} {digit[3:6]} {digit[6:]}",
            f"+44 20 {digit[:4]} {digit[4:8]}",
            f"0{digit[:3]} {digit[3:]}",
            f"{digit[:3]}-{digit[3:7]}",
            f"{digit[:3]}.{digit[3:6]}.{digit[6:]}",
        )
    )
    if chance.random() < 0.4:
        return written, "figures", ""
    how, text = _said(chance, "".join(c for c in written if c.isdecimal()), 3)
    return text, how, ""


def _said(chance: random.Random, number: str, group: int) -> tuple[str, str]:
    """A number as people dictate it."""
    groups = [number[i : i + group] for i in range(0, len(number), group)]
    words = {str(value): name for name, value in ONES.items() if name != "oh"}
    zero = chance.choice(("zero", "oh"))
    spell: Callable[[str], str] = lambda part: " ".join(zero if c == "0" else words[c] for c in part)  # noqa: E731
    how = chance.choice(("figures", "one by one", "in groups", "in pairs", "doubled", "said in figures"))
    match how:
        case "figures":
            return how, chance.choice(("", " ", "-")).join(groups)
        case "one by one":
            return how, spell(number)
        case "in groups":
            return how, ", ".join(map(spell, groups))
        case "in pairs":
            pairs = [number[i : i + 2] for i in range(0, len(number), 2)]
            said = [
                spell(each) if each[0] == "0" or len(each) == 1 else say_number(int(each)) for each in pairs
            ]
            return how, " ".join(said)
        case "doubled":
            return how, _doubled(number, spell)
    return how, chance.choice((" ", "-", ", ")).join(number)


def _doubled(number: str, spell: Callable[[str], str]) -> str:
    said, i = [], 0
    while i < len(number):
        twice = number[i : i + 2] == 2 * number[i]
        said.append(f"double {spell(number[i])}" if twice else spell(number[i]))
        i += 1 + twice
    return " ".join(said)


def _email(chance: random.Random, names: Any) -> tuple[str, str, str]:
    address = names.ascii_free_email() if chance.random() < 0.6 else names.ascii_company_email()
    return (address, "written", "") if chance.random() < 0.5 else (say_email(address), "spoken", "")


def _name(chance: random.Random, names: Any) -> tuple[str, str, str]:
    first, last = names.first_name(), names.last_name()
    how = chance.choice(("first and last", "first and last", "last", "first"))
    if how == "last":
        return f"{chance.choice(('Mr', 'Mrs', 'Doctor'))} {last}", "title and last", ""
    return (f"{first} {last}" if how == "first and last" else first), how, ""
