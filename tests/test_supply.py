"""What the program is made of is told, and looked through for known holes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import audit  # noqa: E402
import sbom  # noqa: E402


def test_the_bill_names_every_locked_package_with_its_hashes_and_every_model(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    subprocess.run([sys.executable, ROOT / "tools/sbom.py", written], check=True, capture_output=True)
    bill = json.loads(written.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    told = {(each["name"], each.get("version")) for each in bill["components"]}
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = [line.split()[0] for line in lines if "==" in line and line[0].isalnum()]
    assert len(pinned) > 60
    for each in pinned:
        name, _, version = each.partition("==")
        assert (name.partition("[")[0], version.rstrip(";")) in told
    assert all(each["hashes"] for each in bill["components"])
    assert any(each["type"] == "machine-learning-model" for each in bill["components"])


def test_what_lies_here_as_others_made_it_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    subprocess.run([sys.executable, ROOT / "tools/sbom.py", written], check=True, capture_output=True)
    told = {each["name"]: each["hashes"] for each in json.loads(written.read_text())["components"]}
    found = list(sbom.vendored())
    assert [package["name"] for package, _ in found] == ["uplot"]
    for package, folder in found:
        there = {file.name for file in folder.iterdir()} - {"vendored.toml"}
        assert there == set(package["sha256"])
        assert "MIT" in (folder / "LICENSE.txt").read_text()
        for file, digest in package["sha256"].items():
            assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
            assert told[f"{package['name']}/{file}"] == [{"alg": "SHA-256", "content": digest}]


def test_nothing_that_is_locked_is_on_the_list_of_what_must_not_be_used() -> None:
    for lock in (*sbom.LOCKS, "requirements-dev.lock"):
        assert audit.by_list(ROOT / lock) == []


@pytest.mark.parametrize(("version", "holes"), [("0.49.0", 1), ("0.49.1", 0), ("0.9", 1), ("1.10.0", 0)])
def test_a_version_with_a_hole_is_found(tmp_path: Path, version: str, holes: int) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"starlette=={version} \\\n    --hash=sha256:{'a' * 64}\n    # via appliance\n")
    assert len(audit.by_list(lock)) == holes


def test_a_name_may_be_written_in_more_than_one_way(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("Scikit_Learn==1.4.0\nJinja2==3.1.5\n")
    assert len(audit.by_list(lock)) == 2
