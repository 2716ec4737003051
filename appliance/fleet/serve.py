"""`appliance fleet serve`: the broker, the worker, the door and the page, in order, and back in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from appliance.access.attempts import is_here
from appliance.access.house import House
from appliance.errors import ApplianceError
from appliance.fleet.alerts.notices import Post
from appliance.fleet.alerts.senders import Senders
from appliance.fleet.alerts.watch import Watch
from appliance.fleet.keeping.store import Store
from appliance.fleet.line.asked import Asked
from appliance.fleet.line.broker import Broker
from appliance.fleet.line.dispatch import Dispatch
from appliance.fleet.line.source import Mosquitto, Source, opened
from appliance.fleet.line.worker import Worker
from appliance.fleet.listening import Keys, Server, listening
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority
from appliance.fleet.membership.door import Door
from appliance.fleet.page.dashboard import ROLES, Dashboard
from appliance.fleet.rollouts.bundles import Pieces
from appliance.fleet.rollouts.rolling import Rollouts

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK = 0.5
"""Seconds between two looks at what boxes are to be told."""

PRUNE, PRUNE_ON = 60.0, 0.2
"""Seconds between two times that what is too old is looked for; and between two pieces of it."""

ATTEND = 3.0
"""Seconds between two looks at what needs attention."""


@dataclass(frozen=True, slots=True)
class Ports:
    broker: int = 8883
    door: int = 8884
    page: int = 8090


@dataclass(frozen=True, slots=True)
class Page:
    """Where people come."""

    host: str = "127.0.0.1"
    """Any other is served by TLS."""
    keys: Keys | None = None
    """Certificate and key; without them, the fleet's own."""
    open: bool = False
    """Whether who is at this machine may everything without entering: for what is simulated."""

    @property
    def only_here(self) -> bool:
        return is_here(self.host)


class Fleet:
    """A server that is up, from `async with` to its end."""

    def __init__(
        self,
        folder: Path,
        host: str = "0.0.0.0",
        ports: Ports = Ports(),
        names: Sequence[str] = (),
        page: Page = Page(),
        networks: Sequence[str] = (),
        source: str = "",
        store: str = "",
    ) -> None:
        """`host`: where boxes are listened to. `names`: by which boxes and people reach it. `networks`: where
        alerts may be sent to, besides public addresses. `source` and `store`: a cluster and a database that
        are there already, in place of the broker and the file that it keeps itself."""
        self.folder = folder
        self.ports = ports
        self.authority = Authority(folder / "keys", names)
        self.store = Store(store or folder / "fleet.db")
        self.broker = Broker(folder / "broker", self.authority, host, ports.broker)
        self._own = not source
        self.source: Source = opened(source) if source else Mosquitto(self.broker.socket)
        self.pieces = Pieces(folder / "pieces")
        asked = Asked(self.store, self.source, self.authority, self.pieces)
        self.worker = Worker(self.source, self.store, asked.answer)
        broker = self.broker if self._own else None
        self._dispatch = Dispatch(self.store, self.source, broker, self.authority)
        self._rollouts = Rollouts(self.store, self.authority)
        self.house = House(folder / "access.db", ROLES, "fleet")
        self._page = page
        self._name = names[0] if names else os.uname().nodename.lower()
        stranger = self.house.who("whoever is at this machine", "admin", by="place") if page.open else None
        self._dashboard = Dashboard(
            self.store, self.authority, self.pieces, self.house, names, page.only_here, lambda: stranger
        )
        self._watch = Watch(self.store)
        self._post = Post(self.store, Senders(networks, self._name).send)
        keys = page.keys or (self.authority.server, self.authority.server_key)
        door = Door(self.store, self.authority, ports.broker)
        self._servers = {
            ports.page: Server(
                self._dashboard.app(), page.host, ports.page, None if page.only_here else keys
            ),
            ports.door: Server(
                door.app(), host, ports.door, (self.authority.server, self.authority.server_key)
            ),
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        scheme, host = ("http", self._page.host) if self._page.only_here else ("https", self._name)
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.ports.page}"

    async def __aenter__(self) -> Fleet:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        self._stack.callback(self.house.close)
        self._stack.callback(self.store.close)
        self._stack.enter_context(_alone(self.folder))
        self.authority.revoke(members.revoked(self.store))
        # What the last start knew of who is there is old: those who are will say so.
        with self.store.write() as db:
            db.execute("update box set online = 0")
        if self._own:
            # Who is cancelled meanwhile leaves the thread at its work, and the broker must not outlive that.
            self._stack.callback(self.broker.stop)
            await asyncio.to_thread(self.broker.start)
        self.source.start()
        self._stack.callback(self.source.stop)
        self.worker.start()
        self._stack.callback(self.worker.stop)
        self._post.start()
        self._stack.callback(self._post.stop)
        await self._stack.enter_async_context(listening(self._servers))
        watch = [self.broker.watch()] if self._own else []
        works = (
            *watch,
            _often(self._dispatch.turn, LOOK, "what boxes are told is late"),
            _often(self._rollouts.turn, LOOK, "rollouts stand still"),
            _often(self._watch.turn, ATTEND, "what needs attention is not known"),
            self._prune(),
            self._dashboard.paint(),
        )
        for work in works:
            task = asyncio.create_task(work)
            self._stack.callback(task.cancel)
            self._tasks.append(task)

    async def serve(self) -> None:
        """Until cancelled."""
        await asyncio.gather(*self._tasks)

    async def _prune(self) -> None:
        while True:
            gone = await _tried(self.store.prune, "what is too old is not deleted")
            await asyncio.sleep(PRUNE_ON if gone else PRUNE)


async def _often(do: Callable[[], object], every: float, otherwise: str) -> None:
    """Do it again and again, beside the loop, until cancelled."""
    while True:
        await _tried(do, otherwise)
        await asyncio.sleep(every)


async def _tried(do: Callable[[], T], otherwise: str) -> T | None:
    """What comes of it; None where it fails: the next time it may not, and all else goes on."""
    try:
        return await asyncio.to_thread(do)
    except ApplianceError as error:
        log.error("%s: %s", otherwise, error)
    except Exception:
        log.exception("%s", otherwise)
    return None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A second server would end the broker of the first, which it takes for one that was left behind."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ApplianceError(
                f"another server runs in {folder}", "end it first, or choose another --folder"
            ) from error
        yield
