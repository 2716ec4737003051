"""The folder and its index: what comes, changes, goes, and what happens when a load is cut off."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.answering.knowledge import Knowledge
from appliance.config import DeskFile, Fact
from appliance.documents import Documents
from appliance.engines.fake import FakeEmbed
from appliance.engines.inline import InlineThread
from appliance.engines.thread import EngineThread
from appliance.errors import StorageError
from appliance.memory.sqlite import sqlite3
from appliance.memory.vectors import connect
from tests.documents.pdf import pdf

ROOT = Path(__file__).parent.parent.parent


class Counting(FakeEmbed):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)


def texts(documents: Documents, question: str) -> list[str]:
    return [passage.text for passage in documents.find(question, 20)]


def whole(database: Path, folder: Path) -> None:
    """Every document is in with all its sentences, words and meanings, or not at all."""
    db = connect(database, 5)
    assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    db.execute("insert into words (words, rank) values ('integrity-check', 1)")
    ids = db.execute("select id from sentence order by id").fetchall()
    assert db.execute("select rowid from meaning order by rowid").fetchall() == ids
    for path, count in db.execute(
        "select path, (select count(*) from sentence where file = f.id) from file f"
    ):
        assert count == len((folder / path).read_text().split("\n\n")), path
    db.close()


def test_what_is_new_is_read_and_what_is_gone_is_forgotten(papers: Path, tmp_path: Path) -> None:
    embed = Counting()
    documents = Documents(papers, tmp_path / "index.db", embed)
    assert documents.load() == []
    (papers / "one.txt").write_text("The bar is on the roof.")
    (papers / "deep" / "er").mkdir(parents=True)
    (papers / "deep" / "er" / "two.md").write_text("The sauna is in the cellar.")
    assert documents.load() == []
    assert texts(documents, "bar roof")[0] == "The bar is on the roof."
    assert documents.find("sauna cellar")[0].source == "deep/er/two.md, line 1"

    embed.texts.clear()
    assert documents.load() == []
    assert embed.texts == ["a probe of the embedding model"]

    (papers / "one.txt").write_text("The bar is in the garden.")
    (papers / "deep" / "er" / "two.md").unlink()
    assert documents.load() == []
    assert texts(documents, "bar roof sauna cellar") == ["The bar is in the garden."]


def test_an_empty_folder_and_none_at_all(papers: Path, documents: Documents) -> None:
    assert documents.load() == []
    papers.rmdir()
    assert documents.load() == []
    assert documents.find("anything") == []
    assert documents.answer("anything") is None


def test_problems_are_told_at_every_load(papers: Path, documents: Documents) -> None:
    (papers / "good.txt").write_text("The bar is on the roof.")
    (papers / "scan.pdf").write_bytes(pdf([[]]))
    (papers / "odd.txt").write_bytes(b"\xff\xfe\xfd")
    (papers / "letter.docx").write_bytes(b"PK")
    (papers / "big.txt").write_bytes(b"x" * 20_000_001)
    (papers / ".hidden.txt").write_text("Nobody sees this.")
    (papers / "empty.txt").write_text("")
    problems = documents.load()
    assert [problem.split()[0] for problem in problems] == ["big.txt", "letter.docx", "odd.txt", "scan.pdf"]
    assert documents.load() == problems
    assert texts(documents, "bar nobody sees") == ["The bar is on the roof."]


def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    papers: Path, tmp_path: Path, documents: Documents
) -> None:
    (tmp_path / "secret.txt").write_text("The safe is behind the picture.")
    (papers / "link.txt").symlink_to(tmp_path / "secret.txt")
    documents.load()
    assert texts(documents, "safe picture") == []


@pytest.mark.parametrize(
    "name", ["öffnung zeiten.md", "a'b\"c;.txt", "%s.txt", "日本.txt", "x" * 200 + ".txt"]
)
def test_any_name_will_do(papers: Path, documents: Documents, name: str) -> None:
    (papers / name).write_text("The bar is on the roof.")
    assert documents.load() == []
    assert documents.find("bar")[0].source == f"{name}, line 1"


def test_a_name_that_is_no_text(papers: Path, documents: Documents) -> None:
    with open(os.fsencode(papers) + b"/bad\xff.txt", "wb") as file:  # noqa: PTH123
        file.write(b"The bar is on the roof.")
    assert documents.load() == []
    assert documents.load() == []
    assert texts(documents, "bar") == ["The bar is on the roof."]


def test_progress_counts_sentences(papers: Path, documents: Documents) -> None:
    (papers / "long.txt").write_text("\n\n".join(f"Room {i} is on the roof." for i in range(150)))
    seen: list[tuple[str, int, int]] = []
    documents.load(lambda *told: seen.append(told))
    assert seen == [("long.txt", 64, 150), ("long.txt", 128, 150), ("long.txt", 150, 150)]


@pytest.mark.slow
def test_ten_megabytes_of_text(papers: Path, tmp_path: Path) -> None:
    class Same(FakeEmbed):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return np.eye(1, self.dimensions, dtype=np.float32).repeat(len(texts), axis=0)

    line = (
        "The lamp number {} in the long corridor of the old house is switched off at midnight by the porter. "
    )
    (papers / "long.txt").write_text("".join(line.format(i) for i in range(100_000)))
    (papers / "word.txt").write_text("x" * 1_000_000)
    documents = Documents(papers, tmp_path / "index.db", Same(8))
    begun = time.perf_counter()
    assert documents.load() == []
    print(f"10 MB in {time.perf_counter() - begun:.1f} s")
    assert any("number 99999 in" in text for text in texts(documents, "lamp 99999"))


def test_the_index_is_made_anew_for_another_model(papers: Path, tmp_path: Path) -> None:
    (papers / "one.txt").write_text("The bar is on the roof.")
    Documents(papers, tmp_path / "index.db", FakeEmbed(256)).load()
    other = Documents(papers, tmp_path / "index.db", FakeEmbed(64))
    other.load()
    assert texts(other, "bar") == ["The bar is on the roof."]


@pytest.mark.parametrize("harm", ["replaced", "cut", "torn"])
def test_a_damaged_index_is_made_anew(papers: Path, tmp_path: Path, harm: str) -> None:
    lines = (f"The bar number {i} is on the roof of house {i}." for i in range(200))
    (papers / "one.txt").write_text("\n\n".join(lines))
    index = tmp_path / "index.db"
    Documents(papers, index, FakeEmbed()).load()
    whole = index.read_bytes()
    match harm:
        case "replaced":
            index.write_bytes(b"not a database, whatever its name may say" * 100)
        case "cut":
            index.write_bytes(whole[: len(whole) // 2])
        case "torn":
            half = len(whole) // 2
            index.write_bytes(whole[:half] + b"\xff" * 40_000 + whole[half + 40_000 :])
    again = Documents(papers, index, FakeEmbed())
    assert again.load() == []
    assert texts(again, "bar 7 house 7")[0] == "The bar number 7 is on the roof of house 7."


def test_an_index_that_cannot_be_written_says_so(papers: Path, tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()
    with pytest.raises(StorageError, match="made anew"):
        Documents(papers, tmp_path / "index.db", FakeEmbed())


async def test_a_desk_whose_papers_cannot_be_had_answers_without_them_and_says_why(
    papers: Path, tmp_path: Path
) -> None:
    (tmp_path / "index.db").mkdir()
    desk = DeskFile("House", fact={"bar": Fact(("where is the bar",), "Here.")}, documents=str(papers))
    knowledge = Knowledge(desk, FakeEmbed(), InlineThread(), tmp_path / "index.db")
    assert "papers are off" in (await knowledge.load())[0]
    assert "made anew" in knowledge.papers_off
    assert await knowledge.look_up("where is the roof") is None
    assert (await knowledge.understand("where is the bar")).candidates[0].intent == "bar"


async def test_a_desk_does_not_wait_for_papers_that_take_long(papers: Path, tmp_path: Path) -> None:
    desk = DeskFile("House", fact={"bar": Fact(("where is the bar",), "Here.")}, documents=str(papers))
    knowledge = Knowledge(desk, FakeEmbed(), InlineThread(), tmp_path / "index.db")
    reader, free = EngineThread("reader"), threading.Event()
    before = asyncio.create_task(reader.run(free.wait))
    await asyncio.sleep(0)
    assert await knowledge.load(reader=reader, within=0.01) == []
    assert knowledge.papers_off == "they are being read"
    assert await knowledge.look_up("where is the roof") is None
    assert (await knowledge.understand("where is the bar")).candidates[0].intent == "bar"
    free.set()
    await before
    await reader.run(int)
    assert knowledge.papers_off == ""
    reader.close()


class Dense(FakeEmbed):
    """Rows without zeros, so that any piece of one is known again."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [
            np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.dimensions) for text in texts
        ]
        unit = np.array(rows, dtype=np.float32)
        return unit / np.linalg.norm(unit, axis=1, keepdims=True)


