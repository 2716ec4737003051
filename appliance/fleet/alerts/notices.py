"""Who is told of alerts, and what is still to be sent: kept in the store until it is sent, or a day old."""

from __future__ import annotations

import ipaddress
import json
import logging
import random
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit, scope
from appliance.fleet.storage.database import Writing

log = logging.getLogger(__name__)

KINDS = {
    "webhook": ("http", "https"),
    "mail": ("smtp", "smtps"),
    "mqtt": ("mqtt", "mqtts"),
}
"""Ways to tell, and the addresses that each takes: https://example.org/hook,
smtps://user:password@mail.example.org/ops@example.org, mqtts://broker.example.org/alerts."""

FIRST, LONGEST = 5_000, 3_600_000
"""Milliseconds before the second try, and between two tries at the most."""

GIVEN_UP = 24 * 3_600_000
"""Milliseconds after which nobody wants to hear of it any more."""

EVERY, PATIENCE = 0.5, 1.0
"""Seconds between two looks at what is due; and for which the end waits for what is being sent."""

AT_ONCE = 20
"""Deliveries that one turn tries."""

HELD = 60_000
"""Milliseconds for which one that is being sent is left alone by others; longer than any try takes."""


@dataclass(frozen=True, slots=True)
class Way:
    """A route."""

    name: str
    kind: str
    target: str
    groups: frozenset[str] | None
    """Of sites that it is told of; None: of all."""
    secret: str
    """What webhooks are signed with."""
    enabled: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    id: str
    """The same at every try, so that whoever is told can tell what was sent twice."""
    way: Way
    what: str
    """fired, grew or cleared; or tried, by hand."""
    body: dict[str, Any]
    at: int
    tries: int


Send = Callable[[Delivery], None]
"""Raises OSError or ApplianceError where it did not arrive."""


def ways(store: Store) -> list[Way]:
    return [_way(row) for row in store.read(f"select {_NAMES} from route order by name")]


def add(
    store: Store,
    name: str,
    kind: str,
    target: str,
    groups: Sequence[str] | None = None,
    who: str = audit.ITSELF,
) -> Way:
    """ApplianceError where it is none. Its secret is made here."""
    scope.check(name)
    if kind not in KINDS:
        raise ApplianceError(f"{kind!r} is no way to be told", f"one of: {', '.join(KINDS)}")
    _check(kind, target)
    for group in groups or ():
        scope.check(group)
    secret = secrets.token_urlsafe(32) if kind == "webhook" else ""
    with store.write() as db:
        if db.execute("select 1 from route where name = ?", (name,)).fetchone():
            raise ApplianceError(f"there is a route {name} already", "remove it first")
        packed = None if groups is None else json.dumps(sorted(groups))
        db.execute("insert into route values (?, ?, ?, ?, ?, 1)", (name, kind, target, packed, secret))
        audit.record(db, store.now(), who, "route.added", name, after=audit.digest(target), kind=kind)
    return Way(name, kind, target, None if groups is None else frozenset(groups), secret, True)


def remove(store: Store, name: str, who: str = audit.ITSELF) -> None:
    """With what it was still to be told."""
    with store.write() as db:
        gone = db.execute("delete from route where name = ? returning target", (name,)).fetchall()
        if not gone:
            raise scope.Missing(f"there is no route {name}", "look at the list of routes")
        db.execute("delete from delivery where route = ? and state = 'waiting'", (name,))
        audit.record(db, store.now(), who, "route.removed", name, before=audit.digest(gone[0][0]))


def safe(target: str) -> str:
    """An address without its password."""
    parts = urlsplit(target)
    if parts.password is None:
        return target
    # As the password is told from the host: by the last of what may be several.
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:…@{host}").geturl()


def shown(way: Way) -> dict[str, Any]:
    """As the outside is told of it: without what is secret."""
    return {
        "name": way.name,
        "kind": way.kind,
        "target": safe(way.target),
        "groups": None if way.groups is None else sorted(way.groups),
        "enabled": way.enabled,
    }


def write(db: Writing, alert: str, site: str, what: str, body: Mapping[str, Any], now: int) -> None:
    """Have it told by every route that is for this site, in the transaction in which it came to be."""
    group = (db.execute("select grp from site where name = ?", (site,)).fetchone() or [""])[0]
    for row in db.execute(f"select {_NAMES} from route where enabled = 1").fetchall():
        way = _way(row)
        if way.groups is None or group in way.groups:
            _queue(db, way, alert, what, body, now)


def try_out(store: Store, name: str, who: str = audit.ITSELF) -> str:
    """Send a word that means nothing; its id."""
    with store.write() as db:
        row = db.execute(f"select {_NAMES} from route where name = ?", (name,)).fetchone()
        if not row:
            raise scope.Missing(f"there is no route {name}", "look at the list of routes")
        body = {"cause": "nothing: this route was tried out", "site": "", "boxes": 0, "named": []}
        audit.record(db, store.now(), who, "route.tried", name)
        return _queue(db, _way(row), "", "tried", body, store.now())


