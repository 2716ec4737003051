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
        assert (code, desk["text"], desk["digest"]) == (200, TEXT, digest(TEXT))
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


@pytest.mark.parametrize("what", ["", *ASKED])
async def test_only_who_has_entered_as_a_manager_works_it(tmp_path: Path, what: str) -> None:
    async with editing(tmp_path, claimed=True) as page:
        body = {"text": NEWER} if what else None
        assert (await page.ask(what, body))[0] == 401
        assert await page.enter("vic") == 200
        assert (await page.ask(what, body))[0] == 403
        assert await page.enter("ann") == 200
        assert (await page.ask(what, body))[0] in (200, 400)
        assert page.workshop.text == TEXT


async def test_who_has_left_publishes_nothing(tmp_path: Path) -> None:
    async with editing(tmp_path, claimed=True) as page:
        assert (await page.publish(NEWER))[0] == 401
        assert await page.enter("ann", "a brass bell by the gate") == 422
        assert await page.enter("ann") == 200
        status, told = await page.publish(NEWER)
        # The one who did it, whatever he says that he is called.
        assert (status, told["version"]["by"]) == (200, "ann")
        old = page.cookie
        assert (await page.ask("/access/leave", {}))[0] == 200
        page.cookie = old
        assert (await page.publish(TEXT))[0] == 401
        assert page.workshop.text == NEWER


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
    ],
)  # fmt: skip
async def test_what_is_not_understood_is_refused_politely(tmp_path: Path, body: bytes) -> None:
    async with editing(tmp_path) as page:
        for what in ("check", "publish", "put", "compare", "version", "try", "facts", "/access/enter"):
            code, told = await page.ask(what, body)
            assert code == 400, what
            assert told["mend"]


async def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        body = b'{"text": "' + b"x" * (600 << 10) + b'"}'
        assert (await page.ask("check", body))[0] == 413


async def test_a_file_on_the_disk_that_cannot_be_read_is_told_of_with_the_mend(tmp_path: Path) -> None:
    async with editing(tmp_path) as page:
        (tmp_path / "desk.toml").write_bytes("name = 'Caf\xe9'".encode("latin-1"))
        code, told = await page.ask("")
        assert (code, told["mend"]) == (422, "save it as UTF-8")
        (tmp_path / "desk.toml").write_bytes(b"\xef\xbb\xbf" + NEWER.encode())
        assert (await page.ask(""))[1]["by_hand"]["text"] == NEWER


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
    async with editing(tmp_path, claimed=True) as page:
        await page.enter("ann")
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
