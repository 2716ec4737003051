"""A candidate that is worse is found out, and one that is not is let be, however often one looks."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.telemetry.evidence import ALPHA, GATES, LIMIT, Arm, Evidence, wrongs

HOUR = 3_600_000
USUAL = dict(zip(GATES, (0.08, 0.1, 0.15, 0.2, 0.22, 0.1, 0.01), strict=True))


def watch(
    chance: random.Random,
    calls: int,
    share: float,
    worse: dict[str, float] | None = None,
    spread: float = 0.0,
) -> int:
    """The call at which a candidate was found out, looked at after each; 0 where it was not. `worse`: the
    rates of its wrong calls. `spread`: by how much places and hours differ in theirs."""
    seen = Evidence()
    places = [math.exp(chance.gauss(0, spread)) for _ in range(6)]
    for number in range(1, calls + 1):
        place = chance.randrange(6)
        hour = math.exp(chance.gauss(0, spread))
        arm: Arm = "candidate" if chance.random() < share else "rest"
        rates = {**USUAL, **worse} if worse and arm == "candidate" else USUAL
        wrong = [gate for gate in GATES if chance.random() < min(0.95, rates[gate] * places[place] * hour)]
        seen.note(str(place), arm, wrong, number * 10_000)
        if seen.weigh():
            return number
    return 0


def test_one_that_is_no_worse_is_hardly_ever_ended_however_often_one_looks() -> None:
    chance = random.Random(1)
    ended = sum(bool(watch(chance, 400, 0.2, spread=0.3)) for _ in range(60))
    assert ended <= 8  # Of 60, 3 are expected at the most; more than 8 would be one chance in 250.


def test_one_that_fails_callers_is_found_out_within_a_few_calls() -> None:
    chance = random.Random(2)
    found = [watch(chance, 600, 0.2, {"completion": 0.5}) for _ in range(20)]
    assert all(found)
    assert sorted(found)[10] < 150


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_the_rate_of_false_alarms_holds_over_two_thousand_calls(share: float, spread: float) -> None:
    chance = random.Random(3)
    rounds = 300
    ended = sum(bool(watch(chance, 2000, share, spread=spread)) for _ in range(rounds))
    print(f"share {share}, spread {spread}: {ended} of {rounds} ended for nothing ({ended / rounds:.1%})")
    assert ended / rounds <= ALPHA


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gate", "rate"), [("completion", 0.5), ("completion", 0.2), ("latency", 0.45), ("transfers", 0.2)]
)
def test_power(gate: str, rate: float) -> None:
    chance = random.Random(4)
    found = [watch(chance, 4000, 0.2, {gate: rate}) for _ in range(60)]
    caught = sorted(each for each in found if each)
    middle = caught[len(caught) // 2] if caught else 0
    print(f"{gate} {USUAL[gate]} -> {rate}: {len(caught)} of 60 found out, the median after {middle} calls")
    assert len(caught) > 54


def test_what_was_seen_outlives_its_process() -> None:
    chance = random.Random(5)
    one = Evidence()
    other = Evidence()
    for number in range(300):
        arm: Arm = "candidate" if chance.random() < 0.3 else "rest"
        wrong = [gate for gate in GATES if chance.random() < 0.2]
        for each in (one, other):
            each.note("a", arm, wrong, number)
        one.weigh(), other.weigh()
        other = Evidence.of(json.loads(json.dumps(other.plain())))
    assert one.plain() == other.plain()
    assert one.candidate.n + one.rest.n > 250
    assert Evidence.of({}).plain() == Evidence().plain()


def test_calls_of_another_hour_or_another_place_are_not_compared() -> None:
    seen = Evidence()
    seen.note("north", "rest", [], 0)
    seen.note("south", "candidate", ["completion"], 0)
    seen.note("north", "candidate", ["completion"], 2 * HOUR)
    assert seen.weigh() == []
    assert seen.candidate.n == seen.rest.n == 0
    seen.note("north", "rest", [], 2 * HOUR + 1)
    seen.weigh()
    assert (seen.candidate.n, seen.rest.n) == (1, 1)


@given(
    st.integers(1, 6), st.integers(1, 6), st.floats(0.01, 0.99), st.floats(0.0, 1.0),
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=5),
)  # fmt: skip
def test_no_block_is_expected_to_add_evidence_against_one_that_is_no_worse(
    n: int, m: int, rate: float, share: float, before: list[tuple[bool, bool]]
) -> None:
    """Exactly, over every way a block can turn out; whatever came before it."""
    better = rate * share
    earlier = Evidence()
    for number, (candidate, wrong) in enumerate(before):
        earlier.note("a", "candidate" if candidate else "rest", ["repeats"] if wrong else [], number)
        earlier.note("a", "rest" if candidate else "candidate", [], number)
        earlier.weigh()
    expected = 0.0
    for a in range(n + 1):
        for b in range(m + 1):
            seen = Evidence.of(earlier.plain())
            for number in range(n):
                seen.note("a", "candidate", ["repeats"] if number < a else [], 0)
            for number in range(m):
                seen.note("a", "rest", ["repeats"] if number < b else [], 0)
            seen.weigh()
            ways = math.comb(n, a) * better**a * (1 - better) ** (n - a)
            ways *= math.comb(m, b) * rate**b * (1 - rate) ** (m - b)
            expected += ways * math.exp(seen.weight("repeats") - earlier.weight("repeats"))
    assert expected <= 1 + 1e-9


def test_what_is_wrong_with_a_call() -> None:
    assert wrongs({"outcome": "answered"}) == frozenset()
    assert wrongs({"outcome": "crash"}) == {"completion", "faults"}
    assert wrongs({"outcome": "handed", "slow": 2, "repeats": 1}) == {"transfers", "latency", "repeats"}
    assert wrongs({"outcome": "silent", "interrupted": 1, "unanswered": 3}) == {
        "completion", "interruptions", "unanswered",
    }  # fmt: skip


def test_told_says_how_near_each_gate_is() -> None:
    seen = Evidence()
    for _ in range(40):
        seen.note("a", "candidate", ["completion"], 0)
        seen.note("a", "rest", [], 0)
        seen.weigh()
    told = {each["gate"]: each for each in seen.told()}
    assert told["completion"] == {
        "gate": "completion", "candidate": 1.0, "rest": 0.0, "evidence": 1.0, "fine": False,
    }  # fmt: skip
    assert told["latency"]["fine"]
    assert seen.weight("completion") > LIMIT