def _queue(db: Writing, way: Way, alert: str, what: str, body: Mapping[str, Any], now: int) -> str:
    id = secrets.token_hex(16)
    told = json.dumps({"id": id, "what": what, "at": now, **body}, ensure_ascii=False)
    db.execute(
        "insert into delivery (id, alert, route, what, body, at, due) values (?, ?, ?, ?, ?, ?, ?)",
        (id, alert, way.name, what, told, now, now),
    )
    return id


class Post:
    """Sends what is due. `turn` blocks as long as the slowest try takes."""

    def __init__(self, store: Store, send: Send) -> None:
        self._store = store
        self._send = send
        self._stopping = threading.Event()
        # Who is told may take his time, and the end of the server does not wait for that.
        self._thread = threading.Thread(target=self._run, name="post", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            try:
                self.turn()
            except ApplianceError as error:
                log.error("%s", error)
            except Exception:
                log.exception("what is to be told of alerts is late")

    def turn(self) -> int:
        """How many were tried."""
        due = self._store.read(
            "select id from delivery where state = 'waiting' and due <= ? order by due limit ?",
            self._store.now(), AT_ONCE,
        )  # fmt: skip
        return sum(self._try(id) for (id,) in due if not self._stopping.is_set())

    def _try(self, id: str) -> bool:
        found = self._take(id)
        if not found:
            return False
        try:
            self._send(found)
        except Exception as error:
            # Whatever it is, the others are to be sent.
            self._failed(found, str(error) or type(error).__name__)
        else:
            with self._store.write() as db:
                db.execute("update delivery set state = 'sent', error = '' where id = ?", (id,))
        return True

    def _take(self, id: str) -> Delivery | None:
        """It is written down that it is tried before it is: who dies in between has used up a try, and
        another server leaves it alone meanwhile."""
        now = self._store.now()
        with self._store.write() as db:
            row = db.execute(
                """update delivery set tries = tries + 1, due = ? where id = ? and state = 'waiting'
                    and due <= ? returning route, what, body, at, tries""",
                (now + HELD, id, now),
            ).fetchone()
            if not row:
                return None
            route, what, body, at, tries = row
            way = db.execute(
                f"select {_NAMES} from route where name = ? and enabled = 1", (route,)
            ).fetchone()
            if not way:
                db.execute("update delivery set state = 'given up' where id = ?", (id,))
                return None
        return Delivery(id, _way(way), what, json.loads(body), at, tries)

    def _failed(self, delivery: Delivery, error: str) -> None:
        now = self._store.now()
        log.warning("an alert did not reach %s: %s", delivery.way.name, error)
        over = now - delivery.at > GIVEN_UP
        wait = min(LONGEST, FIRST * 2 ** min(delivery.tries - 1, 20))
        with self._store.write() as db:
            db.execute(
                "update delivery set state = ?, due = ?, error = ? where id = ?",
                (
                    "given up" if over else "waiting",
                    # Not all at the same moment.
                    now + round(wait * random.uniform(0.8, 1.2)),
                    error[:300],
                    delivery.id,
                ),
            )


def _check(kind: str, target: str) -> None:
    try:
        parts = urlsplit(target)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise ApplianceError("that is no address") from error
    if parts.scheme not in KINDS[kind] or not host or port == 0 or len(target) > 500:
        wanted = " or ".join(f"{scheme}://" for scheme in KINDS[kind])
        raise ApplianceError(f"a {kind} goes to an address with {wanted}, a host and perhaps a port")
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in unquote(target)):
        raise ApplianceError("an address has no spaces")
    if kind == "webhook" and "@" in parts.netloc:
        raise ApplianceError("a webhook has no name and password", "what it is told is signed")
    if kind == "mail" and "@" not in parts.path:
        raise ApplianceError(
            "a mail goes to somebody", "smtps://user:password@mail.example.org/ops@example.org"
        )
    if kind == "mqtt" and (not parts.path.strip("/") or set("+#") & set(parts.path)):
        raise ApplianceError("MQTT has a topic", "mqtts://broker.example.org/alerts")
    if parts.scheme == "smtp" and parts.password and not _is_loopback(host):
        raise ApplianceError("a password does not go by smtp://", "smtps:// encrypts it")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_NAMES = "name, kind, target, groups, secret, enabled"


def _way(row: Sequence[Any]) -> Way:
    name, kind, target, groups, secret, enabled = row
    return Way(
        name, kind, target, None if groups is None else frozenset(json.loads(groups)), secret, bool(enabled)
    )