def pieces(row: NDArray[np.float32]) -> list[bytes]:
    """A row in pieces: a page of the file may end in the midst of it."""
    data = row.tobytes()
    return [data[at : at + 64] for at in range(0, len(data), 64)]


def bytes_of(database: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(database.parent.glob(database.name + "*")))


@pytest.mark.parametrize("way", ["removed", "changed", "emptied"])
def test_what_is_removed_leaves_no_bytes(papers: Path, tmp_path: Path, way: str) -> None:
    database = tmp_path / "index.db"
    embed = Dense()
    documents = Documents(papers, database, embed)
    secret = "Zebulon Quackenbush suffers from xylophobia."
    (papers / "kept.txt").write_text("\n\n".join(f"Room {i} is on floor {i % 7}." for i in range(300)))
    (papers / "secret.txt").write_text(f"PATIENTS OF WIMBLEDON\n\n{secret}\n\n" + "Another line. " * 50)
    documents.load()
    vectors = [
        *pieces(embed.embed([f"PATIENTS OF WIMBLEDON: {secret}"])[0]),
        *pieces(embed.embed([secret])[0]),
    ]
    traces = [b"ebulon", b"uackenbush", b"ylophobi", b"imbledon", b"IMBLEDON", *vectors]
    before = bytes_of(database)
    assert sum(trace in before for trace in traces) > len(traces) - 4

    if way == "removed":
        (papers / "secret.txt").unlink()
    else:
        (papers / "secret.txt").write_text("" if way == "emptied" else "The bar is on the roof.")
    reader = connect(database, 5)  # somebody who has it open
    reader.execute("select count(*) from sentence").fetchone()
    assert documents.load() == []
    after = bytes_of(database)
    reader.close()
    assert [trace for trace in traces if trace in after] == []
    assert way != "removed" or b"secret.txt" not in after
    assert texts(documents, "room 7 floor")[0].startswith("Room")


