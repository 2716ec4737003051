"""Names of people in what was said: after what leads to a name, by lists of first and last names, and by
capitals where others do not stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

from appliance.slots.lexer import Context, Token, has, word
from appliance.slots.names import PARTICLES, STOPS, TITLES, find_names
from appliance.slots.spelling import runs

SURE = 0.85
"""From which a name that something led to is one."""

SPELLED = 3
"""Letters said one by one that are taken for a name."""

WORDS = frozenset(
    "a aide alpha also amber an and angel angelic angle anything appointment are art as at august aura"
    " autumn barb basil be bee bell belle berry best bill birdie black blossom bong book booking brain"
    " brandy breakfast brook brooks brown buck bud buddy bunny buster but by call can candy car caramel"
    " card carol carry chance change charity chase cherish cherry chi chin china church city clerk cliff"
    " close code come conception cook coral coy crystal cut daisy dale dawn day dean delta dentist desire"
    " destiny diamond dimple dinner dirk doctor dot drew dung dusty early earnest east ebony echo else"
    " emerald end era eve everything fairy faith fanny fast father fawn field fine first flowers foot for"
    " forest foster four frank free french friday from full gala gale garland garnet gay gene genesis"
    " genie ginger give glory go golden good grace grant gray green guest guy ha hall hand hang hank"
    " harmony have hazel he heath help her herb here hi high hill him his holly home honey hope hotel hour"
    " house how hue hung hunter i if in is it ivory ivy jade jewel joy june junior just karma key kind"
    " king kit know lacy lady lance lane last late laurel lea lean leave lee left let liberty lien light"
    " like lily line little live loan long look lord lore love low lunch ma magnolia main major make man"
    " manual many maple margarita marina marine mark market marquis marry marvel mason massage may me mean"
    " melody mercy merry message meta mi mid miles min mine miss misty monday money month moon more"
    " morning my name new next nice night noble north not note nothing nova now nu number numbers nurse of"
    " off office old olive omega on one opal open or order our out over pa page pansy park parking part"
    " past pasty patience pay pearl penny people phone ping piper place please point pool poor porter post"
    " power precious price prince princess promise prudence queen question rain rainey raven ray real reed"
    " rest rich right ring road rocky roman room rose royal ruby rusty sage same sandy sang saturday say"
    " scarlet season seat see send set shad she sherry shin short show sierra sign silver single small so"
    " sol some something son song soon sound south sparkle spring stand star start stay sterling stop"
    " storm stormy story street strong summer sun sunday sung sunny sunshine sure table take tam tan"
    " tanner tawny taxi tea tell temple ten tequila thank that the them then there they this thursday"
    " tiara time tiny to today tomorrow trinity true try tuesday two van velvet very vi viola violet visit"
    " viva wait walk wall wan want ward was water way we wednesday week well wen west what when where"
    " which white who why will willow wind windy winter wise with wood word work would yen yes yon you"
    " young your yuk".split()
)
"""Words that are names too: they are one only after a first name, or after what leads to a name."""

CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july"
    " august september october november december christmas easter day i i'm i'd i'll i've ok okay hello hi"
    " hey thanks yes no english european american british french german spanish italian visa mastercard"
    " express diners discover jcb maestro unionpay".split()
)
"""What has a capital and is no name."""


SAYING = frozenset(
    "told said says asked asks called calls calling came comes coming wants wanted needs needed has had"
    " was were is will would can could gave knows lives works tell ask took takes going gone left"
    " speaking here there today yesterday now again also about with from in at on to for and or that who"
    " please thanks thank".split()
)
"""What somebody does, and what else follows a name."""

AFTER = ("speaking", "is the name", "is my name", "on the line")
"""What follows a name of the caller's own."""


KIN = frozenset("wife husband son daughter mother father brother sister partner friend mum mom dad".split())
ANYBODY = frozenset(
    "somebody someone anybody anyone nobody everybody everyone others reception receptionist manager boss"
    " colleague colleagues staff team noon midnight lunch dinner free construction control myself ourselves"
    " themselves both they he she people".split()
)
"""Who stands where a name does, and has none."""
MOST_NAMES = 3
"""Words of a name between what leads to it and what follows."""


def people(heard: Sequence[Token], context: Context, asked: bool = False) -> Iterator[tuple[int, int]]:
    """First and last token of every name, the last not in it. `asked`: whether a name was what was asked
    for."""
    yield from _led_to(heard, context, asked)
    yield from _between(heard)
    yield from _listed(heard)
    yield from _spelled(heard)


def _led_to(heard: Sequence[Token], context: Context, asked: bool) -> Iterator[tuple[int, int]]:
    """ "my name is ...", "Mr ...", "... speaking"; where it was asked for, an answer of few words is one."""
    for found in find_names(heard, context):
        inside = heard[found.start : found.end]
        named = any(_first(token) or _last(token) for token in inside)
        capital = all(_capital(token) or token.word in PARTICLES for token in inside)
        plain = all(token.word in WORDS for token in inside)
        told = "name" in (token.word for token in heard[max(0, found.start - 3) : found.start])
        titled = heard[found.start].word in TITLES
        if asked or titled or (found.value.score >= SURE and (named or capital or told) and not plain):
            yield found.start, found.end
    for i in range(1, len(heard)):
        if has(heard, i, *AFTER):
            start = i
            while start > max(0, i - 3) and _open(heard[start - 1]):
                start -= 1
            if start < i:
                yield start, i


