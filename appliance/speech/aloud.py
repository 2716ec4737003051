"""Written lines as people read them aloud: numbers, times, money, addresses and abbreviations in words, names
as the desk file says they sound, and where a voice pauses or slows down. English."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.slots.dates import say_year
from appliance.slots.emails import say_email
from appliance.slots.numbers import say_money, say_number, say_ordinal
from appliance.slots.spelling import say_code
from appliance.spoken import SOUNDLESS, say_digits

ELLIPSIS = 0.6
"""Seconds of silence where a line has three dots."""

SLOWER = 0.88
"""Pace of a sentence in which there is something to note down."""

PORTION = re.compile(r".{1,300}(?:(?<=[.?!])\s+|$)|.{1,300}(?:\s+|$)|.{300}", re.DOTALL)
"""What is looked at together: up to 300 characters, to the end of a sentence where there is one."""

KEPT = 0xE000
"""Where Unicode's private characters begin; each stands for something that is not to be touched again."""

MONTHS = {
    "jan": "January", "feb": "February", "mar": "March", "apr": "April", "may": "May", "jun": "June",
    "jul": "July", "aug": "August", "sep": "September", "sept": "September", "oct": "October",
    "nov": "November", "dec": "December",
}  # fmt: skip
DAYS = {
    "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "thu": "Thursday",
    "thur": "Thursday", "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
COINS = {"$": "dollar", "£": "pound", "€": "euro", "USD": "dollar", "GBP": "pound", "EUR": "euro"}
SCALES = {"k": "thousand", "m": "million", "bn": "billion"}
UNITS = {
    "km": "kilometre", "m": "metre", "cm": "centimetre", "mm": "millimetre", "kg": "kilogram", "g": "gram",
    "mg": "milligram", "ml": "millilitre", "l": "litre", "mi": "mile", "ft": "foot", "lb": "pound",
    "lbs": "pound", "oz": "ounce", "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute",
    "mins": "minute", "sec": "second", "secs": "second", "kb": "kilobyte", "mb": "megabyte",
    "gb": "gigabyte",
}  # fmt: skip
SHORT = {
    "e.g.": "for example", "i.e.": "that is", "etc.": "and so on", "approx.": "approximately",
    "vs.": "versus", "incl.": "including", "excl.": "excluding", "tel.": "telephone",
    "appt.": "appointment", "dept.": "department", "bldg.": "building", "apt.": "apartment",
    "rm.": "room", "max.": "maximum", "w/o": "without", "a.m.": "A M", "p.m.": "P M", "jr.": "Junior",
    "sr.": "Senior", "inc.": "Incorporated", "ltd.": "Limited", "asap": "as soon as possible",
}  # fmt: skip
TITLES = {
    "mr": "Mister",
    "mrs": "Missus",
    "ms": "Miz",
    "dr": "Doctor",
    "prof": "Professor",
    "rev": "Reverend",
}
STREETS = {"st": "Street", "rd": "Road", "ave": "Avenue", "blvd": "Boulevard", "ln": "Lane", "dr": "Drive"}
SIGNS = {"&": "and", "+": "plus", "=": "equals", "@": "at"}
HALVES = {"½": "a half", "¼": "a quarter", "¾": "three quarters"}

MONTH = "|".join({*MONTHS, *map(str.lower, MONTHS.values())})
DAY = "|".join(DAYS)
SHORTS = "|".join(map(re.escape, SHORT))
SCALE = "|".join((*SCALES, *SCALES.values()))
HEAT = {"": "", "C": " Celsius", "F": " Fahrenheit"}
DIGITS = r"\d[\d,]*(?:\.\d+)?"
YEAR = r"(?:1[6-9]|20)\d\d"
ENDINGS = r"com|org|net|edu|gov|info|io|co\.uk|uk|de|eu|ie|ca|au|us"
PATH = r"(?P<path>(?:/[\w./-]*\w)?/?)(?!\w)"
EXACT = re.RegexFlag(0)
CLOCK = r"(?P<h>\d{1,2})(?:[:.](?P<m>[0-5]\d))?"
PART = r"\s*(?P<part>[ap])(?:m\b|\.\s?m\b(?:\.(?!\s*$|\s+(?-i:[A-Z])))?)"

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said in one breath."""

    text: str
    """Words and punctuation; [[...]] holds phonemes of the International Phonetic Alphabet."""
    pace: float = 1.0
    pause: float = 0.0
    """Seconds of silence after it."""


class Aloud:
    """`pronounce` says how names sound: by another spelling, or by phonemes between slashes. A name written
    with a capital is met with that capital only, or in capitals throughout. `pause` is the silence after a
    sentence, in seconds."""

    def __init__(self, pronounce: Mapping[str, str] | None = None, pause: float = 0.25) -> None:
        self._pause = pause
        self._pronounce = dict(pronounce or {})
        names = sorted(self._pronounce, key=len, reverse=True)
        pattern = "|".join(_written(name) for name in names)
        self._names = re.compile(rf"(?<!\w)({pattern})('s)?(?!\w)", re.IGNORECASE) if names else None

    def sayings(self, text: str) -> list[Saying]:
        """A line, breath by breath. Nothing in it is taken for phonemes but what `pronounce` holds."""
        return [saying for portion in PORTION.findall(text) for saying in self._portion(portion)]

    def _portion(self, text: str) -> list[Saying]:
        kept: list[str] = []

        def keep(words: str) -> str:
            kept.append(words)
            return chr(KEPT + len(kept) - 1)

        text = "".join(" " if unicodedata.category(c) in SOUNDLESS and c != "°" else c for c in text)
        text = re.sub(r"[\[\]]", " ", text).replace("’", "'")
        if self._names:
            text = self._names.sub(lambda name: self._sounds(name[1], name[2] or "", keep), text)
        names = len(kept)
        for pattern, say in NOTED:
            text = pattern.sub(lambda found, say=say: keep(say(found)), text)  # type: ignore[misc]
        for pattern, say in READ:
            text = pattern.sub(say, text)
        sayings = []
        for words, pause in _breaths(" ".join(text.split()), self._pause):
            noted = any(KEPT + names <= ord(c) < KEPT + len(kept) for c in words)
            restored = "".join(kept[ord(c) - KEPT] if KEPT <= ord(c) < KEPT + len(kept) else c for c in words)
            sayings.append(Saying(restored, SLOWER if noted else 1.0, pause))
        return sayings

    def _sounds(self, written: str, ending: str, keep: Callable[[str], str]) -> str:
        alike = " ".join(written.split())
        for name, sounds in self._pronounce.items():
            if alike == name or (alike.lower() == name.lower() and (name.islower() or alike.isupper())):
                if not sounds.startswith("/"):
                    return keep(sounds + ending)
                phonemes = sounds[1:-1].strip()
                return keep(f"[[{phonemes}{_possessive(phonemes) if ending else ''}]]")
        return written + ending


def _possessive(phonemes: str) -> str:
    last = phonemes.rstrip("ːˈˌ")[-1:]
    return "ɪz" if last in "szʃʒ" else "s" if last in "ptkfθ" else "z"


def _written(name: str) -> str:
    return r"\s+".join(re.escape(word) for word in name.split())


def _breaths(text: str, pause: float) -> list[tuple[str, float]]:
    """The sentences of what has no more abbreviations, and the silence after each."""
    found = []
    for part in re.split(r"(?<=[.?!…])\s+|(?<=…)(?=\w)", re.sub(r"\.{3,}", "…", text)):
        words = part.strip()
        if any(c.isalnum() or KEPT <= ord(c) < 0xF900 for c in words):
            found.append((words.replace("…", "."), ELLIPSIS if words.endswith("…") else pause))
        elif "…" in words and found:
            found[-1] = found[-1][0], ELLIPSIS
    return [*found[:-1], (found[-1][0], 0.0)] if found else []


def _phone(found: re.Match[str]) -> str:
    """In the groups in which it is written; a long one in groups of three."""
    groups = re.findall(r"\d+", found["number"])
    said = ", ".join(say_digits(group, 4 if len(group) in (4, 8) else 3) for group in groups)
    said = f"plus {said}" if found["number"].startswith("+") else said
    return f"{said}, extension {say_digits(found['ext'])}" if found["ext"] else said


def _web(found: re.Match[str]) -> str:
    spelled = found["host"].lower().replace("www.", "w w w dot ").replace(".", " dot ").replace("-", " dash ")
    path = found["path"].strip("/").replace("/", " slash ").replace("-", " dash ").replace(".", " dot ")
    return f"{spelled} slash {path}" if path else spelled


def _labelled(found: re.Match[str]) -> str:
    label = "extension" if found["label"].lower().startswith("ext") else found["label"]
    value = found["value"].upper()
    return f"{label}{found['is']} {say_digits(value) if value.isdigit() else say_code(value)}"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["h"]), int(found["m"] or 0)
    part = (found.groupdict().get("part") or "").lower()
    if hour > 24 or (part and not 1 <= hour <= 12) or (hour == 24 and minute):
        return found[0]
    if not part and (hour % 24, minute) == (0, 0):
        return "midnight"
    if not part and (hour, minute) == (12, 0):
        return "noon"
    part = part or ("p" if hour > 12 else "a" if hour == 0 or found["h"].startswith("0") else "")
    named = say_number((hour - 1) % 12 + 1)
    if minute:
        named += f" oh {say_number(minute)}" if minute < 10 else f" {say_number(minute)}"
    elif not part:
        named += " o'clock"
    return f"{named} {part.upper()} M" if part else named


def _money(found: re.Match[str]) -> str:
    currency = COINS[found["sign"]]
    amount = float(found["sum"].replace(",", ""))
    if scale := found["scale"]:
        return f"{_amount(found['sum'])} {SCALES.get(scale.lower(), scale.lower())} {currency}s"
    return say_money(amount, currency)


def _month(name: str) -> str:
    return MONTHS.get(name.lower().rstrip("."), name.capitalize())


def _day_month(found: re.Match[str]) -> str:
    year = f" {say_year(int(found['year']))}" if found["year"] else ""
    if not 1 <= int(found["day"]) <= 31:
        return found[0]
    article = "" if found["the"] else "the "
    return f"{found['the'] or ''}{article}{say_ordinal(int(found['day']))} of {_month(found['month'])}{year}"


def _month_day(found: re.Match[str]) -> str:
    year = f", {say_year(int(found['year']))}" if found["year"] else ""
    if not 1 <= int(found["day"]) <= 31:
        return found[0]
    return f"{_month(found['month'])} {say_ordinal(int(found['day']))}{year}"


def _iso(found: re.Match[str]) -> str:
    year, month, day = (int(part) for part in found[0].split("-"))
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found[0]
    return f"the {say_ordinal(day)} of {list(dict.fromkeys(MONTHS.values()))[month - 1]} {say_year(year)}"


def _amount(written: str) -> str:
    """A number in words: "1,250.5" is one thousand two hundred and fifty point five."""
    whole, _, fraction = written.replace(",", "").partition(".")
    if len(whole) > 12 or (len(whole) > 1 and whole.startswith("0") and not fraction):
        return say_digits(whole + fraction)
    decimals = f" point {say_digits(fraction, len(fraction))}" if fraction else ""
    return say_number(int(whole)) + decimals


def _count(found: re.Match[str]) -> str:
    unit, number = UNITS[found["unit"].lower()], found["number"]
    if unit == "foot":
        return f"{_amount(number)} {'foot' if number == '1' else 'feet'}"
    return f"{_amount(number)} {unit}{'' if number == '1' else 's'}"


def _year(found: re.Match[str]) -> str:
    return say_year(int(found["n"]))


def _years(found: re.Match[str]) -> str:
    return f"{_year(found)} to {say_year(int(found['to']))}"


def _bare(found: re.Match[str]) -> str:
    number = found[0].rstrip(",")
    return _amount(number) + found[0][len(number) :]


def _ordinal(found: re.Match[str]) -> str:
    number = int(found["n"])
    if number < 100:
        return say_ordinal(number) if number else found[0]
    rest = number % 100
    hundreds = say_number(number - rest)
    return f"{hundreds} and {say_ordinal(rest)}" if rest else f"{hundreds}th"


def _rule(pattern: str, say: Callable[[re.Match[str]], str], flags: re.RegexFlag = re.IGNORECASE) -> Rule:
    return re.compile(pattern, flags), say


NOTED: tuple[Rule, ...] = (
    _rule(r"[\w.+-]+@(?:[\w-]+\.)+[a-z]{2,}", lambda found: say_email(found[0].lower())),
    _rule(rf"(?:https?://)?(?P<host>(?:www\.)?(?:[a-z0-9-]+\.)+(?:{ENDINGS}))\b{PATH}", _web),
    _rule(
        r"\b(?P<label>ext(?:ension)?\.?|code|pin|reference|flight|password|booking)"
        r"(?P<is>(?: (?:number|is|no\.))*:?) (?P<value>(?=[a-z]*\d)[a-z0-9]{2,12})\b(?![.:,]\d)",
        _labelled,
    ),
    # Seven figures at least, in groups or not; no date, no sum, no span of years.
    _rule(
        rf"(?<![\w$£€.,:/-])(?!{YEAR} ?[-–] ?{YEAR}\b)(?!\d{{4}}-\d\d-\d\d\b)"
        r"(?P<number>\+?\(?\d(?:[ ().-]{0,2}\d){6,14})(?:,? ?(?:ext\.?|extension|x) ?(?P<ext>\d{1,6}))?"
        r"(?![\w%]|[.,:]\d)",
        _phone,
    ),
    _rule(r"\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{4,12}\b", lambda found: say_code(found[0]), EXACT),
)
"""What people write down: it is said slowly."""

READ: tuple[Rule, ...] = (
    _rule(r"\b24/7\b", lambda found: "twenty four seven"),
    _rule(r"\b\d{4}-\d\d-\d\d\b", _iso),
    _rule(rf"\b(?P<n>{YEAR}) ?[-–] ?(?P<to>{YEAR})\b", _years),
    _rule(
        rf"\b({DAY})\b\.?(?= ?[-–,]| (?:to|and|or|through)\b| \d)|(?<=[-–])({DAY})\b",
        lambda found: DAYS[found[0].lower().rstrip(".")],
    ),
    _rule(
        rf"(?P<the>\bthe )?\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?(?P<month>{MONTH})\b\.?(?!')"
        rf"(?:,? (?P<year>{YEAR})\b)?",
        _day_month,
    ),
    _rule(
        rf"\b(?P<month>{MONTH})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:|\.\d)(?:,? (?P<year>{YEAR})\b)?",
        _month_day,
    ),
    _rule(
        rf"(?<=\d)\s*[-–]\s*(?=\d)|(?<=day)\s?[-–]\s?(?={DAY})|(?<=\d[ap]m)\s?[-–]\s?(?=\d)",
        lambda found: " to ",
    ),
    _rule(rf"\b{CLOCK}{PART}(?!\w)", _time),
    _rule(r"(?<![\d:.,])\b(?P<h>\d{1,2}):(?P<m>[0-5]\d)\b(?!:)(?: ?h\b)?", _time),
    _rule(rf"(?P<sign>[$£€])\s?(?P<sum>{DIGITS})(?:\s?(?P<scale>{SCALE}))?\b", _money),
    _rule(rf"\b(?P<sum>{DIGITS})(?P<scale>)\s?(?P<sign>€|£|USD|GBP|EUR)(?!\w)", _money),
    _rule(rf"(?P<n>{DIGITS})\s?%", lambda found: f"{_amount(found['n'])} percent"),
    _rule(r"(?<=\d)\s?°\s?(?P<scale>[CF]?)\b", lambda found: f" degrees{HEAT[found['scale'].upper()]}"),
    _rule(rf"(?<![\w.])(?P<number>{DIGITS})\s?(?P<unit>{'|'.join(UNITS)})\b(?!')", _count),
    _rule(r"\b(?P<n>\d{1,3})(?:st|nd|rd|th)\b", _ordinal),
    _rule(rf"(?<=\b(?:in|of|by) )(?P<n>{YEAR})\b(?![,.]\d)", _year),
    _rule(rf"(?<=\b(?:since|until) )(?P<n>{YEAR})\b(?![,.]\d)", _year),
    _rule(r"(?:\bno\.|#)\s?(?=\d)", lambda found: "number "),
    _rule(
        r"\b(?P<letters>[A-Z]{1,2})(?P<n>\d{1,3})\b",
        lambda found: f"{' '.join(found['letters'])} {_amount(found['n'])}",
        EXACT,
    ),
    _rule(rf"(?<![\w.]){DIGITS}(?!\w)", _bare),
    _rule("|".join(HALVES), lambda found: f" {HALVES[found[0]]} "),
    _rule(
        rf"\b(?P<title>{'|'.join(map(str.capitalize, TITLES))})\.? (?=[A-Z\ue000-\uf8ff])",
        lambda found: f"{TITLES[found['title'].lower()]} ",
        EXACT,
    ),
    _rule(
        rf"(?<=[a-z] )(?P<name>[A-Z][\w']* )(?P<kind>{'|'.join(map(str.capitalize, STREETS))})\b"
        r"(?:(?P<end>\.)(?=\s*$| [A-Z])|\.?)",
        lambda found: found["name"] + STREETS[found["kind"].lower()] + (found["end"] or ""),
        EXACT,
    ),
    _rule(r"\bSt\.? (?=[A-Z])", lambda found: "Saint ", EXACT),
    _rule(rf"(?<!\w)(?:{SHORTS})(?!\w)", lambda found: SHORT[found[0].lower()]),
    _rule(r"[&=+@]", lambda found: f" {SIGNS[found[0]]} "),
    _rule(r"\s*[–—]\s*|\s+-+\s|--+|\s*[()]\s*", lambda found: ", "),
    _rule(r"(?:\s*,)+\s*(?=[.?!,…]|$)|^[\s,]+", lambda found: ""),
)
"""What is read, from the special to the plain."""
