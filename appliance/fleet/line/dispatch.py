"""What boxes are told: commands and what they should be, again until they answer; and who is of the fleet no
more is shown out."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.line.broker import Broker
from appliance.fleet.line.source import Source
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority
from appliance.fleet.people import audit
from appliance.telemetry import wire

log = logging.getLogger(__name__)

DEEDS = (
    "doctor", "logs", "stream", "greet", "mute", "unmute", "lock", "unlock", "renew", "restart",
)  # fmt: skip
"""What a box may be asked to do."""

GOOD_FOR = 600_000
"""Milliseconds in which a command may begin."""

AGAIN, WISH_AGAIN = 5_000, 60_000
"""Milliseconds before a command that was not answered is sent again; and what a box should be."""

STREAMED = 60
"""Minutes at the most for which a box sends what it logs."""


def ask(
    store: Store, name: str, do: str, arguments: Mapping[str, Any] | None = None, who: str = audit.ITSELF
) -> str:
    """Queue a command for a box; its id. ApplianceError where there is no such box or command."""
    if do not in DEEDS:
        raise ApplianceError(f"{do!r} is no command", f"one of: {', '.join(DEEDS)}")
    minutes = (arguments or {}).get("minutes", 10)
    if do == "stream" and not (isinstance(minutes, int) and 1 <= minutes <= STREAMED):
        raise ApplianceError(f"a log is followed for 1 to {STREAMED} minutes")
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


class Dispatch:
    """`turn` is called now and then, and blocks for some milliseconds."""

    def __init__(self, store: Store, source: Source, broker: Broker | None, authority: Authority) -> None:
        self._store = store
        self._source = source
        self._broker = broker
        self._authority = authority
        self._listed = -1
        """Certificates on the list of those that count no more."""
        self._sent: dict[int, int] = {}
        """When which wish was sent."""

    def turn(self) -> None:
        self._list_revoked()
        self._show_out()
        self._expire()
        self._send_commands()
        self._send_wishes()

    def _list_revoked(self) -> None:
        """Before anybody is shown out, who must not come in again."""
        revoked = members.revoked(self._store)
        if len(revoked) != self._listed:
            self._authority.revoke(revoked)
            if self._broker:
                self._broker.reread()
            self._listed = len(revoked)

    def _show_out(self) -> None:
        gone = self._store.read("select name from box where state = 'revoked' and kicked < 2")
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
            command = {"id": id, "do": do, "expires": expires, "now": now, "with": json.loads(arguments)}
            if self._source.publish(wire.down(name, "cmd"), wire.pack(command)):
                sent.append((now, id))
        if sent:
            with self._store.write() as db:
                db.executemany("update command set sent = ? where id = ?", sent)

    def _send_wishes(self) -> None:
        now, sent = self._store.now(), {}
        for name, serial in self._store.read(
            """select name, wanted_serial from box
                where wanted_serial > serial and online = 1 and state = 'member'"""
        ):
            sent[serial] = self._sent.get(serial, 0)
            if sent[serial] < now - WISH_AGAIN:
                [(payload,)] = self._store.read("select payload from desired where serial = ?", serial)
                if self._source.publish(wire.down(name, "desired"), payload):
                    sent[serial] = now
        # What a box has taken since is not remembered.
        self._sent = sent
