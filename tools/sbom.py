#!/usr/bin/env python3
"""What the program is made of, as CycloneDX 1.6 (JSON): every package of the lock files, every file that
lies here as others made it, and every file of a model, with their hashes.

    .venv/bin/python tools/sbom.py [sbom.json]
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-llm.lock")

PINNED = re.compile(
    r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)[^\\\n]*((?:\\\n\s+--hash=sha256:\w+\s*)*)", re.M
)


def locked(lock: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version and SHA-256 of each package."""
    for name, version, hashes in PINNED.findall(lock.read_text()):
        yield name, version, re.findall(r"sha256:(\w+)", hashes)


def vendored() -> Iterator[tuple[dict[str, Any], Path]]:
    """What lies here of npm's packages, each beside a file that says which it is."""
    for told in sorted(ROOT.glob("appliance/**/vendored.toml")):
        yield tomllib.loads(told.read_text()), told.parent


def main() -> int:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    bom = Bom()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bom.metadata.component = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref="appliance"
    )
    for lock in LOCKS:
        for name, version, hashes in locked(ROOT / lock):
            address = PackageURL("pypi", None, name, version)
            bom.components.add(
                Component(
                    name=name, version=version, purl=address, bom_ref=str(address),
                    hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
                )
            )  # fmt: skip
    for package, _ in vendored():
        address = PackageURL("npm", None, package["name"], package["version"])
        for file, digest in package["sha256"].items():
            bom.components.add(
                Component(
                    name=f"{package['name']}/{file}", version=package["version"], purl=address,
                    bom_ref=f"{address}#{file}", licenses=[DisjunctiveLicense(id=package["licence"])],
                    hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
                )
            )  # fmt: skip
    for id, model in tomllib.loads((ROOT / "models/manifest.toml").read_text())["model"].items():
        for file in model.get("files", ()):
            bom.components.add(
                Component(
                    name=f"{id}/{file['name']}", description=model["what"], bom_ref=f"{id}/{file['name']}",
                    type=ComponentType.MACHINE_LEARNING_MODEL,
                    hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file["sha256"])],
                )
            )  # fmt: skip
    written = Path(sys.argv[1] if len(sys.argv) > 1 else "sbom.json")
    written.write_text(JsonV1Dot6(bom).output_as_string(indent=1))
    print(f"{written}: {len(bom.components)} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())
