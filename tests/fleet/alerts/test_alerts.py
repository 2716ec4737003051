"""What needs attention, from what boxes tell: by cause and site, until it is over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import ApplianceError
from appliance.fleet.alerts import alerts, attention, notices, rules
from appliance.fleet.alerts.watch import Watch
from appliance.fleet.keeping.histogram import bucket
from appliance.fleet.keeping.store import HOUR, Store
from appliance.fleet.people import audit, scope
from appliance.fleet.people.scope import Scope

DAY = 86_400_000


class Town:
    """Two sites with three boxes each, and a clock that stands until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.at = 1_790_000_000.0
        self.path = folder / "fleet.db"
        self.begin()
        with self.store.write() as db:
            for n in range(6):
                db.execute(
                    "insert into box (name, site, since, online) values (?, ?, 0, 1)",
                    (f"box-{n}", ("Alder", "Birch")[n % 2]),
                )
        self.all_speak()

    def begin(self) -> None:
        """Anew, as after the end of the program."""
        self.store = Store(self.path, lambda: self.at)
        self.watch = Watch(self.store)

    def set(self, box: int, **columns: Any) -> None:
        with self.store.write() as db:
            for name, value in columns.items():
                db.execute(f"update box set {name} = ? where name = ?", (value, f"box-{box}"))

    def all_speak(self) -> None:
        with self.store.write() as db:
            db.execute("update box set seen = ?", (self.store.now(),))

    def go(self, seconds: float, speak: bool = True, every: float = 5) -> None:
        for _ in range(round(seconds / every)):
            self.at += every
            if speak:
                self.all_speak()
            self.watch.turn()

    def open(self) -> list[tuple[str, str, int]]:
        found = alerts.listed(self.store, open_only=True)
        return sorted((each.cause, each.site, each.boxes) for each in found)

    def sent(self) -> list[tuple[str, str, int]]:
        rows = self.store.read("select what, body from delivery order by at, id")
        return [(what, json.loads(body)["site"], json.loads(body)["boxes"]) for what, body in rows]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.store.close()


def hot(degrees: float) -> str:
    return json.dumps({"temperature": degrees})


def test_where_all_is_well_nothing_is_written(town: Town) -> None:
    before = town.store.read("select count(*) from trouble")
    town.go(30)
    assert (town.open(), town.store.read("select count(*) from trouble")) == ([], before)


def test_one_cause_at_one_site_is_one_alert(town: Town) -> None:
    for box in (0, 1, 2):
        town.set(box, health=hot(85))
    town.go(65)
    assert town.open() == [("too hot", "Alder", 2), ("too hot", "Birch", 1)]
    [cause] = attention.attention(town.store)
    assert (cause["cause"], cause["boxes"], cause["sites"]) == ("too hot", 3, ["Alder", "Birch"])
    assert cause["named"] == ["box-0", "box-1", "box-2"]
    town.set(0, health=hot(70))
    town.go(310)
    assert town.open() == [("too hot", "Alder", 1), ("too hot", "Birch", 1)]
    assert alerts.listed(town.store)[0].most in (1, 2)


@pytest.mark.parametrize(
    ("columns", "cause"),
    [
        ({"health": json.dumps({"disk": 93})}, "disk nearly full"),
        ({"health": json.dumps({"memory": 97})}, "memory nearly full"),
        ({"health": json.dumps({"wear": 95})}, "eMMC nearly worn out"),
        ({"health": json.dumps({"throttled": True})}, "slowed down for heat or want of power"),
        ({"outbox": 700}, "what it tells arrives late"),
        ({"reported": json.dumps({"fine": False, "why": "no [desk]"})}, "refused the desk file"),
        ({"wanted": "bb", "desk": "aa"}, "runs another desk file than it should"),
    ],
)
def test_each_kind_of_cause(town: Town, columns: dict[str, Any], cause: str) -> None:
    town.set(3, **columns)
    town.go(310)
    assert town.open() == [(cause, "Birch", 1)]


