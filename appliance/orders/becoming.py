"""The box becomes what its fleet wishes it to be: a bundle is fetched, verified, and served between calls,
to all or as a candidate to some; and the box goes back where it is told to, or does not come up."""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from appliance import models
from appliance.app import App
from appliance.config import digest, read_desk
from appliance.config.box import Box
from appliance.config.given import Given, Shelf
from appliance.config.strict import TomlFile
from appliance.errors import ApplianceError
from appliance.orders import installer
from appliance.orders.trying import Trying
from appliance.telemetry import bundle
from appliance.telemetry.bundle import Forged, Manifest, Piece
from appliance.telemetry.orders import Desired, Standing
from appliance.telemetry.outbox import Outbox
from appliance.telemetry.pantry import Pantry
from appliance.workshop.workshop import Workshop

log = logging.getLogger(__name__)

AGAIN = 3.0
"""Seconds without a part after which it is asked for again."""

TOLD = 10
"""Percent of a bundle between two times that the fleet is told how far it is."""

FORGED = 3
"""Times that a piece may come as another before the bundle is refused."""


class Restart(Exception):
    """The program is to be started again."""


class Superseded(Exception):
    """The fleet wishes something else by now."""


class Becoming:
    """`ask` asks the fleet for a part of a piece, from any thread. `signer` is the fleet's key; a box without
    it takes nothing."""

    def __init__(
        self,
        app: App,
        outbox: Outbox,
        files: tuple[Path, Path],
        workshop: Workshop | None,
        ask: Callable[[str, int], None],
        install: Callable[[Path, Path], Coroutine[Any, Any, None]] = installer.install,
    ) -> None:
        """`files` are box.toml and desk.toml. Raises ApplianceError where the key cannot be read."""
        self._app = app
        self._files = files
        self._workshop = workshop
        self._ask = ask
        self._install = install
        store = app.place.store
        self._desired = Desired(store, outbox)
        settings = app.box.fleet
        self._device = settings.device
        self._signer = bundle.read_key(settings.signer) if settings.signer else None
        self._pantry = Pantry(app.box.data / "pieces")
        self.shelf = Shelf(app.box.data)
        self._fetching: Piece | None = None
        self._gone = self._came = False
        self._forged = 0
        self._trying = Trying(app, self._pantry, self.shelf, workshop, self._box_with, self._tell)

    # In the thread of the line.

    def wished(self, payload: bytes) -> bool:
        """What the box should be has come; whether that is news."""
        if self._signer is None:
            log.warning("the fleet sent a bundle, and box.toml names no key to verify it (fleet.signer)")
            return False
        try:
            manifest = bundle.verified(payload, self._signer, self._device)
            # The memory may have been lost: what it is shows what it was sent.
            return manifest.serial > self.shelf.current.serial and self._desired.take(manifest)
        except ApplianceError as error:
            log.error("%s", error)
            return False

    def part_came(self, which: dict[str, Any], part: bytes) -> None:
        """A part of what is fetched; the next is asked for at once."""
        piece = self._fetching
        if piece is None or which["sha256"] != piece.sha256:
            return
        self._came = True
        if which.get("gone"):
            self._gone = True
            return
        try:
            if not self._pantry.put(piece, which["offset"], part) and self._fetching is piece:
                self._ask(piece.sha256, self._pantry.at(piece))
        except Forged as error:
            log.error("%s", error)
            self._forged += 1
        except ApplianceError as error:
            log.error("a bundle cannot be kept: %s", error)

    # In the loop.

    async def start(self, went_back: str = "") -> None:
        """What was under way when the program ended: a candidate goes on; what the box is is told, and why it
        went back at its start. Raises Restart."""
        current = self.shelf.current
        self._app.served = replace(self._app.served, version=self._served_version(current))
        if current.trial:
            await self._came_up(current)
        await self._trying.resume()
        if went_back:
            newest = await self._run(lambda: self._desired.newest)
            await self._tell(Standing("back", False, went_back), newest or None)
        elif not current.trial:
            await self._tell(await self._standing(current))

    async def _standing(self, current: Given) -> Standing:
        """What the box has made of what was wished last."""
        newest = await self._run(lambda: self._desired.newest)
        candidate: Standing | None = await self._run(self._trying.of, newest)
        if candidate:
            return candidate
        if why := await self._run(self._desired.refused):
            return Standing("refused", False, why)
        return Standing("applied" if current.version else "")

    async def look(self) -> None:
        """Become what is wished and waits, if anything does. Raises Restart."""
        while manifest := await self._run(self._desired.waiting):
            try:
                await self._become(manifest)
            except Superseded:
                log.info("bundle %d is not served: the fleet wishes another", manifest.version)
            except Restart:
                raise
            except ApplianceError as error:
                await self._refuse(manifest, str(error))
            except Exception as error:
                # It must not keep the commands waiting, a restart among them.
                log.exception("bundle %d is not served", manifest.version)
                why = f"it could not be served ({type(error).__name__}); the log tells more"
                await self._refuse(manifest, why)

    async def _become(self, manifest: Manifest) -> None:
        current = self.shelf.current
        if manifest.undo:
            return await self._undo(manifest, current)
        if manifest.version < current.version and not manifest.back:
            raise Forged(f"version {manifest.version} is older than {current.version}, which the box has")
        if not self._workshop:
            raise ApplianceError("nothing can be changed on this box")
        await self._fetch(manifest, current)
        await asyncio.to_thread(self._check, manifest)
        if manifest.share < 100:
            await self._trying.begin(manifest)
            await self._tell(Standing("trying", share=manifest.share), manifest.serial)
            return
        await self._trying.end("the box has another bundle now")
        await self._apply(manifest, current)

    async def _fetch(self, manifest: Manifest, current: Given) -> None:
        """Have all pieces here. Raises Superseded where another bundle is wished meanwhile."""
        kept = {*current.pieces, *current.before.get("pieces", ()), *self._trying.pieces}
        await asyncio.to_thread(self._pantry.make_room, manifest, kept)
        self._forged, told = 0, -TOLD
        try:
            while missing := await asyncio.to_thread(self._pantry.missing, manifest):
                if await self._run(lambda: self._desired.newest) != manifest.serial:
                    raise Superseded
                if self._gone:
                    raise ApplianceError("the fleet does not have all of the bundle any more")
                if self._forged >= FORGED:
                    raise Forged("what came is not what the manifest says")
                left = sum(piece.size - self._pantry.at(piece) for piece in missing)
                done = 100 * (manifest.size - left) // manifest.size
                if done >= told + TOLD:
                    told = done
                    await self._tell(Standing("fetching", done=done))
                self._fetching, self._came = missing[0], False
                self._ask(missing[0].sha256, self._pantry.at(missing[0]))
                await self._until_there(missing[0])
        finally:
            self._fetching, self._gone = None, False

    async def _until_there(self, piece: Piece) -> None:
        """Or until nothing of it has come for a while."""
        forged, quiet = self._forged, 0.0
        while not self._pantry.path(piece).exists() and quiet < AGAIN and not self._gone:
            await asyncio.sleep(0.05)
            quiet, self._came = (0.0 if self._came else quiet + 0.05), False
            if self._forged != forged:
                return

    def _check(self, manifest: Manifest) -> None:
        """What can be seen to be wrong before anybody hears it."""
        if text := self._pantry.text(manifest, "desk"):
            assert self._workshop
            read_desk(self._workshop.path, text=text)
        if text := self._pantry.text(manifest, "settings"):
            self._box_with(text)

    def _box_with(self, settings: str) -> Box:
        """box.toml with settings over it. ConfigError where that is no box."""
        try:
            table = tomllib.loads(settings)
        except tomllib.TOMLDecodeError as error:
            raise ApplianceError(f"the settings are no TOML: {error}") from error
        return TomlFile(self._files[0]).over(table).into(Box)

    async def _apply(self, manifest: Manifest, current: Given) -> None:
        """Serve by it from now on. Raises Restart where the program has to be started again for it."""
        assert self._workshop
        for piece in manifest.of("system"):
            await self._install(self._pantry.path(piece), self._app.box.data)
        new = Given(
            manifest.version, manifest.serial, manifest.hash, manifest.name,
            tuple(piece.sha256 for piece in manifest.pieces), bool(manifest.of("settings")),
            bool(manifest.of("model")), off=tuple(sorted(self._app.off)),
        )  # fmt: skip
        anew = (new.settings, new.models) != (False, False) or current.settings or current.models
        text = self._pantry.text(manifest, "desk")
        before = await asyncio.to_thread(self._workshop.on_disk)
        files: dict[str, Path | str] = {
            f"models/{piece.name}": self._pantry.path(piece) for piece in manifest.of("model")
        }
        if new.settings:
            files["settings.toml"] = self._pantry.text(manifest, "settings")
        if text:
            files |= {"desk.toml": text, "before.toml": before}
            new = replace(new, desk="desk.toml")
        await asyncio.to_thread(self.shelf.lay, new, files, models.ROOT if not anew else self._app.box.models)
        if anew:
            await self._app.quiet()
            await asyncio.to_thread(self.shelf.commit, replace(new, trial=True))
            raise Restart
        if text and digest(text) != digest(before):
            await self._workshop.publish(text, digest(before), "the fleet", f"version {manifest.version}")
        await asyncio.to_thread(self.shelf.commit, replace(new, desk=""))
        await self._settled(manifest.serial, "applied")

    async def _came_up(self, current: Given) -> None:
        """The program runs with what is new. Where an engine is off that was not, it is no good."""
        if worse := sorted(set(self._app.off) - set(current.off)):
            why = "; ".join(f"{kind} is off: {self._app.off[kind]}" for kind in worse)
            log.error("version %d is no good, the box goes back: %s", current.version, why)
            await asyncio.to_thread(self.shelf.back, self.shelf.desk_before(current))
            now = Standing("back", False, why)
            await self._run(self._desired.report, self._app.desk.digest, 0, "", now, current.serial)
            raise Restart
        await self._settled(current.serial, "applied")

    async def _settled(self, serial: int, state: str) -> None:
        await asyncio.to_thread(self.shelf.settled)
        self._app.served = replace(self._app.served, version=self._served_version(self.shelf.current))
        await self._tell(Standing(state), serial)

    def _served_version(self, current: Given) -> int:
        """The version that calls count for; none where the manager has put something else live since."""
        path = self.shelf.of(current) / "desk.toml"
        same = not path.exists() or digest(path.read_text(encoding="utf-8")) == self._app.desk.digest
        return current.version if same else 0

    async def _undo(self, manifest: Manifest, current: Given) -> None:
        """Be what the box was before a version, if it has that."""
        await self._trying.end("the fleet has taken it back", manifest.undo)
        if current.version == manifest.undo:
            assert self._workshop
            before, now = self.shelf.desk_before(current), await asyncio.to_thread(self._workshop.on_disk)
            mine = self.shelf.of(current) / "desk.toml"
            # What a manager has put live since stays.
            changed = mine.exists() and digest(now) != digest(mine.read_text(encoding="utf-8"))
            before = "" if changed else before
            if current.settings or current.models:
                await self._app.quiet()
                await asyncio.to_thread(self.shelf.back, before)
                await self._tell(Standing("undone"), manifest.serial)
                raise Restart
            if before:
                await self._workshop.publish(before, digest(now), "the fleet", f"before {current.version}")
            await asyncio.to_thread(self.shelf.back)
        await self._settled(manifest.serial, "undone")

    # What is told.

    async def close(self) -> None:
        await self._trying.close()

    async def _refuse(self, manifest: Manifest, why: str) -> None:
        log.error("bundle %d is refused: %s", manifest.version, why)
        await self._tell(Standing("refused", False, why), manifest.serial)

    async def _tell(self, now: Standing, serial: int | None = None) -> None:
        current = self.shelf.current
        desk = self._app.desk.digest
        await self._run(self._desired.report, desk, current.version, current.hash, now, serial)

    async def _run(self, do: Callable[..., Any], *arguments: Any) -> Any:
        """In the thread that writes what the box remembers."""
        return await self._app.place.memory.run(do, *arguments)
