"""What boxes are told: commands and desk files, again until they answer; and who is of the fleet no more is
shown out."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet import audit, members
from appliance.fleet.authority import Authority
from appliance.fleet.broker import Broker
from appliance.fleet.source import Source
from appliance.fleet.store import Store
from appliance.telemetry import wire
from appliance.telemetry.bundle import Bundle, sign
from appliance.telemetry.wire import LARGEST_DOWN

log = logging.getLogger(__name__)

DEEDS = ("doctor", "logs", "greet", "mute", "unmute", "restart")
"""What a box may be asked to do."""

GOOD_FOR = 600_000
"""Milliseconds in which a command may begin."""

AGAIN, WISH_AGAIN = 5_000, 60_000
"""Milliseconds before a command that was not answered is sent again; and a desk file."""


def ask(
    store: Store, name: str, do: str, arguments: Mapping[str, Any] | None = None, who: str = audit.ITSELF
) -> str:
    """Queue a command for a box; its id. ApplianceError where there is no such box or command."""
    if do not in DEEDS:
        raise ApplianceError(f"{do!r} is no command", f"one of: {', '.join(DEEDS)}")
    id, now = secrets.token_hex(8), store.now()
    with store.write() as db:
        box = db.execute("select id from box where name = ? and state = 'member'", (name,)).fetchone()
        if not box:
            raise ApplianceError(f"there is no box {name} in the fleet")
        db.execute(
            "insert into command (id, box, do, at, expires, arguments) values (?, ?, ?, ?, ?, ?)",
            (id, *box, do, now, now + GOOD_FOR, json.dumps(arguments or {})),
        )
        audit.record(db, now, who, "command.queued", name, command=id, do=do)
    return id


def wish(store: Store, authority: Authority, name: str, desk: str, who: str = audit.ITSELF) -> int:
    """Let a box have a desk file; the number of that wish. ApplianceError where it is too long."""
    digest = audit.digest(desk)
    with store.write() as db:
        box = db.execute("select desk from box where name = ? and state = 'member'", (name,)).fetchone()
        if not box:
            raise ApplianceError(f"there is no box {name} in the fleet")
        [(serial,)] = db.execute(
            "insert into desired (at, device, digest, payload) values (?, ?, ?, ?) returning serial",
            (store.now(), name, digest, b""),
        )
        payload = sign(Bundle(name, serial, store.now(), desk), authority.bundle_key)
        if len(payload) > LARGEST_DOWN or len(desk) > 400_000:
            raise ApplianceError("the desk file is too long", "400,000 characters are sent")
        db.execute("update desired set payload = ? where serial = ?", (payload, serial))
        db.execute(
            "update box set wanted = ?, wanted_serial = ? where name = ? and state = 'member'",
            (digest, serial, name),
        )
        audit.record(db, store.now(), who, "desk.sent", name, box[0], digest, serial=serial)
        return int(serial)


class Dispatch:
    """`turn` is called now and then, and blocks for some milliseconds."""

    def __init__(self, store: Store, source: Source, broker: Broker | None, authority: Authority) -> None:
        self._store = store
        self._source = source
        self._broker = broker
        self._authority = authority
        self._sent: dict[int, int] = {}
        """When which wish was sent."""

    def turn(self) -> None:
        self._show_out()
        self._expire()
        self._send_commands()
        self._send_wishes()

    def _show_out(self) -> None:
        """The list of revoked certificates first: who is shown out must not come in again."""
        gone = self._store.read("select name from box where state = 'revoked' and kicked < 2")
        if not gone:
            return
        self._authority.revoke(members.revoked(self._store))
        if self._broker:
            self._broker.reread()
        for (name,) in gone:
            try:
                self._source.kick(name)
            except OSError as error:
                log.warning("the broker is not there to show %s out: %s", name, error)
                return
            log.info("%s is of the fleet no more", name)
            with self._store.write() as db:
                # It may have come in between the list and its being read: the second time it cannot.
                db.execute("update box set kicked = kicked + 1, online = 0 where name = ?", (name,))

    def _expire(self) -> None:
        now = self._store.now()
        if self._store.read("select 1 from command where state = 'queued' and expires < ? limit 1", now):
            with self._store.write() as db:
                db.execute(
                    "update command set state = 'expired' where state = 'queued' and expires < ?", (now,)
                )

    def _send_commands(self) -> None:
        now = self._store.now()
        due = self._store.read(
            """select command.id, do, expires, arguments, name from command join box on box.id = command.box
                where command.state = 'queued' and online = 1 and sent < ? order by at limit 1000""",
            now - AGAIN,
        )
        sent = []
        for id, do, expires, arguments, name in due:
            command = {"id": id, "do": do, "expires": expires, "with": json.loads(arguments)}
            if self._source.publish(wire.down(name, "cmd"), wire.pack(command)):
                sent.append((now, id))
        if sent:
            with self._store.write() as db:
                db.executemany("update command set sent = ? where id = ?", sent)

    def _send_wishes(self) -> None:
        now = self._store.now()
        for name, serial in self._store.read(
            """select name, wanted_serial from box
                where wanted_serial > serial and online = 1 and state = 'member'"""
        ):
            if self._sent.get(serial, 0) < now - WISH_AGAIN:
                [(payload,)] = self._store.read("select payload from desired where serial = ?", serial)
                self._source.publish(wire.down(name, "desired"), payload)
                self._sent[serial] = now
