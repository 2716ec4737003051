"""What a caller does rather than tells: agrees, declines, corrects, asks again, wants out. English."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal

from appliance.slots.lexer import LONGEST, SWEARING, Token, tokens

Act = Literal[
    "yes",
    "no",
    "repeat",
    "back",
    "cancel",
    "person",
    "help",
    "thanks",
    "goodbye",
    "hello",
    "wait",
    "correct",
    "none",
]

# Templates: (a|b) is one of them, [a] may be left out. Apostrophes do not count.
PLAIN: dict[Act, tuple[str, ...]] = {
    "yes": (
        "(yes|yeah|yep|yup|yea|yah|ya|aye|yessir|uh huh|mhm|mm hmm|mmhmm|mm hm|affirmative|absolutely"
        "|certainly)",
        "(sure|okay|ok|alright|all right|definitely|of course|exactly|precisely) [thing]",
        "i agree", "(that is|thats) what i (said|meant|want)",
        "(that is|thats|that will be|that would be|that sounds|that looks) [all|quite"
        "|exactly|perfectly|just|absolutely] (right|correct|it|true|fine|good|great|perfect|okay|ok"
        "|lovely|wonderful)",
        "(that|it) (works|suits me|will do) [for me|fine]", "[yes] you[ve] (got it|got that) [right]",
        "(you are|youre) (right|correct)", "(please|yes) do [it|that|so]",
        "go (ahead|for it|right ahead)",
        "do (it|that|so)", "no (problem|problems|worries|objection|objections) [at all]", "why not",
        "by all means", "i (think|believe|guess|suppose|hope) so", "be my guest", "with pleasure",
        "fine (by|with) me",
    ),
    "no": (
        "(no|nope|nah|naw|nuh uh|uh uh|mm mm|negative|never)", "no (thanks|thank you) [very much]",
        "no (way|sir|maam|need)",
        "(absolutely|certainly|definitely|of course|please) not", "(id|i would) rather not",
        "not (really|at all|now|today|yet|quite|this time|right|exactly|correct|particularly"
        "|necessarily)",
        "i (dont|do not) (think so|believe so|want to|want that|want it|wish to|need to|need that|need"
        " it)",
        "(that is|thats|that was|it is|its|you are|youre|you got it|you got that) [all|completely|quite"
        "|still] (wrong|incorrect|not right|not correct|not it|not true|not what i said|not what i"
        " meant|not what i want|not me)",
        "(it|that) (isnt|is not|doesnt|does not|wasnt|wont) (right|correct|it|work|suit me|me)",
        "[please] (dont|do not) (do it|do that)", "hell no", "no no", "nada",
        "(that is|thats) a [hard|definite] no", "(that|it) (isnt|is not) (true|so|the case)",
        "(that|it) (is|would be|sounds) (false|wrong|incorrect|untrue)",
    ),
    "repeat": (
        "(can|could|would) you [please] (say|repeat) [that|it|the question] [again|once more|one more"
        " time]",
        "(say|tell me) [that|it] (again|once more|one more time)",
        "i need you to [please] repeat (that|it)",
        "repeat [that|it|the question]", "come again",
        "[sorry] what was that",
        "what did you (say|just say)", "what (was|is) the question [again]",
        "(what|how) do you mean [by that]",
        "[i|i am sorry i|im sorry i] (didnt|did not|couldnt|could not"
        "|cant|cannot) (hear|catch|get|understand) [you|that|it|what you said|that last part]",
        "(once|one) more [time]",
        "i beg your pardon", "sorry (what|i missed that)",
        "(can|could|would) you [please] (say|repeat) (the|that|my) (number|reference|code|time|day|date|name"
        "|address) [again|once more]",
        "(what was|whats|say|repeat|tell me|give me) (the|that|my) (number|reference|code|time|day|date"
        "|address) (again|once more|one more time)",
    ),
    "back": (
        "[can we|can you|lets|let us|i want to|can i] go back [one|a step|one step|one question]",
        "(the|go to the) previous (question|step|one)", "(one|a) step back", "step back",
        "undo (that|it)",
    ),
    "cancel": (
        "never mind [that|it]", "nevermind", "forget [about] (it|that|the whole thing|everything)",
        "i[ve| have] changed my mind", "shut up", "stop talking",
        "(abort|halt|cancel) (the|this|current|the current) (process|action|command)",
    ),
    "person": (
        "[to] (speak|talk) (to|with) [a|an|the|some|another|your] [real|live|actual|human] (person"
        "|human|human being|agent|operator|representative|receptionist|somebody|someone|anybody|anyone"
        "|member of staff|manager|nurse|secretary|assistant|colleague|owner)",
        "(get|get me|give me|transfer me to|connect me to|connect me with|put me through to|want|need"
        "|have|like) (a|an|the) [real|live|actual|human] (person|human|human being|agent|operator"
        "|representative|receptionist|manager)",
        "a (real|live|actual) (person|human|human being|agent)",
    ),
    "thanks": (
        "(thanks|thank you|ta|cheers|much obliged|many thanks) [so much|very much|a lot|a million|again"
        "|indeed]",
        "i appreciate (it|that|your help)", "(i am|im) (grateful|thankful)", "you have been a big help",
        "(thanks|thank you) for (your|the) help",
    ),
    "goodbye": (
        "(goodbye|good bye|bye bye|bye|farewell|cheerio|good night|goodnight)",
        "see (you|ya) (later|soon|then|around)",
        "have a (nice|good|great|lovely) (day|one|evening|weekend|afternoon)", "nothing else",
        "(that is|thats|that will be|thatll be) (all|everything) [for now|for today|i need|i needed]",
        "hang up", "talk (later|to you later)",
        "[it was|was] (nice|good|great) (talking|to talk|speaking|to speak) (to|with) you",
    ),
    "hello": (
        "(hello|hi|hey|howdy|hiya|greetings|good morning|good afternoon|good evening|good day) [there|again]",
        "(how are you|whats up|hows it going|how are things) [today|with you]",
    ),
    "wait": (
        "[wait|hang on|hold on|please] (just|give me) (a|one) (moment|second|minute|sec|minute please)",
        "[please] (wait|hang on|hold on|hold the line) [for] (a|one) [little] (moment|second|minute|sec|bit)",
        "[wait|hang on|hold on] let me (get|grab|find|fetch|check|look at|look for|look up) (my|the|a|it)"
        " [calendar|diary|pen|paper|phone|glasses|card|number|reference|code|papers|passport]",
        "(i have to|i need to|i must) (look|check|find it|look it up|look for it)",
        "bear with me", "i am (thinking|looking)", "im (thinking|looking)", "i need a (moment|second|minute)",
    ),
    "correct": (
        "[no|sorry|no sorry|wait|no wait|actually|no actually] (i mean|i meant|i said|i actually meant"
        "|i actually said|make it|make that|change it to|change that to|lets make it|lets say|it should"
        " be|its actually|rather)",
        "(wait|actually|oops|hang on|hold on|scratch that|correction|or rather|sorry) [no|wait|sorry"
        "|actually]",
        "(no|nope|nah) (wait|sorry|actually|its|it is|it should be|hang on|hold on)",
    ),
    "none": (
        "i [really] (dont|do not|didnt) [really] (know|remember|care|mind)",
        "(im|i am) not [really|so|quite] sure",
        "not [so|too|really|quite] sure", "[i have] no (idea|clue|number|preference|name|email|one)",
        "not bad",
        "maybe [not]", "perhaps [not]", "no matter", "nobody", "yes (or|and) no", "i cant (remember|say)",
        "not me",
        "i dont understand", "i (am|m) here", "ok google",
    ),
}  # fmt: skip
"""What counts wherever an utterance begins with it."""

ALONE: dict[Act, tuple[str, ...]] = {
    "yes": (
        "(right|correct|indeed|true|good|great|perfect|lovely|fine|wonderful|please|go on|it is|o k"
        "|thats me|excellent)",
        "[yes|yeah] i (do|am|would|will|did|can|have|agree|confirm)", "(sounds|thats) good", "all good",
        "you bet", "it (does|will)",
        "(id|i would) (love|like) (to|that)",
    ),
    "no": (
        "(neither|nothing|false|wrong|incorrect|dont|not)",
        "i (dont|do not|am not|cant|cannot|wont|would not|wouldnt|have not|havent|didnt)",
        "im (not|good)",
        "it (isnt|is not|doesnt|does not)", "(rather|maybe|perhaps|probably|better) not",
    ),
    "repeat": ("(what|sorry|pardon|pardon me|huh|eh|excuse me|again|im sorry|come again|what is that)",),
    "back": ("(back|previous|back up|undo|the last question)",),
    "wait": (
        "[no|oh] (wait|hang on|hold on|hold the line)", "(one|a) (moment|second|minute|sec)",
        "let me (think|see|check|look|have a look)", "(wait wait|wait hang on|hang on hang on)",
    ),
    "cancel": (
        "(cancel|stop|scrap) (that|it|this|everything|the whole thing)", "drop it",
        "(leave|keep) (it|that|them|everything|the appointment|my appointment|the booking|my booking"
        "|the table|my table) [as it is|as they are|the way it is]",
        "(dont|do not) cancel [it|that|anything]",
        "start (over|again)", "(cancel|stop|abort|halt|quit|forget|end|exit|enough)",
    ),
    "person": (
        "[a|an|the] (agent|human|operator|person|representative|receptionist|human being|somebody"
        "|someone|staff|manager|reception|front desk|customer service|real person)",
        "is (there a person|there anyone|there anybody|anyone there|anybody there|someone there) [there]",
    ),
    "help": (
        "help [me]", "(options|menu)", "what can (i|you) (say|do|ask)", "what are (my|the) (options|choices)",
        "how does this work", "(im|i am) (lost|stuck|confused)", "i (dont|do not) know what to (say|do)",
        "i need [some] help", "can you help [me]",
    ),
    "goodbye": ("see (you|ya)", "(i need|i have|ive got) to go [now]"),
}  # fmt: skip
"""What counts only where nothing is said besides, or after a pause: "right" agrees, "right turn" does"
" not."""

