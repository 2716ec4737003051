"""What is not kept any longer: taken out of every file when its time is over, or when a person asks."""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from appliance.config.keeping import Keep, Retention
from appliance.errors import StorageError
from appliance.memory import ics
from appliance.memory.store import Store, stamp
from appliance.memory.subject import LASTS, Subject, find, take_out, told
from appliance.memory.units import shred, units
from appliance.observe.backup import Backup
from appliance.observe.calls import ASIDE, Calls, Has, Kept
from appliance.observe.locked import opened
from appliance.observe.restoring import BUILT
from appliance.system.writing import write

Counts = Mapping[str, int]


class Eraser:
    """Of the files in a box's data folder. Blocking; StorageError where one cannot be written. What it was
    cut off in, `finish` brings to its end."""

    def __init__(self, data: Path, store: Store, calls: Calls) -> None:
        self._data = data
        self._store = store
        self._calls = calls
        self.behind: list[Path] = []
        """Places of backups that could not be reached at the last erasure: they hold keys of who was erased,
        until the next backup to them."""

    # A person.

    def find(self, who: str) -> Subject:
        """What there is of the person with this number or name."""
        return find(self._store, who)

    def erase(self, subject: Subject) -> Counts:
        """Take a person out of everything; what that was, and how much. No byte of it stays in any file."""
        with self._store.write() as db:
            conversations, counts = json.dumps(subject.conversations), json.dumps(subject.counts)
            db.execute(
                "insert into erasure (at, conversations, counts) values (?, ?, ?)",
                self._store.stamp(), conversations, counts,
            )  # fmt: skip
            shred(db, units(db, subject))
            take_out(db, subject)
        return self.finish()

    def finish(self) -> Counts:
        """Go on with what was begun: at the start of the desk, too, in case the last one was cut off."""
        done: Counter[str] = Counter()
        begun = self._store.read("select id, conversations, counts from erasure order by id")
        if not begun:
            return done
        for _, conversations, counts in begun:
            calls = self._calls.of(json.loads(conversations))
            done.update(json.loads(counts))
            done["recording"] += self._delete(each for each in calls if each.recording)
            self._calls.delete([each.number for each in calls])
            self._drop_scenarios(calls)
        self._calls.forget_shadow()
        self._calls.store.scrub()
        for end in ("", "-wal", "-shm"):  # It is made anew from what is still remembered.
            (self._data / f"recall.db{end}").unlink(missing_ok=True)
        self._drop_damaged()  # Nobody can tell who is in it.
        shutil.rmtree(self._data / BUILT, ignore_errors=True)
        if (self._data / "calendar.ics").exists():
            ics.publish(self._store, self._data / "calendar.ics")
        self.behind = Backup(self._data, self._store, self._calls).catch_up()
        self._store.scrub()
        with self._store.write() as db:
            for id, *_ in begun:
                db.execute("delete from erasure where id = ?", id)
        return self._receipt("erase", done)

    def export(self, subject: Subject, path: Path) -> Counts:
        """All that `find` found in a ZIP, as JSON, with the recordings beside it."""
        calls = self._calls.of(subject.conversations)
        data: dict[str, Any] = told(self._store, subject)
        data["call"] = [
            {
                "id": call.id,
                "began": call.began.isoformat(),
                "recording": call.recording,
                "turns": self._calls.turns(call.number),
            }
            for call in calls
        ]
        try:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                file.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=2))
                recordings = [self._file(call) for call in calls if call.recording]
                for recording in filter(Path.exists, recordings):
                    with opened(recording) as content:
                        file.writestr(f"recordings/{recording.name}", content.read())
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written ({error.strerror})", "choose another place"
            ) from error
        return {table: len(rows) for table, rows in data.items() if rows}

    # What is too old.

    def purge(self, retention: Retention) -> Counts:
        """Delete what was kept for as long as the desk file wants it."""
        done: Counter[str] = Counter()
        every = (retention, *retention.flow.values())
        recorded = self._due("recorded", retention, lambda keep: keep.audio)
        done["recording"] = self._delete(recorded) + self._strays(min(keep.audio for keep in every))
        self._calls.unrecord([call.number for call in recorded])
        said = self._due("said", retention, lambda keep: keep.transcript)
        self._calls.unsay([call.number for call in said])
        over = self._due("all", retention, lambda keep: keep.events)
        done["transcript"], done["call"] = len(said), len(over)
        with self._store.write() as db:
            for kept, table, when in (
                (retention.transcript, "unanswered", "at"),
                (retention.events, "message", "at"),
                (retention.events, "notice", "at"),
                (retention.events, "callback", "at"),
                (retention.events, "text", "state != 'waiting' and at"),
                (retention.events, "errand", "until"),
                (retention.events, "appointment", "ends"),
                (retention.events, "visit", "came"),
                (retention.events, "recollection", "at"),
                (retention.events, "summary", "at"),
                (max(retention.events, LASTS), "event", "at"),  # A call that lasts stands on its own.
            ):
                gone = db.execute(f"delete from {table} where {when} < ? returning 1", self._before(kept))
                done[table] += len(gone)
            for call in over:
                done["event"] += len(
                    db.execute("delete from event where conversation = ? returning 1", call.id)
                )
        self._drop_scenarios([*said, *over])
        self._calls.delete([call.number for call in over])
        done["damaged file"] = self._drop_damaged(
            self._ago(min(keep.transcript for keep in every)).timestamp()
        )
        self._calls.forget_shadow(self._before(min(keep.transcript for keep in every)))
        counts = {name: count for name, count in done.items() if count}
        if counts:
            self._receipt("purge", counts)
        # What a restore left that was cut off: nothing of it is ever looked at again.
        shutil.rmtree(self._data / BUILT, ignore_errors=True)
        # Each time: the last one may have been cut off here, or found them in use.
        self._store.empty_log()
        self._calls.store.empty_log()
        return counts

    def _due(self, which: Has, retention: Retention, days: Callable[[Keep], float]) -> list[Kept]:
        """The calls of which something has been kept for long enough."""
        shortest = min(days(keep) for keep in (retention, *retention.flow.values()))
        now = self._store.now()
        return [
            call
            for call in self._calls.older(now - timedelta(days=shortest), which)
            if call.began <= now - timedelta(days=days(retention.of(call.flows)))
        ]

    def _before(self, days: float) -> str:
        return stamp(self._ago(days))

    def _ago(self, days: float) -> datetime:
        return self._store.now() - timedelta(days=days)

    def _strays(self, days: float) -> int:
        """Delete recordings that no call is known of."""
        known = {call.recording for call in self._calls.older(self._store.now(), "recorded")}
        oldest = self._ago(max(days, LASTS)).timestamp()
        folder = self._data / "recordings"
        strays = [
            file
            for file in (folder.iterdir() if folder.is_dir() else ())
            if file.name not in known and _written(file) < oldest
        ]
        for file in strays:
            file.unlink(missing_ok=True)
        return len(strays)

    def _drop_damaged(self, before: float = math.inf) -> int:
        """Delete the account that was set aside, where it was last written before, in seconds."""
        files = [file for file in self._data.glob(f"{ASIDE}*") if _written(file) <= before]
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def _delete(self, calls: Iterable[Kept]) -> int:
        """Delete the recordings of calls; how many there were."""
        files = [file for file in map(self._file, calls) if file.exists()]
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def _file(self, call: Kept) -> Path:
        return self._data / "recordings" / Path(call.recording).name

    def _drop_scenarios(self, calls: Sequence[Kept]) -> None:
        """Corrections hold what callers said."""
        path = self._data / "scenarios.toml"
        if not calls or not path.exists():
            return
        try:
            file = tomlkit.parse(path.read_text(encoding="utf-8"))
            scenarios: Any = file.get("scenario", {})
            gone = [name for name in scenarios if any(f"call {call.id[:12]}," in name for call in calls)]
            for name in gone:
                del scenarios[name]
            if gone:
                write(path, tomlkit.dumps(file))
        except (OSError, TOMLKitError) as error:
            raise StorageError(f"{path} cannot be read or written ({error})", "mend or delete it") from error

    def _receipt(self, what: str, counts: Counts) -> Counts:
        """Keep that it was done, without whom it was about."""
        with self._store.write() as db:
            db.execute(
                "insert into receipt (at, what, counts) values (?, ?, ?)",
                self._store.stamp(), what, json.dumps(counts),
            )  # fmt: skip
        return counts


def _written(file: Path) -> float:
    """When, in seconds; never where it is gone: a recording is sealed meanwhile."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return math.inf