def test_a_certificate_ends_when_it_says(town: Town) -> None:
    until = town.store.now() + 20 * DAY
    with town.store.write() as db:
        db.execute("insert into certificate (serial, box, at, until) values ('aa', 6, 0, ?)", (until,))
    town.go(5)
    assert town.open() == [("its certificate ends soon", "Birch", 1)]


def test_a_rollout_that_is_halted_is_known_to_who_sees_all(town: Town) -> None:
    with town.store.write() as db:
        db.execute("insert into bundle (version, at, name, pieces) values (1, 0, 'words', '[]')")
        db.execute(
            """insert into rollout (id, bundle, at, begins, plan, state, why)
                values (3, 1, 0, 0, '{}', 'undoing', 'callers are served worse: answered')"""
        )
    town.go(5)
    [cause] = attention.attention(town.store)
    assert (cause["cause"], cause["why"]) == ("rollout 3 was halted", "callers are served worse: answered")
    assert attention.attention(town.store, Scope(frozenset({"north"}))) == []
    with town.store.write() as db:
        db.execute("update rollout set state = 'failed', ended = ?", (town.store.now() - 2 * DAY,))
    town.go(10)
    assert town.open() == []


def test_who_says_nothing_is_missed_and_welcomed_back(town: Town) -> None:
    town.go(170, speak=False)
    assert town.open() == []
    town.go(10, speak=False)
    assert town.open() == [("not heard from", "Alder", 3), ("not heard from", "Birch", 3)]
    town.go(20)
    assert len(town.open()) == 2
    town.go(20)
    assert town.open() == []