ASKING = frozenset(
    "can could may i we want to need would like id rather let me just wanna please is it possible".split()
)
"""Words before a wish for a person."""
LEADS = SWEARING | frozenset(
    "um uh umm er erm hmm hm mm ah well oh so please and hey look then now just".split()
)
TAILS = LEADS | frozenset("there sir maam too".split())
JOINTS = frozenset("but and only just then please though so except".split())
REASONS = frozenset("that because cause since im i ive theres we were".split())
DEEPEST = 4
"""Acts in one utterance that are looked at."""
FIRM = frozenset("yes yeah yep yup correct".split())


def act(text: str, agreeing: bool = False) -> tuple[Act, str]:
    """What the caller does, and what remains of the text: "yes but at four" is ("yes", "at four"), "no,
    Thursday" is ("correct", "Thursday"), "not Tuesday, Wednesday" ("correct", "not Tuesday, Wednesday").
    ("none", text) where the caller tells something. A "no" with something after it that holds no value of the
    slot that was asked is to be taken for a plain no. `agreeing`: a yes counts though a goodbye follows."""
    plain = re.sub(r"(?i)\b(damn|fuck|screw) (it|this)\b", r"\1", " ".join(text[:LONGEST].split()))
    said, end = _begin(heard := tokens(plain, fillers=True))
    if agreeing and said == "yes" and act(rest := _remains(plain, heard, end))[0] == "goodbye":
        return "yes", rest
    return _act(plain, 0)


