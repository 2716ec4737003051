"""What a browser may ask of the editor, and which browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.channels.browser import socket
from tests.console.editing import NEWER, TEXT, digest, editing

ASKED = ["versions", "version", "compare", "check", "facts", "put", "drop", "try", "questions", "publish"]


async def test_the_desk_file_is_read_checked_and_published(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        code, desk = await page.ask("")
        assert (code, desk["text"], desk["digest"], desk["may"]) == (200, TEXT, digest(TEXT), True)
        assert await page.ask("check", {"text": TEXT}) == (200, {"findings": []})
        code, told = await page.publish(NEWER.replace("Alder", "Birch"))
        assert code == 200
        assert told["version"]["by"] == "Ann"
        _, desk = await page.ask("")
        assert desk["name"] == "Birch House"
        assert desk["by_hand"] is None
        _, kept = await page.ask("versions", {})
        assert kept["live"] == kept["versions"][0]["digest"] == desk["digest"]
        assert len(kept["versions"]) == 2
        sides = {"before": {"id": kept["versions"][1]["id"]}, "after": {"id": "live"}}
        _, told = await page.ask("compare", sides)
        assert ["+", 0, 1, 'name = "Birch House"'] in told["rows"]
        assert await page.ask("version", {"id": kept["versions"][1]["id"]}) == (200, {"text": TEXT})


async def test_what_is_wrong_comes_with_line_field_and_mend(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        _, told = await page.ask("check", {"text": TEXT.replace('say = "Park', 'sai = "Park')})
        (finding,) = told["findings"]
        assert (finding["level"], finding["line"], finding["field"]) == ("error", 12, "fact.parking.sai")
        assert finding["mend"] == "did you mean say?"
        code, told = await page.publish(TEXT.replace('say = "Park', 'sai = "Park'))
        assert (code, told["line"]) == (422, 12)


async def test_somebody_else_was_first(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        await page.publish(NEWER)
        code, told = await page.publish(TEXT.replace("behind", "before"), base=digest(TEXT))
        assert code == 409
        assert told["theirs"] == NEWER
        assert told["base"] == digest(NEWER)
        assert told["merged"] == NEWER.replace("behind", "before")


@pytest.mark.parametrize("what", ASKED)
async def test_nobody_elsewhere_works_it_without_a_passphrase_file(tmp_path: Path, what: str) -> None:
    async with editing(tmp_path, only_here=False) as page:
        _, desk = await page.ask("")
        assert not desk["may"]
        assert "password_file" in desk["closed"]
        assert (await page.ask(what, {"text": NEWER}))[0] == 403
        assert page.workshop.text == TEXT


async def test_the_passphrase_opens_it_and_leaving_closes_it(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a brass bell")
    async with editing(tmp_path, only_here=False, passphrase=secret) as page:
        assert (await page.publish(NEWER))[0] == 403
        assert (await page.ask("enter", {"passphrase": "a brass bell!"}))[0] == 403
        assert (await page.ask("enter", {"passphrase": "a brass bell"}))[0] == 200
        cookie = page.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "path=/desk" in cookie
        assert (await page.publish(NEWER))[0] == 200
        old = page.cookie
        assert (await page.ask("leave", {}))[0] == 200
        page.cookie = old
        assert (await page.publish(TEXT))[0] == 403
        assert page.workshop.text == NEWER


async def test_guessing_is_cut_short(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a brass bell")
    async with editing(tmp_path, passphrase=secret) as page:
        told = [await page.ask("enter", {"passphrase": f"guess {number}"}) for number in range(7)]
        assert {code for code, _ in told} == {403}
        assert "too often" in told[-1][1]["wrong"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
async def test_another_page_in_the_same_browser_publishes_nothing(tmp_path: Path, origin: str) -> None:
    async with editing(tmp_path) as page:
        body = {"text": NEWER, "base": digest(TEXT), "by": "", "why": ""}
        assert (await page.ask("publish", body, Origin=origin))[0] == 403
        assert page.workshop.text == TEXT


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"nonsense", b"[" * 100_000, b'{"text": 3}', b'{"text": "\\ud800"}', b"\xff",
        b'{"text": "' + b"x" * (600 << 10) + b'"}',
    ],
)  # fmt: skip
async def test_what_is_not_understood_is_refused_politely(tmp_path: Path, body: bytes) -> None:
    async with editing(tmp_path) as page:
        for what in ("check", "publish", "put", "compare", "version", "try", "facts", "enter"):
            code, told = await page.ask(what, body)
            assert code == 400, what
            assert told["mend"]


async def test_a_version_is_no_way_to_other_files(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        for id in ("../../desk", "/etc/passwd", "", "log"):
            assert (await page.ask("version", {"id": id}))[0] == 400


async def test_a_draft_answers_beside_the_desk(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        code, told = await page.ask("try", {"text": NEWER, "questions": ["when are you open", "stamps?"]})
        assert (code, told["answers"]) == (200, ["hours", ""])
        for path, answer in ((f"/desk/trials/{told['trial']}/chat", "ten"), ("/chat", "nine")):
            async with socket(page.console, path) as line:
                await line.send(json.dumps({"text": "when are you open"}))
                said = [json.loads(await line.recv()) for _ in range(2)]
                assert said[-1] == {"type": "say", "text": f"We are open from {answer}."}


async def test_a_draft_answers_nobody_but_the_manager(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a brass bell")
    async with editing(tmp_path, passphrase=secret) as page:
        await page.ask("enter", {"passphrase": "a brass bell"})
        _, told = await page.ask("try", {"text": NEWER})
        manager = {"Cookie": page.cookie}
        for path in (f"/desk/trials/{told['trial']}/chat", f"/desk/trials/{told['trial']}/talk"):
            with pytest.raises(InvalidStatus):
                async with socket(page.console, path):
                    pass
        async with socket(page.console, path, additional_headers=manager):
            pass
        with pytest.raises(InvalidStatus):
            async with socket(page.console, "/desk/trials/no/chat", additional_headers=manager):
                pass


async def test_a_fact_is_changed_without_a_word_of_toml(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        _, told = await page.ask("facts", {"text": TEXT})
        hours = told["facts"][0]
        assert hours["say"] == "We are open from nine."
        assert (await page.ask("put", {"text": TEXT, **hours, "say": "We are open from ten."}))[1] == {
            "text": NEWER
        }
        _, told = await page.ask("drop", {"text": TEXT, "name": "hours"})
        assert "hours" not in told["text"]