def test_parts_that_are_off_calls_that_fail_and_answers_that_are_late(town: Town) -> None:
    now = town.store.now()
    with town.store.write() as db:
        db.execute("insert into fault values (1, 'gsm is off', ?, 'no modem')", (now,))
        db.execute("insert into fault values (1, 'too hot', ?, '')", (now,))
        for box, failed in ((2, 3), (3, 1)):
            db.execute("insert into outcome values (?, ?, 'answered', 22)", (now // DAY, box))
            db.execute("insert into outcome values (?, ?, 'failed', ?)", (now // DAY, box, failed))
        for box, late in ((4, 6), (5, 2)):
            for wait, n in ((400, 94), (2000, late)):
                db.execute(
                    "insert into latency values (?, ?, ?, ?, ?)",
                    (box, HOUR, now // HOUR * HOUR, bucket(wait), n),
                )
        db.execute("insert into certificate (serial, box, at) values ('aa', 6, ?)", (now - 705 * DAY,))
    town.go(400)
    assert town.open() == [
        ("answers come late", "Birch", 1),
        ("gsm is off", "Alder", 1),
        ("its certificate ends soon", "Birch", 1),
        ("many calls fail", "Birch", 1),
    ]
    whys = {each["cause"]: each["why"] for each in attention.attention(town.store)}
    assert whys["gsm is off"] == "no modem"
    assert whys["many calls fail"] == "3 of 25"
    assert whys["its certificate ends soon"] == "25 days left"


def test_a_rule_that_is_off_finds_nothing_any_more(town: Town) -> None:
    town.set(0, health=hot(85))
    town.go(65)
    rules.change(town.store, "temperature", {"enabled": False})
    town.go(5)
    assert town.open() == []


def test_a_route_is_told_once_when_it_has_gathered_and_once_when_it_is_over(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    town.set(0, health=hot(85))
    town.go(70)
    assert town.sent() == []
    town.set(2, health=hot(85))
    town.go(200)
    assert town.sent() == [("fired", "Alder", 1), ("grew", "Alder", 2)]
    for box in (0, 2):
        town.set(box, health=hot(60))
    town.go(310)
    assert town.sent()[2:] == [("cleared", "Alder", 0)]


def test_what_fires_together_is_one_word(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    town.go(210, speak=False)
    assert sorted(town.sent()) == [("fired", "Alder", 3), ("fired", "Birch", 3)]


def test_a_route_is_told_of_its_own_groups(town: Town) -> None:
    scope.assign(town.store, ["Alder"], "north")
    notices.add(town.store, "north-ops", "webhook", "https://example.org/hook", ["north"])
    town.go(210, speak=False)
    assert town.sent() == [("fired", "Alder", 3)]


def test_state_survives_a_restart_and_nobody_is_told_twice(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    town.set(0, health=hot(85))
    town.go(30)
    town.store.close()
    town.begin()
    # What was pending goes on to be so, and fires on time.
    town.go(35)
    assert town.open() == [("too hot", "Alder", 1)]
    town.go(20)
    before = alerts.listed(town.store)
    for _ in range(3):
        town.store.close()
        town.begin()
        town.go(20)
    assert alerts.listed(town.store) == before
    assert town.sent() == [("fired", "Alder", 1)]


def test_two_servers_that_look_at_once_make_one_alert(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    other = Watch(town.store)
    town.set(0, health=hot(85))
    for _ in range(20):
        town.go(5)
        other.turn()
    assert town.open() == [("too hot", "Alder", 1)]
    assert town.sent() == [("fired", "Alder", 1)]


def test_who_has_it_in_hand_is_written_down_and_nobody_hears_that_it_grew(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    town.set(0, health=hot(85))
    town.go(90)
    [alert] = alerts.listed(town.store)
    alerts.acknowledge(town.store, alert.id, "anna", "a fan is on its way")
    town.set(2, health=hot(85))
    town.go(90)
    [cause] = attention.attention(town.store)
    assert (cause["acked_by"], cause["note"], cause["boxes"]) == ("anna", "a fan is on its way", 2)
    assert [what for what, *_ in town.sent()] == ["fired"]
    assert [entry.what for entry in audit.entries(town.store)] == ["route.added", "alert.acknowledged"]
    with pytest.raises(ApplianceError, match="no such alert"):
        alerts.acknowledge(town.store, "nothing", "anna")


def test_a_silence_is_over_by_itself_and_then_the_word_is_sent(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    alerts.silence(town.store, "temperature", "Alder", 5, "anna", "the fan is being changed")
    for box in (0, 1):
        town.set(box, health=hot(85))
    town.go(120)
    assert town.sent() == [("fired", "Birch", 1)]
    assert [each["quiet"] for each in attention.attention(town.store)] == [False]
    town.go(200)
    assert sorted(town.sent()) == [("fired", "Alder", 1), ("fired", "Birch", 1)]
    for wrong in (("weather", "", 5), ("", "", 0), ("", "", 10**9)):
        with pytest.raises(ApplianceError):
            alerts.silence(town.store, *wrong, "anna")
    id = alerts.silence(town.store, "", "", 5, "anna")
    alerts.unsilence(town.store, id, "anna")
    assert alerts.silences(town.store) == []


def test_an_outage_at_thousands_of_sites_hides_nothing_and_is_taken_in_hand_at_once(town: Town) -> None:
    town.set(0, health=hot(85))
    town.go(65)
    with town.store.write() as db:
        db.executemany(
            "insert into box (name, site, since, online, seen) values (?, ?, 0, 0, 1)",
            [(f"far-{n}", f"Site {n}") for n in range(1_200)],
        )
    town.watch = Watch(town.store)
    town.at += 200
    town.all_speak()
    with town.store.write() as db:
        db.execute("update box set seen = 1 where name like 'far-%'")
    town.watch.turn()
    first, second = attention.attention(town.store)
    assert (first["cause"], first["boxes"], first["places"]) == ("not heard from", 1_200, 1_200)
    assert (second["cause"], second["boxes"]) == ("too hot", 1)
    assert attention.acknowledge(town.store, "silent", "not heard from", "anna", "the line") == 1_200
    first, second = attention.attention(town.store)
    assert (first["cause"], second["acked_by"], second["note"]) == ("too hot", "anna", "the line")
    with pytest.raises(ApplianceError, match="nobody has in hand"):
        attention.acknowledge(town.store, "silent", "not heard from", "anna")


def test_what_one_may_not_see_is_not_there(town: Town) -> None:
    scope.assign(town.store, ["Alder"], "north", "anna")
    town.go(210, speak=False)
    north, south = Scope(frozenset({"north"})), Scope(frozenset({"south"}))
    [seen] = attention.attention(town.store, north)
    assert (seen["sites"], seen["boxes"], seen["named"]) == (["Alder"], 3, ["box-0", "box-2", "box-4"])
    assert attention.attention(town.store, south) == []
    birch = next(each for each in alerts.listed(town.store) if each.site == "Birch")
    with pytest.raises(ApplianceError, match="no such alert"):
        alerts.acknowledge(town.store, birch.id, "ben", scope=north)
    assert attention.acknowledge(town.store, "silent", "not heard from", "ben", scope=north) == 1
    assert next(each for each in alerts.listed(town.store) if each.site == "Birch").acked is None


def test_after_90_days_what_is_over_is_forgotten(town: Town) -> None:
    town.set(0, health=hot(85))
    town.go(65)
    town.set(0, health=hot(60))
    town.go(310)
    assert len(alerts.listed(town.store)) == 1
    town.at += 91 * 86_400
    town.all_speak()
    town.watch.turn()
    assert len(alerts.listed(town.store)) == 0


def test_that_nobody_could_be_told_is_an_alert_too(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    with town.store.write() as db:
        db.execute(
            """insert into delivery
                values ('aa', '', 'ops', 'tried', '{}', ?, 0, 5, 'waiting', 'it answered 500')""",
            (town.store.now(),),
        )
    town.go(60)
    [cause] = attention.attention(town.store)
    assert (cause["cause"], cause["boxes"], cause["why"]) == (
        "alerts do not reach ops",
        0,
        "it answered 500",
    )
    [body] = town.store.read("select body from delivery where what = 'fired'")
    assert json.loads(*body)["cause"] == "alerts do not reach ops"


def test_a_server_that_was_down_misses_nobody_for_that(town: Town) -> None:
    notices.add(town.store, "ops", "webhook", "https://example.org/hook")
    town.go(60)
    for _ in range(50):
        town.at += 5
        with town.store.write() as db:
            db.execute("update box set seen = ? where id != 1", (town.store.now(),))
        town.watch.turn()
    assert town.open() == [("not heard from", "Alder", 1)]
    town.store.close()
    town.at += 3600
    town.begin()
    town.go(120, speak=False)
    # Who was missed before is missed still; who could not be heard has time to say something.
    assert town.open() == [("not heard from", "Alder", 1)]
    town.go(60, speak=False)
    assert town.open() == [("not heard from", "Alder", 3), ("not heard from", "Birch", 3)]
    assert town.sent()[0] == ("fired", "Alder", 1)


@pytest.mark.slow
def test_ten_thousand_boxes_are_looked_at_quickly(town: Town) -> None:
    health = json.dumps({"cpu": 20.5, "temperature": 55.1, "throttled": False, "memory": 48.0, "disk": 31.0})
    with town.store.write() as db:
        db.executemany(
            "insert into box (name, site, since, online, seen, health) values (?, ?, 0, 1, ?, ?)",
            [(f"more-{n}", f"Site {n % 40}", town.store.now(), health) for n in range(10_000)],
        )
    began = time.process_time()
    for _ in range(10):
        town.watch.turn()
    took = (time.process_time() - began) / 10
    print(f"{1000 * took:.0f} ms of a core for a look at 10,000 boxes")
    assert took < 0.5