def _between(heard: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """ "could you tell ... that", "is ... in today", "... told me": a name, whichever it is."""
    for i in range(len(heard)):
        before = heard[i - 1].word if i else ""
        end = _names(heard, i)
        if end == i:
            continue
        over = end == len(heard) or heard[end].paused
        led = (
            (before == "tell" and has(heard, end, "that", "i", "i'm", "to"))
            or (before == "is" and has(heard, end, "in today", "in now", "there", "in the office"))
            or (before in ("hello", "hi") and has(heard, end, "here"))
            or (before in ("with", "to") and i > 1 and heard[i - 2].word in ("spoke", "spoken", "talked"))
            or (over and before == "under" and i > 1 and heard[i - 2].word in ("it's", "its", "is", "booked"))
            or (over and before == "for" and i > 1 and heard[i - 2].word in ("it", "that"))
            or (over and before in KIN and i > 1 and heard[i - 2].word in ("my", "his", "her", "our"))
            or (not i and has(heard, end, "told me", "asked me", "said i", "sent me"))
            or (
                not i
                and over
                and end == i + 2
                and _capital(heard[0])
                and _capital(heard[1])
                and _pairs(heard)
            )
        )
        if led:
            yield i, end


def _names(heard: Sequence[Token], i: int) -> int:
    """The token after one to three words from i on that may be a name for all that is known."""
    end = i
    while end < min(len(heard), i + MOST_NAMES) and not (end > i and heard[end].paused):
        token = heard[end]
        known = _last(token) if end > i else _plain(token.word) in first_names()
        common = token.word in STOPS or token.word in SAYING or token.word in ANYBODY or _dated(token)
        if token.word != "-" and (common or not (_open(token) or known)):
            break
        end += 1
    return end


def _pairs(heard: Sequence[Token]) -> bool:
    """Whether the first two words are a first name and a last one of the lists."""
    return _plain(heard[0].word) in first_names() and _last(heard[1])


def _listed(heard: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """A first name, and what follows it; or words with capitals that stand where nothing else has any."""
    written = any(token.text.islower() for token in heard)
    i = 0
    while i < len(heard):
        token = heard[i]
        begins = _first(token) or (_capital(token) and written and _alone(heard, i))
        end = _rest(heard, i + 1, _plain(token.word) in first_names()) if begins else i
        if not begins and not written and _pair(heard, i):
            end = _rest(heard, i + 2, True)
        if end > i:
            yield i, end
        i = max(end, i + 1)


def _alone(heard: Sequence[Token], i: int) -> bool:
    """Whether a word has its capital for no other reason than that it is a name."""
    token, after = heard[i], heard[i + 1] if i + 1 < len(heard) and not heard[i + 1].paused else None
    if _dated(token) or len(token.word) == 1:
        return False
    surname = after is not None and _capital(after) and _last(after) and not _dated(after)
    if token.word in WORDS:
        return surname and _plain(token.word) in first_names()
    if i and not token.paused:
        return True
    ends = i + 1 == len(heard) and i > 1
    another = after is not None and bool(i) and _capital(after) and _open(after)
    return surname or another or ends or word(heard, i + 1) in SAYING


def _pair(heard: Sequence[Token], i: int) -> bool:
    """Whether these two are all that was said, or nearly."""
    two = heard[i : i + 2]
    return len(heard) <= 4 and len(two) == 2 and all(_capital(token) and _open(token) for token in two)


def _rest(heard: Sequence[Token], i: int, first: bool) -> int:
    """The token after the last names that begin at i, behind a first name that is in the list, or another."""
    begun = i
    while i < len(heard) and not heard[i].paused:
        token = heard[i]
        joined = token.word in PARTICLES and i + 1 < len(heard) and _capital(heard[i + 1])
        after = _capital(token) or _last(token) or (first and i == begun)
        surname = first and _capital(token) and _last(token) and not _dated(token)
        if not (token.word == "-" or joined or surname or (after and _open(token))):
            break
        i += 1
    return i


def _open(token: Token) -> bool:
    """Whether this may be a name for all that is known."""
    plain = token.word in WORDS or _dated(token) or token.word in STOPS or token.word in SAYING
    return token.word.replace("'", "").isalpha() and len(token.word) > 1 and not plain


def _spelled(heard: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Letters, one by one."""
    for run in runs(heard, digits=False):
        strong = any(sign.strong for sign in run)
        if len(run) >= SPELLED and (strong or len(run) > SPELLED):
            yield run[0].start, run[-1].end


def _dated(token: Token) -> bool:
    """Whether it has its capital as days and months have."""
    return token.word in CALENDAR or token.word.removesuffix("s") in CALENDAR


def _capital(token: Token) -> bool:
    return token.text[:1].isupper()


def _first(token: Token) -> bool:
    return _plain(token.word) in first_names() and token.word not in WORDS


def _last(token: Token) -> bool:
    return _plain(token.word) in last_names()


def _plain(name: str) -> str:
    """Without accents, as the lists are."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


@cache
def first_names() -> frozenset[str]:
    """Those of the US census of 1990; more than five thousand."""
    return _census("dist.male.first", "dist.female.first")


@cache
def last_names() -> frozenset[str]:
    return _census("dist.all.last")


def _census(*files: str) -> frozenset[str]:
    folder = resources.files("names")
    lines = [line for file in files for line in (folder / file).read_text().lower().splitlines()]
    return frozenset(re.split(r"\s", line)[0] for line in lines if line)
