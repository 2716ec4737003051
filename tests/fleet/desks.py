"""A whole desk in this process that is of a fleet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from appliance.app import App
from appliance.channels.kiosk import Kiosk
from appliance.config import Box, read_desk
from appliance.config.box import Fleet as Settings
from appliance.config.versions import Versions
from appliance.console.server import Status
from appliance.fleet.line import dispatch
from appliance.fleet.membership import members
from appliance.fleet.page import views
from appliance.fleet.rollouts import bundles
from appliance.fleet.serve import Fleet
from appliance.orders.membership import Membership, Restart
from appliance.telemetry import enrol
from appliance.telemetry.bundle import Manifest
from appliance.workshop.workshop import Workshop
from tests.fleet.waiting import until
from tests.regulars import DESK
from tests.test_app import ENGINES


class Desk:
    """A box of this fleet."""

    def __init__(self, folder: Path, fleet: Fleet, questions: Any) -> None:
        self.folder = folder
        self.fleet = fleet
        self.status = [Status("gsm", True)]
        self.kiosk: Kiosk | None = None
        [code] = members.invite(fleet.store, fleet.authority, ["lobby"]).values()
        enrol.enrol(code, f"127.0.0.1:{fleet.ports.door}", folder / "keys")
        names = ("ca", "certificate", "key", "signer")
        files = {name: folder / "keys" / f"{name}.pem" for name in names}
        broker = f"127.0.0.1:{fleet.ports.broker}"
        settings = Settings(True, broker, "lobby", **files, questions=questions)
        self.path = folder / "desk.toml"
        self.path.write_text(DESK)
        self.box = Box(folder, engines=ENGINES, fleet=settings)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        desk, _ = read_desk(self.path)
        async with App(self.box, desk) as self.app:
            assert self.app.outbox
            workshop = Workshop(self.app, self.path, self.folder, Versions(self.folder / "desks"))
            await workshop.keep_first()
            files = self.folder / "box.toml", self.path
            self.member = Membership(
                self.app, self.app.outbox, files, lambda: self.status, workshop, self.kiosk
            )
            self.serving = asyncio.create_task(self.member.serve(self.app))
            try:
                yield
            finally:
                self.serving.cancel()
                with suppress(asyncio.CancelledError, Restart):
                    await self.serving
                workshop.close()

    def seen(self) -> dict[str, Any]:
        found = views.box(self.fleet.store, "lobby")
        assert found
        return found

    async def ask(self, do: str) -> tuple[str, str]:
        """What came of a command."""
        id = dispatch.ask(self.fleet.store, "lobby", do)
        return await self.answered(id)

    async def answered(self, id: str) -> tuple[str, str]:
        def over() -> list[Any]:
            query = "select state, result from command where id = ? and state in ('done', 'failed')"
            return self.fleet.store.read(query, id)

        await until(over)
        [(state, result)] = over()
        return state, result


Make = Callable[..., Desk]


def wish(fleet: Fleet, desk: str = "", share: int = 100, **more: Any) -> int:
    """Let the box have a bundle; the number of that wish."""
    made = bundles.make(fleet.store, fleet.pieces, "new", desk=desk, **more)
    return wished(fleet, bundles.manifest(made, share))


def wished(fleet: Fleet, manifest: Manifest) -> int:
    with fleet.store.write() as db:
        return bundles.wish(db, fleet.store.now(), fleet.authority, "lobby", manifest)


def all_that_was_told(fleet: Fleet) -> str:
    return " ".join(data for (data,) in fleet.store.read("select data from message"))
