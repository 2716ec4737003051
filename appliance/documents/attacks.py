"""Text that speaks to the machine instead of to people. A document is only ever text; what tries to be more
is not read out, and the manager is told."""

from __future__ import annotations

import re
import unicodedata

PARTS = {
    "machine": r"(?:assistant|chat ?bot|bot|(?:chat ?)?gpt|llm|a\.?i|(?:language )?model|system|machine|"
    r"robot|"
    r"computer|(?:voice |virtual |digital |phone )?agent|(?:virtual|digital|automated) \w+)s?",
    "orders": r"(?:instruction|direction|rule|prompt|guideline|order|command|polic|programming|"
    r"constraint|safeguard|restriction|filter)\w*",
    "drop": r"(?:ignor|disregard|forget|overrid|overwrit|bypass|discard|neglect|"
    r"abandon)\w*",
    "before": r"(?:previous|above|prior|earlier|preceding|your|all|any|other|existing|system|former|"
    r"foregoing|"
    r"original|these|those|safety)",
    "caller": r"(?:caller|visitor|guest|user|patient|customer|person|people|client|anyone|everyone|everybody|"
    r"someone|somebody|whoever)s?",
    "say": r"(?:say|answer|tell|reply|respond|repeat|reveal|claim|announce|output|print|pretend|recite|"
    r"state)",
    "do": r"(?:say|answer|tell|reply|respond|repeat|reveal|claim|announce|confirm|offer|read|speak|transfer|"
    r"open|send|give|ignore|call|book|cancel|delete|unlock|obey|comply|refuse)",
    "must": r"(?:must|should|shall|ought to|has to|have to|is to|are to|needs? to|is required to|will "
    r"now|may)",
}

_ATTACKS = tuple(
    re.compile(re.sub(r"<(\w+)>", lambda name: PARTS[name[1]], pattern), re.IGNORECASE)
    for pattern in (
        # away with the orders there are, here are new ones
        r"\bstop (?:obey|follow)\w*\b[^.!?]{0,20}\b<orders>",
        r"\b<drop>\b[^.!?]{0,40}\b<before>\b[^.!?]{0,30}\b<orders>",
        r"\b<drop>\b.{0,30}\b(?:everything|anything|all|what)\b.{0,30}\b(?:above|before|told|know|said|"
        r"learn)",
        r"\b(?:new|updated|secret|hidden|real) <orders>\b.{0,30}(?:follow|obey|apply|replace|for|:)",
        r"\b(?:follow|obey|execute)\b.{0,40}\b<orders>\b.{0,40}\b(?:instead|only|from now)\b",
        r"\byour (?:\w+ )?(?:prompt|instructions|programming|guidelines|developers?|configuration)\b",
        r"\b(?:system|developer|hidden|initial) (?:prompt|message|override|instruction)",
        r"\bend of (?:the )?(?:prompt|instructions|document|context)\b|\bprompt injection\b",
        # who the machine is to be
        r"\b(?:act|behave|speak|talk) as (?:if|though|an?)\b.{0,40}\b(?:<machine>|no (?:rules|limits)|"
        r"admin\w*)\b",
        r"\b(?:pretend|imagine|role ?play|suppose)\b.{0,15}\byou\b",
        r"\byou are (?:now|no longer|an? (?:\w+ ){0,2}<machine>)\b",
        r"\bfrom now on\b.{0,20}\b(?:you|<do>|always|never|every answer|act|speak|treat)\b",
        r"\bas an? (?:a\.?i\b|<machine>)|\blarge language model|\blanguage model\b",
        # what it is to say
        r"\b(?:note|message|attention|memo|dear|hey|hello|notice)\b[ ,:]*(?:to|for)?[ ,]*(?:the|any|all|"
        r"every)? ?"
        r"<machine>\b",
        r"\b<machine>\b.{0,30}\b<must>\b.{0,25}\b<do>\b",
        r"^\W*<machine>\s*[:,]\s*(?:please )?(?:<do>|you|ignore|always|never)\b",
        r"\b(?:desk|receptionist|reader of this)\b.{0,20}\b<must>\b.{0,20}\b<say>\b.{0,30}\b(?:that|:|"
        r"\"|with)",
        r"\b(?:if|when|whenever|once)\b.{0,25}\b(?:asks?|asked|asking|wants? to know)\b.{0,90}\b<say>\b",
        r"\b(?:tell|inform|assure|convince|promise)\b (?:all |every |each |the |any |our )*(?:<caller>|"
        r"them)\b",
        r"\b(?:do not|don't|never)\b.{0,20}\b(?:tell|inform|mention|reveal|admit)\w*\b.{0,20}\b<caller>\b",
        r"^\W*(?:(?:please|now|then|always|just|simply|instead|and|only|immediately)[, ]+)*<say>\b[ ,:]*"
        r"(?:that|with|only|exactly|your|this|every|all|to|\"|“|'|yes|no|in|after|about|everyone|me)",
        r"^\W*(?:please )?(?:reveal|output|print|recite|repeat|disclose) (?:the|all|every)\b",
        r"\b(?:always|only) <say>\b|\b<say> (?:only|exactly|always|after me)\b",
        r"\b<say> (?:the (?:word|phrase|text|sentence|following)|with (?:the|a) (?:word|phrase|text))",
        # what it is to do
        r"\b(?:call|invoke|execute|trigger|run|use)\b (?:the )?(?:\w+\.\w+|\w+_\w+|tool|function|action|"
        r"api)\b",
        r"\b(?:transfer|forward|send|e-?mail|read out|reveal|give|list)\b.{0,30}\b(?:all|every|each) "
        r"(?:the |of )?"
        r"(?:<caller>|names|numbers|messages|appointments|calls|data|records|passwords)\b",
        r"\bunlock the (?:\w+ )?door\b.{0,20}\b(?:for|now|immediately)\b",
        r"\bjail ?break|\b(?:developer|debug|god|admin\w*) (?:mode|override|access)\b|\bdo anything "
        r"now\b|\bsudo\b",
        r"\bdrop table\b|\bdelete from \w+|\bselect \* from\b",
        # the marks that models read as somebody else's turn
        r"</?\s*(?:system|assistant|user|human|instructions?|prompt)\b[^>]*>|\[/?(?:INST|SYS\w*)\]|<\|"
        r".{0,20}\|>",
        r"^\W*(?:system|assistant|user|human)\s*:|#{2,}\s*(?:system|instructions?|response|human|"
        r"assistant)\b",
    )
)

_LOOKALIKES = str.maketrans("аеорсухіѕԁ0134@$", "aeopcyxisdoieaas")
_HALF_DIGITS = re.compile(r"[a-z][0134@$]|[0134@$][a-z]")
_SPACED = re.compile(r"\b(?:\w[ .\-_*]){3,}\w\b")


def addresses_machine(text: str) -> bool:
    """True where a text gives orders to whoever reads it by machine."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).replace("’", "'"))
    plain = " ".join("".join(c for c in plain if not unicodedata.combining(c)).lower().split())
    joined = _SPACED.sub(lambda run: re.sub(r"[ .\-_*]", "", run[0]), plain)
    forms = {plain, joined}
    if not plain.isascii() or _HALF_DIGITS.search(plain):
        forms.add(plain.translate(_LOOKALIKES))
    return any(attack.search(form) for form in forms for attack in _ATTACKS)
