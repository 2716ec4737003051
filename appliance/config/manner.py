"""How a desk speaks, as desk.toml has it: pace, pauses, and how names sound."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

PHONEMES = frozenset({"Ll", "Lm", "Lo", "Mn"})
"""Unicode categories of phonemes and the marks on them; no capitals, figures or signs."""


@dataclass(frozen=True, slots=True)
class VoiceManner:
    """How the desk speaks."""

    pace: float = 1.0
    """1.2 is a fifth faster. What people note down is always said more slowly."""
    pause: float = 0.25
    """Seconds of silence after a sentence. Three dots in a line are a longer one."""

    def __post_init__(self) -> None:
        check_pace(self.pace)
        if not 0 <= self.pause <= 2:
            raise ValueError(f"has pause = {self.pause}", "0 to 2 seconds")


def check_pace(pace: float) -> None:
    if not 0.5 <= pace <= 2:
        raise ValueError(f"has pace = {pace}", "0.5 (half as fast) to 2 (twice as fast)")


def check_sounds(name: str, sounds: str) -> None:
    """Raises ValueError where a name, or how it sounds, is nothing that can be said."""
    place = ("pronounce", name)
    if not any(c.isalnum() for c in name) or not any(c.isalnum() for c in sounds):
        raise ValueError("has no sound", 'write it as Nguyen = "win"', place)
    if not sounds.startswith("/"):
        return
    phonemes = sounds[1:-1]
    if len(sounds) < 3 or not sounds.endswith("/"):
        raise ValueError("has one slash", 'put phonemes between two, as in "/wɪn/"', place)
    strange = [c for c in phonemes if c not in " .|" and unicodedata.category(c) not in PHONEMES]
    if strange:
        mend = 'use the International Phonetic Alphabet, as in "/wɪn/"'
        raise ValueError(f"has {strange[0]!r} in its phonemes", mend, place)
