"""The system of Debian's packages: every one of the version that the lock has."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from image.boards import IMAGE, Board, Pins
from image.shell import do, files, run, step, wipe

NO_ALIASES = "usr/share/man usr/share/locale usr/share/info usr/share/doc".split()
UNUSED_MODULES = """
gpu/drm/amd gpu/drm/nouveau gpu/drm/radeon gpu/drm/i915 gpu/drm/xe gpu/drm/msm infiniband media
net/ethernet/mellanox net/wireless/ath net/wireless/intel net/wireless/marvell net/wireless/mediatek
net/wireless/realtek net/wireless/ralink iio staging isdn accel fpga comedi scsi/aacraid
scsi/aic7xxx scsi/aic94xx scsi/bfa scsi/be2iscsi scsi/bnx2fc scsi/bnx2i scsi/csiostor scsi/cxgbi
scsi/hisi_sas scsi/lpfc scsi/megaraid scsi/mpt3sas scsi/mpi3mr scsi/mvsas scsi/pm8001 scsi/qla2xxx
scsi/qla4xxx scsi/qedf scsi/qedi scsi/smartpqi
""".split()


def install(board: Board, pins: Pins, out: Path, work: Path, relock: bool) -> Path:
    """A system of Debian's packages, as the lock has them. Kept beside as it is, for the next build."""
    lock = IMAGE / f"packages-{board.arch}.lock"
    root, fresh = work / "root", out / f"debian-{board.arch}"
    early = [file.read_text() for file in files(IMAGE / "initramfs")]
    parts = (board.arch, board.kernel, board.packages, pins, early, NO_ALIASES, UNUSED_MODULES)
    recipe = hashlib.sha256(repr(parts).encode())
    mark = fresh.with_suffix(".recipe")
    if relock or not mark.exists() or mark.read_text() != recipe.hexdigest():
        step(f"Debian {pins.suite} for {board.arch}")
        wipe(fresh)
        bootstrap(board, pins, fresh, out / f"archives-{board.arch}")
        mark.write_text(recipe.hexdigest())
    told = ["-W", "-f", "${Package} ${Version} ${Architecture}\n"]
    found = run("dpkg-query", f"--admindir={fresh}/var/lib/dpkg", *told)
    if relock:
        lock.write_text(found)
    differs = sorted(set(found.splitlines()) ^ set(lock.read_text().splitlines() if lock.exists() else []))
    if differs:
        sys.exit(
            f"Not what {lock.name} has: {'; '.join(differs[:20])}\nTake what Debian has now with --relock"
        )
    wipe(root)
    work.mkdir(exist_ok=True)
    do("cp", "-a", "--reflink=auto", fresh, root)
    return root


def own_mirror() -> str:
    """Where this machine itself has Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    return next(uri.rstrip("/") for uri in told if "security" not in uri)


def preferences(pins: Pins) -> str:
    """For apt: what comes from the newer suite, and that nothing else does."""
    newer = f"Pin: release n={pins.newer_suite}\nPin-Priority: "
    return f"Package: *\n{newer}-1\n\nPackage: {' '.join(pins.newer)}\n{newer}990\n"


def bootstrap(board: Board, pins: Pins, root: Path, archives: Path) -> None:
    archives.mkdir(exist_ok=True)
    mirror = pins.mirror or own_mirror()
    mirrors = [mirror, f"{mirror}-security"]
    suites = [f"{pins.suite}", f"{pins.suite}-updates", f"{pins.suite}-backports", pins.newer_suite]
    parts = "main non-free-firmware"
    # A day of Debian that is kept is out of date by its own word: the lock says what may come of it.
    sources = [f"deb [check-valid-until=no] {mirrors[0]} {suite} {parts}" for suite in suites] + [
        f"deb [check-valid-until=no] {mirrors[1]} {pins.suite}-security {parts}"
    ]
    chosen = archives / "preferences"
    chosen.write_text(preferences(pins))
    left_out = [f"{folder}/*" for folder in NO_ALIASES]
    left_out += [f"usr/lib/modules/*/kernel/drivers/{name}/*" for name in UNUSED_MODULES]
    kept = ["usr/share/doc/*/copyright"]  # Their licences ask for it.
    there = '"$1/var/cache/apt/archives"'
    do(
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--architectures={board.arch}"),
        *("--skip=essential/unlink", "--format=directory"),
        *(f"--dpkgopt=path-exclude=/{path}" for path in left_out),
        *(f"--dpkgopt=path-include=/{path}" for path in kept),
        "--dpkgopt=force-confold",  # update-initramfs.conf stays ours.
        f'--setup-hook=cp {chosen} "$1/etc/apt/preferences.d/newer"',
        # Downloads are kept from one build to the next.
        f"--setup-hook=mkdir -p {there}; cp {archives}/*.deb {there} || true",
        # The kernel's package makes the initramfs: what belongs into it must be there before.
        '--essential-hook=mkdir -p "$1/etc/initramfs-tools"',
        f'--essential-hook=cp -r {IMAGE}/initramfs/. "$1/etc/initramfs-tools"',
        f'--customize-hook=cp -n {there}/*.deb {archives} || true; rm -rf "$1"/var/cache/apt/*',
        f"--include={','.join([*pins.packages, *board.packages, board.kernel])}",
        *(pins.suite, root, *sources),
    )  # fmt: skip
