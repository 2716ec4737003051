"""Set-up does what is missing, nothing twice, and says the one command where it may not do it itself."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def locked(name: str) -> dict[str, set[str]]:
    packages: dict[str, set[str]] = {}
    for package, version in LOCKED.findall((ROOT / name).read_text()):
        packages.setdefault(package, set()).add(version)
    return packages


def ask_for(packages: list[str], needed_for: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Ask set-up for Debian packages as somebody who may not install any."""
    if not shutil.which("dpkg-query"):
        pytest.skip("not a Debian machine")
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root cannot become somebody else here")
    shutil.copy(ROOT / "tools/setup.py", tmp_path / "setup.py")
    tmp_path.chmod(0o755)
    for folder in list(tmp_path.parents)[:3]:
        folder.chmod(folder.stat().st_mode | 0o111)
    code = f"import setup; setup.debian({packages!r}, {needed_for!r}); print('went on')"
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    return subprocess.run(
        [*nobody, python, "-B", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )


def test_a_needed_debian_package_that_may_not_be_installed_ends_with_the_command(tmp_path: Path) -> None:
    done = ask_for(["no-such-package", "dpkg"], "", tmp_path)
    assert done.returncode == 1
    assert "went on" not in done.stdout
    assert (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends no-such-package\n"
        in done.stderr
    )


def test_an_optional_debian_package_is_named_and_set_up_goes_on(tmp_path: Path) -> None:
    done = ask_for(["no-such-package"], "a microphone", tmp_path)
    assert done.returncode == 0
    assert "For a microphone, which stays off for now" in done.stdout
    assert "install -y --no-install-recommends no-such-package" in done.stdout
    assert "went on" in done.stdout


def test_what_is_installed_is_not_asked_for(tmp_path: Path) -> None:
    done = ask_for(["dpkg"], "", tmp_path)
    assert done.stdout == "went on\n"


@pytest.mark.parametrize(
    "changed", ["requirements.lock", "pyproject.toml", "models/manifest.toml", "tools/setup.py"]
)
def test_set_up_is_due_again_when_what_it_follows_changes(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = tool("setup")
    for name in ("requirements.lock", "pyproject.toml", "models/manifest.toml", "tools/setup.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    assert not setup.current("run")
    setup.stamp("run")
    assert setup.current("run")
    with (tmp_path / changed).open("a") as file:
        file.write("# one more line\n")
    assert not setup.current("run")


def test_a_second_set_up_takes_no_time() -> None:
    if not tool("setup").current("run"):
        pytest.skip("this checkout was not set up by `make`")
    start = time.monotonic()
    done = subprocess.run(["python3", "tools/setup.py", "run"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Installing" not in done.stdout
    # A fraction of a second; installing anything takes far longer than a busy machine makes of it.
    assert time.monotonic() - start < 10


def test_every_dependency_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    for wanted in project["project"]["dependencies"]:
        assert re.split(r"[>=\[]", wanted)[0] in run
    for wanted in project["dependency-groups"]["dev"]:
        assert re.split(r"[>=\[]", wanted)[0] in dev
    assert {name: dev[name] for name in run} == run
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-llm.lock"):
        text = (ROOT / name).read_text()
        assert len(re.findall(r"^\S+==[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(
            LOCKED.findall(text)
        )
        assert "://" not in text


def test_the_llm_is_locked_by_itself_at_the_version_of_the_project() -> None:
    (pin,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["llm"]
    assert pin == f"llama-cpp-python=={tool('build_llama').locked_version()}"
    assert "llama-cpp-python" not in locked("requirements-dev.lock")


def test_a_kept_wheel_is_for_one_recipe_and_processor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build = tool("build_llama")
    shelf = build.wheel_shelf("0.3.36")
    assert shelf.is_relative_to(tmp_path)
    assert shelf == build.wheel_shelf("0.3.36")
    assert shelf != build.wheel_shelf("0.3.37")
    build.RECIPE["CMAKE_ARGS"] += " -DGGML_NATIVE=OFF"
    assert shelf != build.wheel_shelf("0.3.36")


def test_set_up_needs_nothing_but_python_itself() -> None:
    code = "import runpy, sys; sys.argv[1:] = []; runpy.run_path('tools/setup.py')"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, check=True)


def test_make_alone_lists_what_there_is() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "llm", "lock", "clean"):
        assert f"make {target} " in shown
