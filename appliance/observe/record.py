"""A turn as plain JSON: what was heard, decided and played, and every timestamp."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.messages import Heard, Turn, seconds


def turn_record(turn: Turn) -> dict[str, Any]:
    """All times in seconds from the start of the call; None for what did not happen."""
    heard = turn.cause if isinstance(turn.cause, Heard) else None
    spoken = turn.spoken
    clocks = {
        "speech_start": heard.start if heard else None,
        "speech_end": heard.end if heard else None,
        "turn_decided": heard.decided if heard else None,
        "transcript_final": heard.transcribed if heard else None,
        "first_text": spoken.first_text,
        "first_audio": spoken.start,
        "last_audio": spoken.end,
    }
    return {
        "call": turn.call,
        "turn": turn.number,
        "cause": type(turn.cause).__name__.lower() if turn.cause else "call",
        "heard": heard and heard.text,
        "false_ends": heard.false_ends if heard else 0,
        "confidence": heard and round(heard.confidence, 3),
        "foreseen": turn.foreseen,
        "decision": asdict(turn.decision) if turn.decision else None,
        "meant": turn.meant,
        "played": spoken.text,
        "whole": spoken.whole,
        "times": {name: None if at is None else round(seconds(at), 3) for name, at in clocks.items()},
    }
