"""Books again and again, and is killed at random moments. `killed FILE ROUNDS SEED` prints what it found."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.actions import Outcome, Runner
from appliance.memory.events import EventLog
from appliance.memory.store import Store

NOW = datetime(2026, 7, 13, 8, 0, tzinfo=UTC)
WHOLE_DAY = {
    "monday tuesday wednesday thursday friday saturday sunday".split()[i]: ["00:00-23:59"] for i in range(7)
}
SETTINGS = {"calendar": {"hours": WHOLE_DAY, "slot": 5, "capacity": 5, "ahead": 100_000}}


def arguments(number: int) -> dict[str, Any]:
    """One wish that fits nowhere but into its own place."""
    day, slot = divmod(number, 200)
    at = datetime.combine(date(2026, 7, 14) + timedelta(days=day), datetime.min.time()) + slot * timedelta(
        minutes=5
    )
    return {
        "day": at.date().isoformat(),
        "time": f"{at:%H:%M}",
        "name": f"Wish {number}",
        "phone": str(number),
    }


def run(runner: Runner, conversation: str, confirmation: int, wish: dict[str, Any]) -> Outcome:
    return runner.run(
        conversation=conversation, flow="book 1", confirmation=confirmation, action="calendar.book",
        arguments=wish, level="caller",
    )  # fmt: skip


def work(path: Path, first: int, told: int) -> None:
    """First what was confirmed and not done, as the next start would; then new wishes, until killed."""
    store = Store(path, lambda: NOW)
    log, runner = EventLog(store), Runner(store, SETTINGS)
    runner.recover()
    os.write(told, b"ready\n")
    for conversation in log.open_conversations():
        events = log.read(conversation)
        confirmed = next((event for event in events if event.kind == "confirmed"), None)
        if confirmed:
            outcome = run(runner, conversation, confirmed.id, dict(confirmed.data["arguments"]))
            os.write(told, f"{outcome.key}\n".encode())
        log.append(conversation, "ended")
    for number in range(first, first + 1_000_000):
        conversation = f"call {number}"
        log.append(conversation, "began")
        confirmation = log.confirm(conversation, "calendar.book", arguments(number), "Book it?")
        outcome = run(runner, conversation, confirmation, arguments(number))
        os.write(told, f"{outcome.key if outcome.ok else 'NOT OK ' + outcome.why}\n".encode())
        log.append(conversation, "ended")


def life(path: Path, first: int, seconds: float, ready: bool = True) -> list[str]:
    """One life of the desk, ended by SIGKILL so many seconds after it was born or ready; the keys of the
    outcomes that it told before."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            work(path, first, writing)
        finally:
            os._exit(1)
    os.close(writing)
    told = b""
    while ready and not told.endswith(b"\n"):
        chunk = os.read(reading, 65536)
        assert chunk, "it ended before it was ready"
        told += chunk
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended before it was killed"
    while chunk := os.read(reading, 65536):
        told += chunk
    os.close(reading)
    return [line for line in told.decode().splitlines() if line != "ready"]


def between(path: Path) -> bool:
    """Whether the kill fell between a yes and its outcome."""
    store = Store(path, lambda: NOW)
    rows = store.read(
        """select 1 from event as yes where kind = 'confirmed' and not exists (
            select 1 from event where kind = 'outcome' and conversation = yes.conversation)"""
    )
    store.close()
    return bool(rows)


def main(path: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    told = life(path, (rounds + 20) * 1000, 1.0)
    longest = max(0.03, 3 / max(1, len(told)))  # Three bookings, however slow this machine is just now.
    interrupted = 0
    for number in range(rounds):
        told += life(path, number * 1000, chance.uniform(0, longest), chance.random() < 0.75)
        interrupted += between(path)
    for number in range(rounds, rounds + 20):  # What the last kills left is finished by one that lives on.
        told += life(path, number * 1000, 1.0)
        store = Store(path, lambda: NOW)
        left = [each for each in EventLog(store).open_conversations() if int(each.split()[1]) < rounds * 1000]
        store.close()
        if not left:
            break
    store = Store(path, lambda: NOW)
    outcomes = [json.loads(data) for (data,) in store.read("select data from event where kind = 'outcome'")]
    booked = store.read("select name, count(*) from appointment where state = 'booked' group by name")
    confirmed = store.read(
        """select json_extract(data, '$.arguments.name') from event as yes where kind = 'confirmed'
            and conversation in (select conversation from event where kind = 'ended')"""
    )
    print(
        json.dumps(
            {
                "rounds": rounds,
                "killed_between_yes_and_outcome": interrupted,
                "confirmed": len(confirmed),
                "told": len(told),
                "not_ok": [line for line in told if line.startswith("NOT OK")],
                "told_but_lost": sorted(set(told) - {each["key"] for each in outcomes if each["ok"]}),
                "twice": [name for name, times in booked if times > 1],
                "confirmed_but_lost": sorted({name for (name,) in confirmed} - {name for name, _ in booked}),
                "booked_without_outcome": sorted(
                    {name for name, _ in booked}
                    - {each["arguments"]["name"] for each in outcomes if each["ok"]}
                ),
                "outcomes": len(outcomes),
                "damage": store.read("pragma integrity_check")[0][0],
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
