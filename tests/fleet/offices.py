"""People of a fleet, and pages as they see them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from starlette.testclient import TestClient

from appliance.access.house import House
from appliance.fleet.keeping.store import Store
from appliance.fleet.membership.authority import Authority
from appliance.fleet.page.dashboard import ROLES, Dashboard
from appliance.fleet.rollouts.bundles import Pieces

HOST = "http://127.0.0.1:8090"
PASSWORD = "four words are enough"


class Office:
    """A page, and who may come in. Passwords take long, so most come by a token."""

    def __init__(self, folder: Path, store: Store, claimed: bool = True) -> None:
        self.store = store
        self.authority = Authority(folder / "keys")
        self.pieces = Pieces(folder / "pieces")
        self.house = House(folder / "access.db", ROLES, "fleet")
        self.dashboard = Dashboard(store, self.authority, self.pieces, self.house)
        if claimed:
            self.house.accounts.add("anna", "admin", PASSWORD)
        self.app = self.dashboard.app()

    def token(self, role: str, groups: Iterable[str] | None = None) -> str:
        return self.house.tokens.make("anna", "test", role, scope=groups)

    def client(self, role: str = "", groups: Iterable[str] | None = None) -> TestClient:
        """A program that has a token for a role; without one, a stranger."""
        made = TestClient(self.app, HOST, client=("127.0.0.1", 1))
        if role:
            made.headers["authorization"] = f"Bearer {self.token(role, groups)}"
        return made

    def browser(self) -> TestClient:
        made = TestClient(self.app, HOST, client=("127.0.0.1", 1))
        made.headers.update({"origin": HOST, "sec-fetch-site": "same-origin"})
        return made

    def close(self) -> None:
        self.house.close()
