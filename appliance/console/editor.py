"""The page's editor for the desk file: what a browser may ask of the workshop."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appliance.access.asking import needs, problem, text, who
from appliance.channels.web import LETTERS
from appliance.config import digest
from appliance.config.versions import Version
from appliance.console.asking import Answer, route
from appliance.errors import ApplianceError
from appliance.workshop import tomledit
from appliance.workshop.workshop import QUESTIONS, ChangedMeanwhile, Trial, Workshop, differences

log = logging.getLogger(__name__)


class Editor:
    """For the manager only."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._studying = asyncio.Semaphore(2)
        """Checks and try-outs at the same time; a call needs the processor too."""

    def routes(self) -> list[Route]:
        return [
            Route("/desk", needs("manager", self._desk)),
            self._route("versions", self._versions),
            self._route("version", self._version),
            self._route("compare", self._compare),
            self._route("check", self._check),
            self._route("facts", self._facts),
            self._route("put", self._put),
            self._route("drop", self._drop),
            self._route("try", self._try),
            self._route("questions", self._questions),
            self._route("proposals", self._proposals),
            self._route("phrases", self._phrases),
            self._route("publish", self._publish),
        ]

    def trial(self, connection: HTTPConnection) -> Trial | None:
        """The desk that a manager's call is for; None where there is none."""
        return self._workshop.trial(connection.path_params["id"])

    def _route(self, name: str, answer: Answer) -> Route:
        return route(f"/desk/{name}", answer)

    async def _desk(self, request: Request) -> Response:
        found, workshop = who(request), self._workshop
        try:
            on_disk = await asyncio.to_thread(workshop.on_disk)
        except ApplianceError as error:
            return problem(422, error.wrong, error.mend)
        return JSONResponse(
            {
                "name": workshop.desk.name,
                "file": str(workshop.path),
                "text": workshop.text,
                "digest": digest(workshop.text),
                "by_hand": {"text": on_disk, "digest": digest(on_disk)} if on_disk != workshop.text else None,
                "me": found.name if found else "",
                "saved": workshop.path.exists(),
            }
        )

    async def _check(self, asked: dict[str, Any]) -> dict[str, Any]:
        async with self._studying:
            findings = await asyncio.to_thread(self._workshop.check, text(asked))
        return {"findings": [asdict(finding) for finding in findings]}

    async def _facts(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"facts": [asdict(fact) for fact in tomledit.facts(text(asked))]}

    async def _put(self, asked: dict[str, Any]) -> dict[str, Any]:
        questions = asked["ask"]
        if not isinstance(questions, list):
            raise TypeError
        fact = tomledit.FactForm(
            text(asked, "name"),
            tuple(str(each) for each in questions),
            text(asked, "say"),
            text(asked, "label"),
        )
        return {"text": tomledit.put(text(asked), fact)}

    async def _drop(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"text": tomledit.drop(text(asked), text(asked, "name"))}

    async def _try(self, asked: dict[str, Any]) -> dict[str, Any]:
        async with self._studying:
            trial = await self._workshop.try_out(text(asked))
        answers = [
            await self._workshop.answer(trial.served, str(question)[:LETTERS])
            for question in asked.get("questions", [])[:QUESTIONS]
        ]
        return {"trial": trial.id, "answers": answers, "problems": trial.served.problems}

    async def _questions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"questions": [asdict(question) for question in await self._workshop.questions()]}

    async def _proposals(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = await self._workshop.proposals()
        flows = self._workshop.desk.flow
        return {"proposals": [{**asdict(each), "flow": each.intent in flows} for each in found]}

    async def _phrases(self, asked: dict[str, Any]) -> dict[str, Any]:
        phrases = [str(phrase)[:LETTERS] for phrase in asked["phrases"][:QUESTIONS]]
        return {"text": tomledit.add_phrases(text(asked), text(asked, "name"), phrases)}

    async def _versions(self, asked: dict[str, Any]) -> dict[str, Any]:
        kept = await asyncio.to_thread(self._workshop.versions)
        live = digest(self._workshop.text)
        return {"versions": [_shown(version) for version in kept], "live": live}

    async def _version(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"text": await self._kept(text(asked, "id"))}

    async def _compare(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Two texts, each given as such or as a version; "live" is the one that is served."""
        before, after = [await self._side(asked[side]) for side in ("before", "after")]
        return {"rows": await asyncio.to_thread(differences, before, after)}

    async def _publish(self, asked: dict[str, Any]) -> dict[str, Any] | Response:
        by, why = (" ".join(text(asked, key).split())[:200] for key in ("by", "why"))
        try:
            version = await self._workshop.publish(text(asked), text(asked, "base"), by, why)
        except ChangedMeanwhile as changed:
            return JSONResponse(self._changed(changed), 409)
        return {"version": _shown(version)}

    async def _side(self, side: Any) -> str:
        if not isinstance(side, dict):
            raise TypeError
        if "text" in side:
            return text(side)
        return self._workshop.text if side["id"] == "live" else await self._kept(text(side, "id"))

    async def _kept(self, id: str) -> str:
        kept = await asyncio.to_thread(self._workshop.version, id)
        if kept is None:
            raise KeyError(id)
        return kept

    def _changed(self, changed: ChangedMeanwhile) -> dict[str, Any]:
        return {
            "wrong": changed.wrong,
            "mend": changed.mend,
            "theirs": changed.theirs,
            "base": digest(changed.theirs),
            "merged": changed.merged,
            "rows": differences(self._workshop.text, changed.theirs),
        }


def _shown(version: Version) -> dict[str, Any]:
    return {**asdict(version), "at": version.at.isoformat(), "digest": version.digest}
