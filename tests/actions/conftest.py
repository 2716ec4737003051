from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.actions import Outcome, Runner
from appliance.memory.events import EventLog
from appliance.memory.store import Store

MONDAY = datetime(2026, 7, 13, 8, 0, tzinfo=UTC)


@dataclass
class Clock:
    moment: datetime = MONDAY

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class Desk:
    """A runner on a file of its own, and the caller's side of it."""

    store: Store
    clock: Clock
    runner: Runner
    log: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = EventLog(self.store)

    def agreed(self, action: str, conversation: str = "call", **arguments: Any) -> int:
        return self.log.confirm(conversation, action, arguments, f"Shall I do {action}?")

    def run(
        self,
        action: str,
        confirmation: int | None = None,
        conversation: str = "call",
        level: Any = "caller",
        flow: str = "1",
        **arguments: Any,
    ) -> Outcome:
        """Run an action that the caller agreed to; `confirmation` where it shall be another one."""
        yes = self.agreed(action, conversation, **arguments) if confirmation is None else confirmation
        return self.runner.run(
            conversation=conversation,
            flow=flow,
            confirmation=yes,
            action=action,
            arguments=arguments,
            level=level,
        )

    def ask(self, action: str, level: Any = "anyone", **arguments: Any) -> Outcome:
        """Run an action that needs no yes."""
        asked = self.log.append("call", "asked")
        return self.run(action, asked, level=level, **arguments)

    def booked(self) -> list[tuple[str, str]]:
        """Start and name of what is booked."""
        return [
            (start, name)
            for start, name in self.store.read(
                "select start, name from appointment where state = 'booked' order by start, id"
            )
        ]


def desk_at(folder: Path, settings: dict[str, Any] | None = None, registry: Any = None) -> Desk:
    clock = Clock()
    store = Store(folder / "desk.db", clock)
    more = {} if registry is None else {"registry": registry}
    return Desk(store, clock, Runner(store, settings, **more))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path)
    yield made
    made.store.close()
