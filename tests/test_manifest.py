"""The list of models, models/manifest.toml: what is read, and which flaw is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import ModelError
from appliance.models import Manifest

GOOD = """
[model.tiny]
kind = "asr"
what = "For tests"
licence = "MIT"
suits = "any"
default = false
url = "http://nowhere.invalid/"
files = [{name = "a.bin", size = 1, sha256 = "%s"}]
""" % ("0" * 64)


def load(tmp_path: Path, text: str) -> Manifest:
    path = tmp_path / "manifest.toml"
    path.write_text(text, encoding="utf-8")
    return Manifest.load(path)


def test_a_good_manifest_is_read(tmp_path: Path) -> None:
    model = load(tmp_path, GOOD).models["tiny"]
    assert (model.size, model.files[0].name, model.default) == (1, "a.bin", False)


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ('kind = "asr"', 'kind = "ears"', "model.tiny.kind is 'ears'"),
        ('kind = "asr"\n', "", "model.tiny.kind is missing"),
        ("default = false", 'default = "no"', "model.tiny.default is not true or false"),
        ("size = 1", 'size = "1"', "model.tiny.files[0].size is not a whole number"),
        ("size = 1", "size = -1", "model.tiny.files[0].size is not a number of bytes"),
        ('"0000', '"x000', "model.tiny.files[0].sha256 is not 64"),
        ('"a.bin"', '"../a.bin"', "outside the model's folder"),
        ('"a.bin"', '"/etc/passwd"', "outside the model's folder"),
        ("model.tiny", 'model."../x"', "outside the model's folder"),
        ('url = "http://nowhere.invalid/"\n', "", "names no source"),
        ('url = "http://nowhere.invalid/"', "wheel = {}", "model.tiny.wheel.package is missing"),
        ("[model.tiny]", "[model.tiny", "is not TOML"),
        ("[model.tiny]", "[modle.tiny]", "tables [model.NAME]"),
    ],
)
def test_a_flaw_is_named(tmp_path: Path, change: str, to: str, said: str) -> None:
    assert change in GOOD
    with pytest.raises(ModelError) as caught:
        load(tmp_path, GOOD.replace(change, to, 1))
    assert said in caught.value.wrong
    assert "manifest.toml" in caught.value.wrong


KEYS = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


@given(key=KEYS, where=st.sampled_from(["model.tiny", "model.tiny.files[0]", "model.tiny.wheel"]))
def test_an_unknown_key_is_named(tmp_path_factory: pytest.TempPathFactory, key: str, where: str) -> None:
    known = {
        "id",
        "package",
        "version",
        "inside",
        "platform",
        "note",
        "archive",
        *GOOD.replace("{", " ").split(),
    }
    if key in known:
        return
    text = GOOD + 'wheel = {package = "p", version = "1", inside = "x", size = 1}\n'
    match where:
        case "model.tiny":
            text += f"{key} = 1\n"
        case "model.tiny.files[0]":
            text = text.replace("size = 1", f"size = 1, {key} = 1", 1)
        case "model.tiny.wheel":
            text = text.replace('inside = "x"', f'inside = "x", {key} = 1')
    with pytest.raises(ModelError) as caught:
        load(tmp_path_factory.mktemp("manifest"), text)
    assert f"{where}.{key} is not known" in caught.value.wrong


@given(
    st.recursive(
        st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                KEYS | st.sampled_from(["files", "wheel", "archive", "url", "kind"]), inner, max_size=4
            )
        ),
    )
)
def test_no_shape_of_table_escapes(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    with pytest.raises(ModelError):
        load(tmp_path_factory.mktemp("manifest"), f"[model]\ntiny = {toml(value)}\n")


def toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
        case list():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)
