"""A desk file that answers some of the callers: watched, and ended by itself where it serves them worse."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance.app import App
from appliance.config import digest
from appliance.errors import ApplianceError, ConfigError
from appliance.workshop.sharing import FLEET, Share
from appliance.workshop.workshop import LIVE, Workshop
from tests.guest import Guest
from tests.workshop.test_workshop import NEWER, TEXT, opened

WORSE = TEXT.replace('"when are you open", ', "").replace(
    '"what are your hours", "are you open today"', '"zebra"'
)
"""It knows no hours."""


async def call(app: App, number: int, *asks: str) -> str:
    """The last answer to somebody who calls from a number of his own."""
    guest = Guest(f"call-{number}")
    guest.caller = f"+44 20 7946 {number:04}"
    talking = asyncio.create_task(app.chat(guest))
    said = await guest.greeting()
    for ask in asks:
        said = await guest.ask(ask)
    await guest.leave()
    await talking
    return said


async def begun(workshop: Workshop, text: str, percent: int) -> None:
    workshop.put_candidate(text)
    await workshop.share_candidate(percent)


async def last(workshop: Workshop) -> Share:
    found = await workshop.sharing.last()
    assert found
    return found


async def test_so_many_callers_as_were_said_are_answered_by_it_and_each_always_by_the_same(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (app, workshop):
        await begun(workshop, NEWER, 50)
        first = [await call(app, n, "when are you open") for n in range(40)]
        again = [await call(app, n, "when are you open") for n in range(40)]
        assert first == again
        assert 8 < first.count("We are open from ten.") < 32
        share = await last(workshop)
        assert (share.version, share.percent, share.why) == (digest(NEWER), 50, "")
        assert share.evidence.candidate.n + share.evidence.rest.n <= 40


async def test_who_it_answers_stays_with_it_when_there_are_to_be_more(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        await begun(workshop, NEWER, 20)
        few = [await call(app, n, "when are you open") for n in range(30)]
        await workshop.share_candidate(50)
        more = [await call(app, n, "when are you open") for n in range(30)]
        assert all(b == a for a, b in zip(few, more, strict=True) if a == "We are open from ten.")
        assert more.count("We are open from ten.") > few.count("We are open from ten.")


async def test_it_is_ended_by_itself_where_callers_are_served_worse(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        await begun(workshop, WORSE, 50)
        for number in range(400):
            await call(app, number, "when are you open")
            if not app.candidate:
                break
        await workshop.sharing.close()
        share = await last(workshop)
        assert share.why.startswith("callers are served worse: ")
        assert "unanswered" in share.why
        assert await call(app, 0, "when are you open") == "We are open from nine."
    async with opened(tmp_path) as (app, workshop):
        await workshop.sharing.resume()
        assert app.candidate is None


async def test_it_goes_on_after_a_restart_with_what_it_was_worth(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        await begun(workshop, NEWER, 50)
        before = [await call(app, n, "when are you open") for n in range(20)]
        await workshop.sharing.close()
        seen = (await last(workshop)).evidence
    async with opened(tmp_path) as (app, workshop):
        await workshop.sharing.resume()
        assert [await call(app, n + 100) for n in range(2)]
        assert [await call(app, n, "when are you open") for n in range(20)] == before
        now = (await last(workshop)).evidence
        assert 0 < seen.candidate.n <= now.candidate.n
        assert 0 < seen.rest.n <= now.rest.n


@pytest.mark.parametrize("how", ["published", "by hand", "by hand while it was off", "dropped"])
async def test_another_file_for_everybody_ends_it(tmp_path: Path, how: str) -> None:
    other = TEXT.replace("from nine", "from eight")
    async with opened(tmp_path) as (app, workshop):
        await begun(workshop, NEWER, 50)
        match how:
            case "published":
                await workshop.publish(other, digest(TEXT), "Ann", "why not")
            case "by hand":
                workshop.path.write_text(other)
                await workshop.reload()
            case "dropped":
                await workshop.sharing.end("it was ended by hand")
        if how != "by hand while it was off":
            assert app.candidate is None
            share = await last(workshop)
            assert share.why == ("it was ended by hand" if how == "dropped" else LIVE)
    if how == "by hand while it was off":
        (tmp_path / "desk.toml").write_text(other)
        async with opened(tmp_path) as (app, workshop):
            await workshop.sharing.resume()
            assert app.candidate is None
            assert (await last(workshop)).why == "the desk file was changed"


async def test_what_cannot_be_shared_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        with pytest.raises(ConfigError, match="no desk file"):
            await workshop.share_candidate(10)
        for percent in (0, -1, 51, 100):
            with pytest.raises(ConfigError, match="of the callers"):
                await begun(workshop, NEWER, percent)
        assert (app.candidate, await workshop.sharing.last()) == (None, None)


async def test_the_fleets_own_candidate_goes_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        await begun(workshop, NEWER, 10)
        ours = app.candidate
        await workshop.sharing.end("for now")
        app.candidate = ours  # As if the fleet had sent one.
        with pytest.raises(ApplianceError, match="the fleet"):
            await workshop.share_candidate(10)
        app.candidate = None
        await workshop.share_candidate(10)
        app.candidate = ours
        share = await last(workshop)
        assert share.why == FLEET
        assert app.candidate is ours


async def test_what_the_fleet_tried_meanwhile_ends_it_for_good(tmp_path: Path) -> None:
    async with opened(tmp_path) as (app, workshop):
        await begun(workshop, NEWER, 10)
        with app.place.store.write() as db:
            db.execute(
                "insert into candidate (version, serial, at, manifest, secret, state)"
                " values (1, 1, '9999', '{}', x'00', 'ended')"
            )
    async with opened(tmp_path) as (app, workshop):
        await workshop.sharing.resume()
        assert app.candidate is None
        assert (await last(workshop)).why == FLEET
