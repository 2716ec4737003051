"""Build llama-cpp-python once, keep the wheel, install it. With --kept, only install: 1 where there is none.

It has no wheel on the registry and takes about 15 CPU-minutes as it comes; what this box never uses (the
chat tools, the server, pictures, downloads) is left out, which leaves about 3. The wheel is kept in the
user's cache, for this kind of processor only, so that a new checkout has it at once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

LOCK = Path(__file__).resolve().parent.parent / "requirements-llm.lock"
LOG = LOCK.parent / "build" / "llama.log"

# llama.cpp is configured by itself: llama-cpp-python's own CMakeLists forces the `common` library on.
OPTIONS = (
    "BUILD_SHARED_LIBS=ON",
    "CMAKE_INSTALL_BINDIR=lib",
    "CMAKE_INSTALL_LIBDIR=lib",
    "CMAKE_INSTALL_RPATH=$ORIGIN",
    # A wheel has no symlinks: versioned names would be three copies of each library.
    "CMAKE_PLATFORM_NO_VERSIONED_SONAME=ON",
    # Its own threads are as fast, and the kept wheel then needs no library that only compilers bring.
    "GGML_OPENMP=OFF",
    "LLAMA_ALL_WARNINGS=OFF",
    "LLAMA_BUILD_APP=OFF",
    "LLAMA_BUILD_COMMON=OFF",
    "LLAMA_BUILD_EXAMPLES=OFF",
    "LLAMA_BUILD_SERVER=OFF",
    "LLAMA_BUILD_TESTS=OFF",
    "LLAMA_BUILD_TOOLS=OFF",
    "LLAMA_OPENSSL=OFF",
)
RECIPE = {
    "CMAKE_ARGS": " ".join(f"-D{option}" for option in OPTIONS),
    "CMAKE_GENERATOR": "Ninja",
    "SKBUILD_CMAKE_SOURCE_DIR": "vendor/llama.cpp",
    "SKBUILD_WHEEL_INSTALL_DIR": "llama_cpp",
}
if os.uname().machine == "x86_64":
    # Virtual machines tell of AMX and then kill who uses it; a model this small gains nothing by it.
    RECIPE |= {"CFLAGS": "-mno-amx-int8", "CXXFLAGS": "-mno-amx-int8"}


def main() -> int:
    pinned = locked_version()
    if installed() == pinned:
        return 0
    shelf = wheel_shelf(pinned)
    if not list(shelf.glob("*.whl")):
        if "--kept" in sys.argv:
            return 1
        build(shelf)
    (wheel,) = shelf.glob("*.whl")
    pip("install", "--quiet", "--no-deps", "--force-reinstall", str(wheel))
    if subprocess.run([sys.executable, "-c", "import llama_cpp; llama_cpp.llama_backend_init()"]).returncode:
        shutil.rmtree(shelf)
        pip("uninstall", "--quiet", "--yes", "llama-cpp-python")
        sys.exit("The kept wheel of llama-cpp-python does not work here and is removed; run `make llm`")
    return 0


def locked_version() -> str:
    found = re.search(r"^llama-cpp-python==(\S+)", LOCK.read_text(), re.MULTILINE)
    if not found:
        sys.exit(f"{LOCK.name} does not name llama-cpp-python; run `make lock`")
    return found[1]


def installed() -> str | None:
    try:
        return importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        return None


def wheel_shelf(version: str) -> Path:
    """The folder that keeps the wheel of this version, recipe and processor (the code is made for it)."""
    cpu = sorted(
        set(re.findall(r"^(?:flags|Features)\s*:.*", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    )
    key = hashlib.sha256(repr((os.uname().machine, cpu, RECIPE)).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "appliance" / "wheels" / f"llama-cpp-python-{version}-{key}"


def build(shelf: Path) -> None:
    workshop = shelf.with_name(f"{shelf.name}.building")
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(parents=True)
    LOG.parent.mkdir(exist_ok=True)
    # The lowest priority: the desk may be talking to somebody while this runs.
    command = ["nice", "-n", "19", sys.executable, "-m", "pip", "wheel", "-v", "--no-cache-dir", "--no-deps"]
    command += ["--no-build-isolation", "--require-hashes", "-r", str(LOCK), "--wheel-dir", str(workshop)]
    settings = RECIPE | {
        "CMAKE_BUILD_PARALLEL_LEVEL": str(len(os.sched_getaffinity(0))),
        # /tmp is often a small piece of memory.
        "TMPDIR": str(workshop),
    }
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | settings
    )
    show(process)
    if process.wait() != 0:
        sys.exit(f"llama-cpp-python could not be built; {LOG} says why")
    shelf.mkdir(exist_ok=True)
    for wheel in workshop.glob("*.whl"):
        wheel.rename(shelf / wheel.name)
    shutil.rmtree(workshop)


def show(process: subprocess.Popen[str]) -> None:
    """A bar from ninja's [12/83]; everything that is said goes to the log."""
    assert process.stdout
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with LOG.open("w") as log, Progress(*columns, TimeElapsedColumn()) as progress:
        bar = progress.add_task("Building llama-cpp-python (once)", total=None)
        for line in process.stdout:
            log.write(line)
            if step := re.match(r"\s*\[(\d+)/(\d+)\]", line):
                progress.update(bar, completed=int(step[1]), total=int(step[2]))


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
