"""Sessions, as a state machine: whatever is done in whatever order, a session is good exactly while it should
be."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from appliance.access.house import House
from appliance.access.sessions import IDLE, LONGEST, MOST, NOTED
from tests.access.conftest import BETTER, GOOD, ROLES, Clock

PEOPLE = st.sampled_from(["ada", "bob"])


class Entering(RuleBasedStateMachine):
    open = Bundle("open")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.house = House(Path(self.folder.name) / "access.db", ROLES, now=self.clock)
        for name in ("ada", "bob", "eve"):
            self.house.accounts.add(name, "admin", GOOD)
        self.model: dict[str, tuple[str, float, float, float]] = {}
        """By id: whose it is, when it began, when it was used last, and when that was last written down."""

    @rule(target=open, name=PEOPLE)
    def enter(self, name: str) -> str:
        session, now = self.house.sessions.open(name), self.clock()
        self.model[session] = (name, now, now, now)
        return session

    @rule(session=open)
    def use(self, session: str) -> None:
        found = self.house.sessions.find(session)
        known = self.model.get(session)
        if known is None:
            assert found is None
            return
        name, began, used, noted = known
        now = self.clock()
        if now - began >= LONGEST or now - used >= IDLE:
            assert found is None
        elif now - noted < IDLE:
            assert found == name
        if found:
            self.model[session] = (name, began, now, now if now - noted >= NOTED else noted)

    @rule(session=consumes(open))
    def leave(self, session: str) -> None:
        self.house.sessions.end(session)
        self.model.pop(session, None)

    @rule(name=PEOPLE, password=st.sampled_from([GOOD, BETTER]))
    def change_password(self, name: str, password: str) -> None:
        self.house.accounts.set_password(name, password)
        self.model = {id: kept for id, kept in self.model.items() if kept[0] != name}

    @rule(name=PEOPLE)
    def come_back(self, name: str) -> None:
        self.house.accounts.remove(name)
        self.house.accounts.add(name, "visitor", GOOD)
        self.model = {id: kept for id, kept in self.model.items() if kept[0] != name}

    @rule(seconds=st.sampled_from([1.0, NOTED, 1800.0, IDLE - NOTED, IDLE, LONGEST]))
    def wait(self, seconds: float) -> None:
        self.clock.time += seconds

    @invariant()
    def nobody_has_more_than_there_may_be(self) -> None:
        for name in ("ada", "bob"):
            mine = [id for id, kept in self.model.items() if kept[0] == name]
            for id in mine[:-MOST]:
                del self.model[id]

    def teardown(self) -> None:
        self.house.close()
        self.folder.cleanup()


TestEntering = Entering.TestCase
TestEntering.settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_session_that_was_opened_by_a_clock_of_the_future_is_over_when_the_clock_is_right(
    tmp_path: Path,
) -> None:
    clock = Clock()
    house = House(tmp_path / "access.db", ROLES, now=clock)
    house.accounts.add("ada", "admin", GOOD)
    clock.time += 400 * 86_400
    ahead = house.sessions.open("ada")
    assert house.sessions.find(ahead) == "ada"
    clock.time -= 60
    assert house.sessions.find(ahead) == "ada"
    clock.time -= 300 * 86_400
    assert house.sessions.find(ahead) is None
    house.close()
