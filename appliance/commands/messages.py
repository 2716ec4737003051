"""`appliance messages`: what callers left for people, and what the desk could not answer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from appliance import config
from appliance.memory.store import Store

LEFT = {
    "messages": """select at, text, name, phone, recipient from message
        where state <> 'withdrawn' order by id""",
    "calls to make": "select at, about, name, phone, '' from callback where state = 'open' order by id",
    "notices": "select at, text, '', '', recipient from notice order by id",
    "unanswered questions": "select at, text, '', '', '' from unanswered order by id",
}
"""When (UTC, ISO 8601), what, whose name and number, and for whom."""


def messages(box_path: Path | None) -> int:
    """Print each kind, oldest first, with the time of this place."""
    box, _ = config.read_box(box_path)
    path = box.data / "desk.db"
    store = Store(path) if path.exists() else None
    for number, (what, query) in enumerate(LEFT.items()):
        rows = store.read(query) if store else []
        print("\n" * (number > 0) + f"{len(rows) or 'no'} {what}")
        for at, *told in rows:
            print(f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}  {_line(*told)}")
    if store:
        store.close()
    return 0


def _line(text: str, name: str, phone: str, recipient: str) -> str:
    """ "for porter: A taxi at nine (Ann Smith, 555 0142)", with nothing in it that a terminal obeys."""
    who = ", ".join(filter(None, (name, phone)))
    said = f"{text} ({who})" if text and who else text or who
    line = f"for {recipient}: {said}" if recipient else said
    return "".join(letter if letter.isprintable() else " " for letter in line)