def test_what_could_not_be_wiped_is_told_and_wiped_next_time(
    papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.documents.index.PATIENCE", 0.1)
    database = tmp_path / "index.db"
    documents = Documents(papers, database, FakeEmbed())
    (papers / "secret.txt").write_text("Zebulon Quackenbush is here.")
    documents.load()
    reader = sqlite3.connect(database, isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from sentence").fetchone()
    (papers / "secret.txt").unlink()
    (problem,) = documents.load()
    assert "at the next load" in problem
    reader.close()
    assert documents.load() == []
    assert b"Quackenbush" not in bytes_of(database)


def fill(papers: Path, files: int = 12, lines: int = 40) -> None:
    for number in range(files):
        rooms = [f"Room {i} of house {number} has a blue door." for i in range(lines)]
        (papers / f"house-{number}.txt").write_text("\n\n".join(rooms))


def test_two_loads_at_once(papers: Path, tmp_path: Path) -> None:
    fill(papers)
    database = tmp_path / "index.db"
    both = [Documents(papers, database, FakeEmbed()) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(Documents.load, both)) == [[], []]
    whole(database, papers)
    (papers / "house-3.txt").unlink()
    (papers / "house-4.txt").write_text("Gone.\n\nAway.")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Documents.load, both))
    assert both[0].load() == []
    whole(database, papers)


LOADER = """
import sys
from pathlib import Path
from appliance.documents import Documents
from appliance.engines.fake import FakeEmbed
print("ready", flush=True)
Documents(Path(sys.argv[1]), Path(sys.argv[2]), FakeEmbed()).load(lambda *told: print(*told, flush=True))
"""


def start(papers: Path, database: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", LOADER, str(papers), str(database)], cwd=ROOT, stdout=subprocess.PIPE
    )


def test_two_processes_load_at_once(papers: Path, tmp_path: Path) -> None:
    fill(papers)
    database = tmp_path / "index.db"
    both = [start(papers, database) for _ in range(2)]
    assert [each.communicate(timeout=60) and each.returncode for each in both] == [0, 0]
    whole(database, papers)


def test_a_load_that_is_killed_leaves_the_index_whole(papers: Path, tmp_path: Path) -> None:
    database = tmp_path / "index.db"
    for attempt in range(8):
        fill(papers, lines=30 + attempt)  # every document has changed
        loader = start(papers, database)
        assert loader.stdout is not None
        for _ in range(1 + attempt):
            loader.stdout.readline()
        time.sleep(0.003 * (attempt % 4))
        loader.send_signal(signal.SIGKILL)
        loader.communicate(timeout=30)
        if database.exists():
            killed(database)
    documents = Documents(papers, database, FakeEmbed())
    assert documents.load() == []
    whole(database, papers)


def killed(database: Path) -> None:
    """What stands in the index after a kill is whole documents."""
    db = connect(database, 5)
    assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    if db.execute("select 1 from sqlite_master where name = 'meaning'").fetchone():
        ids = db.execute("select id from sentence order by id").fetchall()
        assert db.execute("select rowid from meaning order by rowid").fetchall() == ids
        counts = db.execute("select count(*) from sentence group by file").fetchall()
        assert all(30 <= count < 42 for (count,) in counts)
    db.close()
