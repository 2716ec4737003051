"""What is told of calls and of the machine; and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.memory.notebook import add_unanswered
from appliance.memory.store import Store
from appliance.memory.subject import Subject, take_out
from appliance.messages import Decision, Heard, Spoken, Turn, samples
from appliance.telemetry import wire
from appliance.telemetry.health import Sampler
from appliance.telemetry.outbox import Outbox
from appliance.telemetry.told import Discreet, Tally, redacted, turn_told


def turn(intent: str = "hours", why: str = "meant", source: str = "", heard: bool = True) -> Turn:
    cause = Heard("a secret", samples(1), samples(2), samples(2.2), samples(2.1)) if heard else None
    spoken = Spoken("another", samples(2.5), samples(4), whole=True)
    return Turn("c1", 2, cause, Decision(intent, why, source), meant="another", spoken=spoken)


def outcome(*turns: Turn, done: int = 0, busy: bool = False) -> str:
    tally = Tally("c1", "gsm", "aa")
    for each in turns:
        tally.keep(each)
    told = tally.told(samples(30), done, busy)
    for kind, data in told:
        wire.check(data, kind)
    return str(told[-1][1]["outcome"])


def test_a_turn_is_its_times() -> None:
    told = turn_told(turn())
    assert (told["wait"], told["heard"], told["decided"], told["spoke"]) == (500, 1000, 200, 1500)
    assert "secret" not in str(told)
    assert "another" not in str(told)


@pytest.mark.parametrize(
    ("turns", "more", "expected"),
    [
        ([turn()], {}, "answered"),
        ([turn()], {"done": 1}, "done"),
        ([turn()], {"busy": True}, "abandoned"),
        ([turn("unknown")], {}, "unanswered"),
        ([turn("unknown")], {"done": 1}, "done"),
        ([turn(source="desk.toml handoff")], {}, "handed"),
        ([turn("again", "deciding failed")], {"done": 1}, "failed"),
        ([turn(heard=False)], {}, "silent"),
        ([], {}, "silent"),
    ],
)
def test_how_a_call_came_out(turns: list[Turn], more: dict[str, Any], expected: str) -> None:
    assert outcome(*turns, **more) == expected


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("do you sell stamps", "do you sell stamps"),
        ("my name is ann smith do you sell stamps", "my name is … do you sell stamps"),
        ("call me at 212 555 0142 please", "call me … please"),
        ("it is five five five oh one four two", "it is …"),
        ("is Mr Jones at home in June", "is … home in …"),
        ("write to ann@example.org", "write to …"),
        ("Is the pool open", "Is the pool open"),
        ("where is the unicorn of [name] [phone]", "where is the unicorn of …"),
        ("write to [e-mail] please", "write to … please"),
    ],
)
def test_a_question_names_nobody(question: str, told: str) -> None:
    assert redacted(question) == told


def test_the_words_of_who_is_erased_are_told_no_more(tmp_path: Path) -> None:
    store = Store(tmp_path / "desk.db")
    outbox = Outbox(store)
    store.tell = Discreet(outbox, "words").put
    for call in ("one", "two"):
        add_unanswered(store, call, "do you sell stamps")
    with store.write() as db:
        take_out(db, Subject("ann", ("one",), {}))
    assert [message.data for message in outbox.next(9)] == [
        {"call": "one"},
        {"call": "two", "text": "do you sell stamps"},
    ]
    store.close()


PI = {
    "proc/uptime": "1234.5 4000.0\n",
    "proc/meminfo": "MemTotal: 8000 kB\nMemFree: 1 kB\nMemAvailable: 6000 kB\n",
    "sys/class/thermal/thermal_zone0/temp": "61200\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50004\n",
    "sys/block/mmcblk0/device/life_time": "0x02 0x03\n",
}


def machine(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_raspberry_tells_how_it_is(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path, machine(tmp_path, {**PI, "proc/stat": "cpu 100 0 0 100 0 0 0 0\n"}))
    first = sampler.sample()
    machine(tmp_path, {"proc/stat": "cpu 130 0 0 170 0 0 0 0\n"})
    second = sampler.sample()
    assert (first["cpu"], second["cpu"]) == (None, 30.0)
    assert (first["temperature"], first["throttled"], first["memory"]) == (61.2, True, 25.0)
    assert (first["wear"], first["uptime"]) == (30.0, 1234.5)
    wire.check(second, "health")


@pytest.mark.parametrize("junk", ["", "x", "cpu a b c d e f", "\n\n", "cpu 1 2 3 4 5 6 7"])
def test_a_machine_that_tells_nothing_or_nonsense_is_told_of_as_far_as_it_goes(
    tmp_path: Path, junk: str
) -> None:
    sampler = Sampler(tmp_path, machine(tmp_path, {**dict.fromkeys(PI, junk), "proc/stat": junk}))
    for _ in range(2):
        wire.check(sampler.sample(), "health")


def test_a_disk_that_is_gone_is_told_as_unknown(tmp_path: Path) -> None:
    sample = Sampler(tmp_path / "gone", machine(tmp_path, PI)).sample()
    wire.check(sample, "health")
    assert (sample["disk"], sample["free"]) == (None, None)
    assert sample["memory"] is not None


def test_this_machine_is_one() -> None:
    sample = Sampler(Path.cwd()).sample()
    wire.check(sample, "health")
    assert sample["memory"] is not None
