"""Whether somebody speaks another language than the desk: by the small words that every sentence has."""

from __future__ import annotations

import re

SMALL = {
    "German": (
        "ich du er wir ihr der die das ein eine einen einem einer und oder aber nicht kein keine ist sind "
        "bin hast habe haben hat wird werden wo wann wie warum wer bitte danke guten tag morgen abend für "
        "mit von zu zum zur auf im dem den des mir mich sie uns auch noch hier heute möchte kann können "
        "muss gibt es mein meine meinen ja nein hallo schon sehr uhr"
    ),
    "French": (
        "je tu il elle nous vous ils le la les un une des du et ou mais ne pas est sont suis avez avoir "
        "où quand comment pourquoi qui quoi que quel quelle bonjour bonsoir merci plaît pour avec dans "
        "sur au aux ce cette mon ma mes votre vos oui non voudrais peux peut puis fait très aussi ici ai "
        "venir viens vient voir venu madame monsieur sans heure salut rendez l'heure c'est j'ai s'il qu'est"
    ),
    "Spanish": (
        "yo tú él ella nosotros usted ustedes el la los las un una unos unas y o pero no es son soy está "
        "están tengo tiene dónde donde cuándo cuando cómo como qué que quién quien hola buenos buenas "
        "días tardes noches gracias por favor para con de del en al mi su sí quiero quisiera puedo puede "
        "hay muy también aquí hora cita necesito hablar"
    ),
    "Italian": (
        "io tu lui lei noi voi il lo la gli le uno una e ma non è sono hai ho avete dove quando come "
        "perché chi che cosa buongiorno buonasera grazie per favore con del della di nel al mio mia "
        "vorrei posso può molto anche qui ora ciao sì"
    ),
    "Portuguese": (
        "eu você ele ela nós o os as um uma e mas não é são sou está tenho tem onde quando como quem olá "
        "bom boa dia tarde noite obrigado obrigada por para com do da em no na meu minha sim quero "
        "gostaria posso pode há muito também aqui hora"
    ),
    "Dutch": (
        "ik jij hij wij het een en of maar niet geen is zijn ben heb heeft waar wanneer hoe waarom wie "
        "wat alstublieft dank goedemorgen goedendag voor met van op mijn uw kan moet graag ook hier "
        "vandaag ja nee naar wil"
    ),
}

SINGLE = frozenset(
    "hola bonjour bonsoir merci danke gracias buongiorno grazie obrigado guten buenos hallo salut olá "
    "möchte voudrais quisiera vorrei gostaria graag sprechen spreche parlez hablo habla falo français "
    "español deutsch italiano português nederlands".split()
)
"""Words that tell a language alone."""

ENGLISH = frozenset(
    "a an the and or but not no is are am was were be been i you he she we they it me my your his her "
    "our their this that these those there here what when where who why how which do does did can "
    "could will would shall should may might must have has had in on at to of for from with by about "
    "into if so as than then please thank thanks hello hi yes want need like get go any some one "
    "need's i'm it's don't what's i'd".split()
)

ASKED = re.compile(
    r"\b(?:do|can|does|could)\b.{0,30}\bspeak (?:any |some )?(?:german|french|spanish|italian|dutch"
    r"|portuguese|polish|turkish|arabic|russian|chinese|japanese|korean|hindi|urdu|ukrainian|greek|czech"
    r"|danish|swedish)\b",
    re.IGNORECASE,
)
"""A question for another language, asked in English."""

QUESTION = re.compile(
    r"\s*(?:and |but |so |well,? |oh,? |wait,? )*(?:what|when|where|who|whose|how|why|which|is|are|do|does"
    r"|did|can i|can you|could you|will (?:it|you|i|we|they|he|she|that|this|there|the)|would you|have you)"
    r"\b.*\s\w+|.*\?\s*$",
    re.IGNORECASE | re.DOTALL,
)

SWORN = re.compile(
    r"\b(?:for (?:fuck|christ|god|heaven|pete)'?s sake|(?:the |god)?(?:fuck(?:ing?|in')?|damn(?:ed)?)"
    r"|(?:(?<=what )|(?<=where )|(?<=when )|(?<=who )|(?<=how )|(?<=why ))the hell"
    r"|bloody (?=[a-z]+ ?))\b,?\s*",
    re.IGNORECASE,
)

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")

WORDS = {language: frozenset(words.split()) - ENGLISH for language, words in SMALL.items()}


def asks(text: str) -> bool:
    """Whether it is a question."""
    return QUESTION.match(text) is not None


def unsworn(text: str) -> str:
    """The text without the swearing in it; as it is where nothing else is left."""
    return " ".join(SWORN.sub("", text).split()) or text


def foreign(text: str) -> bool:
    """True for a sentence that is surely not English; a name or a single borrowed word makes none."""
    if ASKED.search(text):
        return True
    words = [word.lower() for word in _WORD.findall(text.replace("’", "'"))]
    if not words:
        return False
    if sum(_elsewhere(word) for word in words) > len(words) / 2:
        return True
    if len(words) <= 4 and SINGLE & set(words) and len(ENGLISH & set(words)) <= 1:
        return True
    known = max(({*words} & own for own in WORDS.values()), key=len)
    small, english = (sum(word in those for word in words) for those in (known, ENGLISH))
    return len(known) >= 2 and small / len(words) >= 0.4 and small > english


def _elsewhere(word: str) -> bool:
    """Whether it is written in letters that are not Latin."""
    return any(ord(c) > 0x24F and not 0x1E00 <= ord(c) <= 0x1EFF for c in word)
