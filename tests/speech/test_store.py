from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.speech import SoundStore

SOUND = bytes(range(256)) * 40


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    SoundStore(tmp_path / "speech").put("hello", SOUND)
    assert SoundStore(tmp_path / "speech").get("hello") == SOUND
    assert SoundStore(tmp_path / "speech").get("goodbye") is None


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-2], lambda c: b"", lambda c: c[:20], lambda c: c[:99] + b"x" + c[100:]]
)
def test_a_spoiled_file_is_forgotten(tmp_path: Path, spoil: object) -> None:
    store = SoundStore(tmp_path)
    store.put("hello", SOUND)
    (file,) = tmp_path.iterdir()
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]
    assert store.get("hello") is None
    assert list(tmp_path.iterdir()) == []


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    store = SoundStore(tmp_path, most=3 * len(SOUND))
    for age, key in enumerate("ab"):
        store.put(key, SOUND)
        os.utime(tmp_path / f"{key}.pcm", (age, age))
    assert store.get("a") == SOUND
    store.put("c", SOUND)
    assert [store.get(key) is not None for key in "abc"] == [True, False, True]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 4_000)), max_size=20))
def test_the_folder_never_grows_beyond_its_bound(
    tmp_path_factory: pytest.TempPathFactory, puts: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("speech")
    store = SoundStore(folder, most=10_000)
    for key, size in puts:
        store.put(key, bytes(2 * size))
        assert sum(file.stat().st_size for file in folder.iterdir()) <= 10_000


def test_a_power_cut_while_writing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SoundStore(tmp_path)
    store.put("hello", SOUND)

    def cut(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", cut)
    store.put("hello", SOUND[::-1])
    assert store.get("hello") == SOUND
    assert [file.suffix for file in tmp_path.iterdir()] == [".pcm"]


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SoundStore(tmp_path / "file" / "speech")
    store.put("hello", SOUND)
    assert store.get("hello") is None
