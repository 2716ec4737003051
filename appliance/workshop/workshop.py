"""Where the manager works on the desk file: checked, tried out, put live, and every version kept."""

from __future__ import annotations

import asyncio
import difflib
import logging
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import uuid4

from appliance.answering.knowledge import MESSAGE
from appliance.app import App
from appliance.channels import AudioChannel, Call
from appliance.config import SHIPPED, DeskFile, digest, read_desk
from appliance.config.versions import Version, Versions
from appliance.errors import ApplianceError, ConfigError, StorageError
from appliance.serving.served import Served
from appliance.slots.acts import act
from appliance.system.writing import plain_errors, write
from appliance.workshop.lint import broken_phrases, lint
from appliance.workshop.merging import merge
from appliance.workshop.proposals import Proposal, propose
from appliance.workshop.sharing import Sharing

log = logging.getLogger(__name__)

TRIALS = 3
"""Desks that are tried out at the same time; the oldest that nobody talks to makes room."""

CANDIDATE = "candidate.toml"
"""Beside the desk file."""

LIVE = "another desk file was put live"
"""Why one that answered some of the callers has ended."""

RECENT = timedelta(days=30)
QUESTIONS = 20
"""Unanswered questions that are shown, and how old they may be."""


@dataclass(frozen=True, slots=True)
class Finding:
    level: Literal["error", "note"]
    """An error keeps the file from being served."""
    line: int
    """From 1."""
    field: str
    wrong: str
    mend: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that callers asked and nothing answered."""

    text: str
    times: int
    last: str
    """UTC, ISO 8601."""


class ChangedMeanwhile(ApplianceError):
    """The desk file is not what the editor began with."""

    def __init__(self, theirs: str, merged: str | None) -> None:
        super().__init__("The desk file was changed meanwhile, by hand or on another page", "look at both")
        self.theirs = theirs
        self.merged = merged
        """Both changes in one; None where they touch the same lines."""


class Trial:
    """A desk that is tried out; a `Desk` that lines may hand callers to."""

    def __init__(self, app: App, served: Served, folder: tempfile.TemporaryDirectory[str]) -> None:
        self.id = uuid4().hex[:12]
        self.served = served
        self.calls = 0
        self._app = app
        self._folder = folder

    async def talk(self, channel: AudioChannel) -> None:
        async with self._call():
            await self._app.talk(channel, served=self.served)

    async def chat(self, call: Call) -> None:
        async with self._call():
            await self._app.chat(call, self.served)

    def close(self) -> None:
        self.served.place.store.close()
        self._folder.cleanup()

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1


class Workshop:
    """`path` is the desk file that runs, `beside` the folder for one of the box's own where it runs on one
    that ships."""

    def __init__(self, app: App, path: Path, beside: Path, versions: Versions) -> None:
        self._app = app
        self._versions = versions
        self.path = beside / "desk.toml" if path.absolute().parent == SHIPPED else path
        """The file that is written."""
        self._text = _read(path) or ""
        self._trials: list[Trial] = []
        self._changing = asyncio.Lock()
        self.sharing = Sharing(app, self._ready)

    @property
    def text(self) -> str:
        """The desk file that new calls are served by."""
        return self._text

    @property
    def desk(self) -> DeskFile:
        return self._app.desk

    def on_disk(self) -> str:
        """The desk file as it lies on the disk; the one that is served where there is none."""
        found = _read(self.path)
        return self._text if found is None else found

    @property
    def candidate_file(self) -> Path:
        """What is tried in the night by what callers said yesterday."""
        return self.path.with_name(CANDIDATE)

    def candidate(self) -> str:
        """The version that is to be tried; empty where none is."""
        found = _read(self.candidate_file)
        return digest(found) if found else ""

    def put_candidate(self, text: str) -> str:
        """Have a text tried in the night; its version. ConfigError where it is not valid."""
        read_desk(self.path, text=text)
        with plain_errors(self.candidate_file):
            write(self.candidate_file, text)
        return digest(text)

    async def share_candidate(self, percent: int) -> None:
        """Let it answer so many of the callers. ApplianceError where there is none, or it cannot be."""
        text = await asyncio.to_thread(_read, self.candidate_file)
        if not text:
            raise ConfigError("no desk file is to be tried", "choose one first")
        await self.sharing.begin(text, percent)

    def drop_candidate(self) -> None:
        with plain_errors(self.candidate_file):
            self.candidate_file.unlink(missing_ok=True)

    def check(self, text: str) -> list[Finding]:
        """What `appliance check` would find. Blocks for some tens of milliseconds."""
        try:
            desk, _ = read_desk(self.path, text=text)
        except ConfigError as error:
            return [_finding("error", error)]
        broken = {".".join(place) for place, _, _ in broken_phrases(desk)}
        findings = [
            _finding("error" if error.field in broken else "note", error)
            for error in lint(desk, self.path, text)
        ]
        return sorted(findings, key=lambda each: (each.level, each.line))

    async def keep_first(self) -> None:
        """Keep what the desk runs on, unless it is the newest version."""
        kept = await asyncio.to_thread(self._versions.all)
        if not kept or kept[0].digest != digest(self._text):
            why = "What the desk began with" if not kept else "Changed by hand"
            await asyncio.to_thread(self._versions.keep, self._text, "", why)

    async def publish(self, text: str, base: str, by: str, why: str) -> Version:
        """Serve new calls by this text from now on, and write it to the disk. `base` is the digest of what
        it was made from. Raises ChangedMeanwhile, ConfigError or StorageError, and then all is as it was."""
        async with self._changing:
            theirs = await asyncio.to_thread(self.on_disk)
            if digest(theirs) not in (base, digest(text)):
                raise ChangedMeanwhile(theirs, await self._merged(base, text, theirs))
            ready = await self._ready(text)
            if digest(theirs) != digest(self._text):
                await asyncio.to_thread(self._versions.keep, theirs, "", "Changed by hand")
            version = await asyncio.to_thread(self._versions.keep, text, by, why)
            before = self._app.served
            await self._app.swap(ready)
            try:
                await asyncio.to_thread(_write, self.path, text)
            except StorageError:
                await self._app.swap(before)
                raise
            self._text = text
            log.info("desk file %s is live", version.digest)
            await self.sharing.end(LIVE)
            return version

    async def reload(self) -> None:
        """Serve new calls by the file as it lies on the disk, and read its papers again. What is wrong with
        it is logged, and then the old one stays."""
        async with self._changing:
            try:
                text = await asyncio.to_thread(self.on_disk)
                await self._app.swap(await self._ready(text))
                changed, self._text = text != self._text, text
                if changed:
                    await asyncio.to_thread(self._versions.keep, text, "", "Changed by hand")
                    await self.sharing.end(LIVE)
                log.info("desk file %s is live", digest(text))
            except ApplianceError as error:
                log.error("the desk goes on as it was: %s", error)
            except Exception:
                log.exception("the desk goes on as it was")

    async def try_out(self, text: str) -> Trial:
        """A desk of this text, on an empty box of its own. ConfigError where it cannot be served."""
        desk, _ = await asyncio.to_thread(lambda: read_desk(self.path, text=text))
        idle = [trial for trial in self._trials if not trial.calls]
        if len(self._trials) >= TRIALS and not idle:
            raise ConfigError("too many desks are tried out", "end a try-out on another page")
        if len(self._trials) >= TRIALS:
            self._trials.remove(idle[0])
            idle[0].close()
        folder = tempfile.TemporaryDirectory(prefix="appliance-trial-")
        try:
            trial = Trial(self._app, await self._app.trial(desk, Path(folder.name)), folder)
        except BaseException:
            folder.cleanup()
            raise
        self._trials.append(trial)
        return trial

    def trial(self, id: str) -> Trial | None:
        return next((trial for trial in self._trials if trial.id == id), None)

    def close(self) -> None:
        for trial in self._trials:
            trial.close()
        self._trials.clear()

    async def questions(self) -> list[Asked]:
        """What was asked lately and would still not be answered, most often asked first."""
        place = self._app.place
        since = (datetime.now(UTC) - RECENT).isoformat()
        rows = await place.memory.run(place.notebook.questions)
        recent = [(at, text) for _, at, text in rows if at >= since and not _is_an_answer(text)]
        times = Counter(_plain(text) for _, text in recent)
        newest = {_plain(text): Asked(text, times[_plain(text)], at) for at, text in recent}
        by_number = sorted(newest.values(), key=lambda asked: (asked.times, asked.last), reverse=True)
        return [
            asked
            for asked in by_number[: 2 * QUESTIONS]
            if not await self.answer(self._app.served, asked.text)
        ][:QUESTIONS]

    async def proposals(self) -> list[Proposal]:
        """What of that means the same, and what the desk file may need for it."""
        asked = Counter({question.text: question.times for question in await self.questions()})
        embed, thread = self._app.engine("embed")
        if not asked or not thread:
            return []
        meanings = await thread.run(embed.embed, list(asked))
        knowledge = self._app.served.knowledge
        understood = [await knowledge.understand(text) for text in asked]
        known = {*self.desk.fact, *self.desk.flow}
        found = await asyncio.to_thread(propose, asked, meanings, understood)
        return [each if each.intent in known else replace(each, intent="") for each in found]

    async def answer(self, served: Served, question: str) -> str:
        """What a desk would take a question for; empty where it would not know."""
        understood = await served.knowledge.understand(question)
        if understood.verdict == "accept" and understood.candidates[0].intent != MESSAGE:
            return served.knowledge.label(understood.candidates[0].intent)
        passage = await served.knowledge.look_up(question)
        return passage.source if passage else ""

    def versions(self) -> list[Version]:
        return self._versions.all()

    def version(self, id: str) -> str | None:
        """The text of a version, by its id or digest."""
        return self._versions.text(id)

    async def _merged(self, base: str, mine: str, theirs: str) -> str | None:
        common = await asyncio.to_thread(self._versions.text, base)
        return None if common is None else merge(common, mine, theirs)

    async def _ready(self, text: str) -> Served:
        """A text made ready to be served; ConfigError where it cannot be, or has papers that cannot be read
        and the one that is served has not."""
        desk, _ = await asyncio.to_thread(lambda: read_desk(self.path, text=text))
        ready = await self._app.load(desk)
        worse = [problem for problem in ready.problems if problem not in self._app.served.problems]
        if worse:
            raise ConfigError("the papers cannot all be read: " + "; ".join(worse), "see to the folder")
        return ready


def differences(before: str, after: str, around: int = 3) -> list[tuple[str, int, int, str]]:
    """What was changed, line by line: "-", "+", " " or, where lines are left out, "…"; the line's number
    before and after, 0 where it has none; and the line."""
    old, new = before.split("\n"), after.split("\n")
    rows: list[tuple[str, int, int, str]] = []
    for group in difflib.SequenceMatcher(None, old, new, False).get_grouped_opcodes(around):
        if rows or group[0][1] > 0:
            rows.append(("…", 0, 0, ""))
        for kind, a, b, c, d in group:
            if kind == "equal":
                rows += [(" ", i + 1, j + 1, old[i]) for i, j in zip(range(a, b), range(c, d), strict=True)]
            else:
                rows += [("-", i + 1, 0, old[i]) for i in range(a, b)]
                rows += [("+", 0, j + 1, new[j]) for j in range(c, d)]
    return rows


def _finding(level: Literal["error", "note"], error: ConfigError) -> Finding:
    return Finding(level, max(1, error.line), error.field, error.bare, error.mend)


def _read(path: Path) -> str | None:
    """A desk file as it is, without the mark that some editors put before it; None where there is none."""
    with plain_errors(path):
        try:
            return path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not UTF-8 text", "save it as UTF-8") from error


def _write(path: Path, text: str) -> None:
    with plain_errors(path):
        write(path, text)


def _is_an_answer(text: str) -> bool:
    """Whether it is a yes, a no or a thanks and nothing else: to what, nobody can tell any more."""
    said, rest = act(text)
    return said in ("yes", "no", "thanks") and not rest


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
