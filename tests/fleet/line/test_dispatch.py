"""What boxes are told, and when it is said again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from appliance.fleet.keeping.store import Store
from appliance.fleet.line.dispatch import WISH_AGAIN, Dispatch
from appliance.fleet.line.source import Received
from appliance.fleet.membership.authority import Authority
from appliance.fleet.rollouts import bundles
from appliance.fleet.rollouts.bundles import Pieces


class Line:
    """A Source whose broker comes and goes."""

    def __init__(self) -> None:
        self.there = True
        self.sent: list[str] = []

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        self.sent += [topic] if self.there else []
        return self.there

    def fetch(self, most: int, seconds: float) -> list[Received]:
        return []

    def ack(self, received: Sequence[Received]) -> None: ...
    def kick(self, device: str) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


def test_a_wish_goes_as_soon_as_there_is_a_broker_and_again_each_minute(tmp_path: Path) -> None:
    now = [1_900_000_000.0]
    store, authority = Store(tmp_path / "fleet.db", lambda: now[0]), Authority(tmp_path / "keys")
    with store.write() as db:
        db.execute("insert into box (name, since, online) values ('lobby', 0, 1)")
    bundles.send_desk(store, authority, Pieces(tmp_path / "pieces"), "lobby", "x = 1\n")
    line = Line()
    dispatch = Dispatch(store, line, None, authority)
    line.there = False
    dispatch.turn()
    line.there = True
    for _ in range(3):
        dispatch.turn()
    assert line.sent == ["va/1/lobby/dn/desired"]
    now[0] += WISH_AGAIN / 1000 + 1
    dispatch.turn()
    assert len(line.sent) == 2
    store.close()