def stands_alone(text: str) -> bool:
    """Whether it begins with an act. What people put behind what they said, as "please", is none."""
    courtesy = all(_bare(token) in TAILS for token in tokens(text, fillers=True))
    return not courtesy and act(text)[0] not in ("none", "thanks")


def idle(text: str) -> bool:
    """Whether it says nothing yet: "um, well"."""
    heard = tokens(text, fillers=True)
    return bool(heard) and all(_bare(token) in LEADS for token in heard)


def thanks(text: str) -> bool:
    """Whether it is thanks, too: "okay, thank you"."""
    heard = tokens(text, fillers=True)
    return any(_known(heard, i)[0] == "thanks" for i in range(len(heard)))


def _act(text: str, depth: int) -> tuple[Act, str]:
    heard = tokens(text, fillers=True)
    said, end = _begin(heard)
    if said == "none" or depth > DEEPEST:
        return "none", text
    rest = _remains(text, heard, end)
    if not rest:
        return (said, "") if said != "correct" else ("none", text)
    more = _act(rest, depth + 1)
    match said:
        case "yes":
            gone = more[0] in ("no", "back", "goodbye", "person", "repeat", "help")
            dropped = more[0] == "cancel" and _word(rest) in ("never", "nevermind", "forget")
            return more if gone or dropped else ("yes", rest)
        case "no":
            return _declined(rest, more)
        case "correct" if _word(rest) == "not":
            return "correct", rest
        case "wait":
            return more if more[0] != "none" else ("correct", rest)
        case "correct" | "hello" | "thanks":
            return more if more[0] != "none" else (said, rest)
    return said, rest


