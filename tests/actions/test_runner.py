"""What the runner lets through, and what is left of it."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest

from appliance.actions import REGISTRY, Context, Refusal, Runner, action
from appliance.actions.worker import HANGING
from appliance.memory import store
from appliance.memory.store import Database
from tests.actions.conftest import Desk, desk_at

TUESDAY = {"day": "2026-07-14", "time": "10:00", "name": "Ann", "phone": "5550142"}


def test_a_confirmed_booking_is_there_when_its_outcome_is_told(desk: Desk) -> None:
    outcome = desk.run("calendar.book", **TUESDAY)
    assert outcome.ok
    assert outcome.result["day"] == "2026-07-14"
    assert desk.booked() == [("2026-07-14T10:00", "Ann")]


def test_the_same_yes_books_once_and_tells_the_same_again(desk: Desk) -> None:
    yes = desk.agreed("calendar.book", **TUESDAY)
    first = desk.run("calendar.book", yes, **TUESDAY)
    assert desk.run("calendar.book", yes, **TUESDAY) == first
    assert len(desk.booked()) == 1


def test_what_was_refused_is_told_again_even_if_it_would_go_now(desk: Desk) -> None:
    first = desk.run("calendar.book", **TUESDAY)
    yes = desk.agreed("calendar.book", **{**TUESDAY, "name": "Bob"})
    assert desk.run("calendar.book", yes, **{**TUESDAY, "name": "Bob"}).why == "full"
    assert desk.runner.undo(first.key).ok
    assert desk.run("calendar.book", yes, **{**TUESDAY, "name": "Bob"}).why == "full"
    assert desk.booked() == []


@pytest.mark.parametrize(
    "yes",
    [
        pytest.param(lambda desk: 4711, id="there is no such event"),
        pytest.param(lambda desk: desk.log.append("call", "heard", {"text": "yes"}), id="another kind"),
        pytest.param(
            lambda desk: desk.agreed("calendar.book", "other", **TUESDAY), id="another conversation"
        ),
        pytest.param(lambda desk: desk.agreed("calendar.cancel", **TUESDAY), id="another action"),
        pytest.param(
            lambda desk: desk.agreed("calendar.book", **{**TUESDAY, "time": "11:00"}), id="another time"
        ),
        pytest.param(
            lambda desk: desk.agreed("calendar.book", **{**TUESDAY, "phone": None}),
            id="arguments of no sense",
        ),
        pytest.param(
            lambda desk: desk.log.confirm("call", "calendar.book", TUESDAY, ""), id="no line played"
        ),
        pytest.param(
            lambda desk: desk.log.confirm(
                "call", "calendar.book", TUESDAY, "Shall I book", "Shall I book ten?"
            ),
            id="a line cut short",
        ),
        pytest.param(lambda desk: "1", id="no id at all"),
        pytest.param(lambda desk: True, id="true is not an id"),
    ],
)
def test_nothing_is_done_without_a_yes_to_exactly_that(desk: Desk, yes: Any) -> None:
    desk.log.append("call", "began")
    assert desk.run("calendar.book", yes(desk), **TUESDAY).why == "refused"
    assert desk.booked() == []
    assert desk.log.read("call")[-1].kind == "refused"


def test_what_was_played_may_hold_more_than_the_question(desk: Desk) -> None:
    yes = desk.log.confirm("call", "calendar.book", TUESDAY, "All right.  Book ten?", "Book ten?")
    assert desk.run("calendar.book", yes, **TUESDAY).ok


def test_a_yes_is_good_for_one_deed_however_the_flow_is_called(desk: Desk) -> None:
    roomy = desk_at(desk.store.path.parent, {"calendar": {"capacity": 5}})
    yes = roomy.agreed("calendar.book", **TUESDAY)
    assert roomy.run("calendar.book", yes, flow="1", **TUESDAY).ok
    assert roomy.run("calendar.book", yes, flow="2", **TUESDAY).why == "refused"
    assert len(roomy.booked()) == 1


def test_a_day_may_be_written_or_be_a_day(desk: Desk) -> None:
    yes = desk.agreed("calendar.book", **TUESDAY)
    outcome = desk.run("calendar.book", yes, **{**TUESDAY, "day": date(2026, 7, 14), "time": clock_time(10)})
    assert outcome.ok


def test_caller_id_alone_never_verifies(desk: Desk) -> None:
    desk.log.append("call", "identified", {"how": "caller_id", "number": "5550142"})
    desk.run("calendar.book", **TUESDAY)
    for claimed in ("caller", "verified", "staff"):
        assert desk.ask("calendar.mine", claimed).why == "refused"
    desk.log.append("call", "identified", {"how": "code", "number": "5550142"})
    assert desk.ask("calendar.mine", "caller").why == "refused"
    assert desk.ask("calendar.mine", "verified").why == "none"
    desk.log.append("call", "identified", {"how": "code", "person": 1})
    told = desk.ask("calendar.mine", "verified")
    assert [each["time"] for each in told.result["appointments"]] == ["10:00"]


def test_a_verified_caller_sees_no_other_number(desk: Desk) -> None:
    desk.run("calendar.book", conversation="before", **TUESDAY)
    desk.log.append("call", "identified", {"how": "code", "number": "5559999", "person": 2})
    desk.log.append("before", "identified", {"how": "code", "number": "5550142", "person": 1})
    # Saying another number afterwards does not make it one's own.
    desk.log.append("call", "identified", {"how": "said", "number": "5550142"})
    desk.log.append("call", "identified", {"how": "caller_id", "number": "5550142"})
    assert desk.ask("calendar.mine", "verified").why == "none"


def test_anyone_may_look_but_not_book(desk: Desk) -> None:
    assert desk.ask("calendar.free", day="2026-07-14").ok
    assert desk.run("calendar.book", level="anyone", **TUESDAY).why == "refused"
    assert desk.run("calendar.book", level="king", **TUESDAY).why == "invalid"


def test_one_question_may_look_at_two_days(desk: Desk) -> None:
    asked = desk.log.append("call", "asked")
    days = [desk.run("calendar.free", asked, day=day) for day in ("2026-07-14", "2026-07-15")]
    assert [each.result["day"] for each in days] == ["2026-07-14", "2026-07-15"]


def test_a_caller_cannot_fill_the_calendar(desk: Desk) -> None:
    desk.log.append("call", "identified", {"how": "caller_id", "number": "5550142"})
    desk.log.append("next", "identified", {"how": "caller_id", "number": "5550142"})
    hours = [f"{hour:02}:00" for hour in range(9, 15)]
    outcomes = [desk.run("calendar.book", **{**TUESDAY, "time": hour}) for hour in hours]
    assert [each.why for each in outcomes] == [""] * 5 + ["limit"]
    # Hanging up and calling again does not help; another caller is free to book; an hour later it is over.
    assert desk.run("calendar.book", conversation="next", **{**TUESDAY, "time": "15:00"}).why == "limit"
    assert desk.run("calendar.book", conversation="other", **{**TUESDAY, "time": "15:00"}).ok
    desk.clock.moment += timedelta(hours=1, seconds=1)
    assert desk.run("calendar.book", **{**TUESDAY, "time": "15:30"}).ok


def test_undo_gives_the_place_back_once(desk: Desk) -> None:
    yes = desk.agreed("calendar.book", **TUESDAY)
    outcome = desk.run("calendar.book", yes, **TUESDAY)
    undone = desk.runner.undo(outcome.key)
    assert undone.ok
    assert desk.booked() == []
    assert desk.runner.undo(outcome.key) == undone
    assert desk.run("calendar.book", yes, **TUESDAY).why == "undone"
    assert desk.runner.undo(undone.key).why == "refused"
    assert desk.runner.undo("nothing").why == "none"


def test_what_only_looks_cannot_be_undone(desk: Desk) -> None:
    outcome = desk.ask("calendar.free", day="2026-07-14")
    assert desk.runner.undo(outcome.key).why == "refused"


def test_an_unknown_action_is_plainly_refused(desk: Desk) -> None:
    outcome = desk.run("box.reboot")
    assert (outcome.ok, outcome.why) == (False, "invalid")
    assert "box.reboot" in outcome.result["wrong"]


@pytest.fixture
def odd() -> dict[str, Any]:
    """Actions that misbehave."""
    gate = threading.Event()
    kept = dict(REGISTRY)

    @action("odd.hang", timeout=0.1)
    def hang(context: Context) -> Mapping[str, Any]:
        """Write, hang, and go on when nobody waits any more."""
        insert(context.db, "before")
        gate.wait(10)
        insert(context.db, "after")
        return {}

    @action("odd.spin", timeout=0.1)
    def spin(context: Context) -> Mapping[str, Any]:
        """Never leave SQLite."""
        insert(context.db, "before")
        context.db.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
        )
        return {}

    @action("odd.slow", timeout=0.1)
    def slow(context: Context) -> Mapping[str, Any]:
        """Return too late."""
        gate.wait(10)
        return {"late": True}

    @action("odd.fail")
    def fail(context: Context) -> Mapping[str, Any]:
        """Write, then fail."""
        insert(context.db, "half")
        raise RuntimeError("the caller said something private")

    @action("odd.refuse")
    def refuse(context: Context) -> Mapping[str, Any]:
        """Write, then think better of it."""
        insert(context.db, "half")
        raise Refusal("closed")

    @action("odd.commit")
    def commit(context: Context) -> Mapping[str, Any]:
        """Try to end the transaction by itself."""
        insert(context.db, "half")
        context.db.execute("commit")
        return {}

    @action("odd.unplain")
    def unplain(context: Context) -> Mapping[str, Any]:
        """Return what is no JSON."""
        insert(context.db, "half")
        return {"it": object()}

    made = {name: each for name, each in REGISTRY.items() if name not in kept}
    for name in made:
        del REGISTRY[name]
    return {**made, "gate": gate}


def insert(db: Database, text: str) -> None:
    db.execute("insert into message (call, at, text) values ('', '', ?)", text)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("odd.fail", "failed"),
        ("odd.refuse", "closed"),
        ("odd.commit", "failed"),
        ("odd.unplain", "failed"),
        ("odd.spin", "timeout"),
    ],
)
def test_what_goes_wrong_leaves_nothing_but_its_outcome(
    tmp_path: Path, odd: dict[str, Any], name: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk = desk_at(tmp_path, registry=odd)
    yes = desk.agreed(name)
    outcome = desk.run(name, yes)
    assert (outcome.ok, outcome.why) == (False, why)
    assert desk.store.read("select text from message") == []
    assert desk.run(name, yes) == outcome
    assert "private" not in caplog.text


def test_a_hanging_action_is_cut_and_holds_nobody_up(tmp_path: Path, odd: dict[str, Any]) -> None:
    desk = desk_at(tmp_path, registry={**REGISTRY, **odd})
    began = time.monotonic()
    assert desk.run("odd.hang").why == "timeout"
    assert desk.run("calendar.book", **TUESDAY).ok
    assert time.monotonic() - began < 8  # It hangs for 10 s.
    odd["gate"].set()
    late = late_event(desk)
    assert late["ok"] is False
    assert desk.store.read("select text from message") == []


def test_a_late_result_is_recorded_and_told_to_nobody(tmp_path: Path, odd: dict[str, Any]) -> None:
    desk = desk_at(tmp_path, registry=odd)
    yes = desk.agreed("odd.slow")
    assert desk.run("odd.slow", yes).why == "timeout"
    odd["gate"].set()
    assert late_event(desk)["result"] == {"late": True}
    assert desk.run("odd.slow", yes).why == "timeout"


def late_event(desk: Desk) -> Mapping[str, Any]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for event in desk.log.read("call"):
            if event.kind == "late":
                return event.data
        time.sleep(0.01)
    raise AssertionError("nothing came late")


def test_two_runners_want_the_last_place_and_one_gets_it(tmp_path: Path) -> None:
    for round in range(10):
        hour = f"{9 + round // 2:02}:{30 * (round % 2):02}"
        outcomes = race(
            tmp_path, [{**TUESDAY, "time": hour, "name": name} for name in ("Ann", "Bob")], str(round)
        )
        assert sorted(each.why for each in outcomes) == ["", "full"]


def test_the_same_yes_run_twice_at_once_books_once(tmp_path: Path) -> None:
    desk = desk_at(tmp_path, {"calendar": {"capacity": 2}})
    yes = desk.agreed("calendar.book", **TUESDAY)
    outcomes = race(tmp_path, [TUESDAY, TUESDAY], yes=yes)
    assert outcomes[0] == outcomes[1]
    assert len(desk.booked()) == 1


def race(folder: Path, bookings: list[dict[str, str]], call: str = "", yes: int | None = None) -> list[Any]:
    """Book at the same time through runners that share nothing but the file."""
    desks = [desk_at(folder) for _ in bookings]
    agreed = [
        desk.agreed("calendar.book", f"call {call} {i}", **booking) if yes is None else yes
        for i, (desk, booking) in enumerate(zip(desks, bookings, strict=True))
    ]
    start = threading.Barrier(len(desks))
    outcomes: list[Any] = [None] * len(desks)

    def go(i: int) -> None:
        start.wait()
        talk = "call" if yes is not None else f"call {call} {i}"
        outcomes[i] = desks[i].run("calendar.book", agreed[i], talk, **bookings[i])

    threads = [threading.Thread(target=go, args=(i,)) for i in range(len(desks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for desk in desks:
        desk.store.close()
    return outcomes


def test_a_full_disk_does_nothing_and_says_so_and_the_same_yes_works_later(desk: Desk) -> None:
    yes = desk.agreed("calendar.book", **TUESDAY)
    held = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, held[1]))
    try:
        outcome = desk.run("calendar.book", yes, **TUESDAY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, held)
    assert (outcome.ok, outcome.why) == (False, "failed")
    assert desk.booked() == []
    assert desk.run("calendar.book", yes, **TUESDAY).ok
    assert len(desk.booked()) == 1


def test_a_file_that_another_holds_is_busy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    yes = desk.agreed("calendar.book", **TUESDAY)
    with closing(desk.store.connect()) as other:
        other.execute("begin immediate")
        assert desk.run("calendar.book", yes, **TUESDAY).why == "busy"
    assert desk.run("calendar.book", yes, **TUESDAY).ok


def test_actions_that_hang_do_not_pile_up_for_ever(tmp_path: Path, odd: dict[str, Any]) -> None:
    desk = desk_at(tmp_path, registry=odd)
    quick = {**odd, "odd.slow": replace(odd["odd.slow"], timeout=0.01)}
    desk.runner = Runner(desk.store, registry=quick)
    outcomes = [desk.run("odd.slow", conversation=f"call {i}").why for i in range(HANGING + 1)]
    odd["gate"].set()
    assert outcomes == ["timeout"] * HANGING + ["failed"]