def _declined(rest: str, more: tuple[Act, str]) -> tuple[Act, str]:
    """A no, and what follows it: a reason, another wish, or the value that should have been."""
    match more[0]:
        case "yes":
            return more if _word(rest) in FIRM or _plain(rest).startswith("thats right") else ("no", more[1])
        case "no" | "thanks" | "hello":
            return "no", more[1]
        case "none":
            evades = _known(tokens(rest, fillers=True), 0)[1] > 0
            return ("no" if evades or _word(rest) in REASONS else "correct", rest)
    return more


def _begin(heard: Sequence[Token]) -> tuple[Act, int]:
    """The act that the text begins with, and the token after its last."""
    i = 0
    while (known := _known(heard, i)) == ("none", i) and i < len(heard) and _bare(heard[i]) in LEADS:
        i += 1
    said, end = known
    if known == ("none", i) and i + 1 < len(heard) and _bare(heard[i]) == "not":
        return "correct", i
    wished = i
    while said == "none" and end == i and wished < len(heard) and _bare(heard[wished]) in ASKING:
        wished += 1
        if (asked := _known(heard, wished))[0] == "person":
            return asked
    if said == "none":
        return "none", i
    while end < len(heard):
        at = end
        while at < len(heard) and _bare(heard[at]) in TAILS:
            at += 1
        more, after = _known(heard, at)
        same = more == said or (more == "thanks" and said != "hello")
        if not same or after == at or said == "correct":
            break
        end = after
    return said, end


def _known(heard: Sequence[Token], i: int) -> tuple[Act, int]:
    """The longest phrase that stands at i."""
    bare = tuple(_bare(token) for token in heard[i : i + _MOST])
    for count in range(len(bare), 0, -1):
        if (found := _ALONE.get(bare[:count])) and _ends(heard, i + count, found):
            return found, i + count
        if found := _WHEREVER.get(bare[:count]):
            return found, i + count
    return "none", i


def _ends(heard: Sequence[Token], i: int, said: Act) -> bool:
    """Whether a phrase that must stand alone does."""
    if i >= len(heard):
        return True
    if said in ("yes", "no") and (
        (heard[i].paused and _bare(heard[i - 1]) != "please")
        or _bare(heard[i]) in ("but", "thanks", "thank", "yes", "yeah")
    ):
        return True
    rest = [_bare(token) for token in heard[i:]]
    while rest and rest[0] in TAILS:
        rest = rest[1:]
    return not rest or _WHEREVER.get(tuple(rest)) in ("thanks", said) or _ALONE.get(tuple(rest)) == said


def _remains(text: str, heard: Sequence[Token], end: int) -> str:
    """What follows, without the words that only join it on; "" where it is no more than politeness."""
    first = end
    while first < len(heard) and _bare(heard[first]) in JOINTS | LEADS:
        first += 1
    if all(_bare(token) in TAILS for token in heard[first:]):
        return ""
    return text[heard[first].start :].strip(" ,;:") if first < len(heard) else ""


def _bare(token: Token) -> str:
    return token.word.replace("'", "")


def _word(text: str) -> str:
    return next(iter(_plain(text).split()), "")


def _plain(text: str) -> str:
    return " ".join(_bare(token) for token in tokens(text, fillers=True))


def _expanded(template: str) -> Iterator[tuple[str, ...]]:
    parts: list[tuple[str, ...]] = []
    for some, maybe, plain in re.findall(r"\(([^)]*)\)|\[([^\]]*)\]|([^()\[\]]+)", template):
        parts.append(tuple(some.split("|")) if some else ("", *maybe.split("|")) if maybe else (plain,))
    for choice in product(*parts):
        yield tuple("".join(choice).split())


def _table(acts: dict[Act, tuple[str, ...]]) -> dict[tuple[str, ...], Act]:
    return {
        phrase: said
        for said, templates in acts.items()
        for each in templates
        for phrase in _expanded(each)
        if phrase
    }


_WHEREVER = _table(PLAIN)
_ALONE = _table(ALONE)
_MOST = max(map(len, [*_WHEREVER, *_ALONE]))
