"""What an image is made of, as SPDX 2.3: Debian's packages from dpkg's own list, Python's from their
metadata."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

SAID_NOTHING = "NOASSERTION"


def document(root: Path, name: str, version: str, epoch: int) -> str:
    packages = [*debian(root), *python(root)]
    identity = hashlib.sha256(repr([name, version, packages]).encode()).hexdigest()
    whole = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace": f"https://appliance.invalid/{name}/{version}/{identity}",
        "creationInfo": {
            "created": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: image/make"],
        },
        "packages": packages,
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": one["SPDXID"],
            }
            for one in packages
        ],
    }
    return json.dumps(whole, indent=1) + "\n"


def debian(root: Path) -> list[dict[str, Any]]:
    """From dpkg's status, which must not have been stripped yet."""
    found = []
    for block in (root / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", block, re.MULTILINE))
        if fields.get("Status") == "install ok installed":
            name, version, arch = fields["Package"], fields["Version"], fields["Architecture"]
            # Its terms lie in the image: /usr/share/doc/NAME/copyright.
            found.append(package(name, version, f"pkg:deb/debian/{name}@{version}?arch={arch}", SAID_NOTHING))
    return sorted(found, key=lambda one: one["name"])


def python(root: Path) -> list[dict[str, Any]]:
    found = []
    for metadata in sorted(root.glob("opt/appliance/.venv/lib/python3*/site-packages/*.dist-info/METADATA")):
        told = HeaderParser().parsestr(metadata.read_text())
        name, version = told["Name"].lower(), told["Version"]
        licence = told["License-Expression"] or SAID_NOTHING
        found.append(package(name, version, f"pkg:pypi/{name}@{version}", licence))
    return found


def package(name: str, version: str, purl: str, licence: str) -> dict[str, Any]:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}
    kind = "deb" if purl.startswith("pkg:deb") else "pypi"
    return {
        "SPDXID": f"SPDXRef-{kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', name)}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": SAID_NOTHING,
        "licenseDeclared": licence,
        "licenseConcluded": SAID_NOTHING,
        "copyrightText": SAID_NOTHING,
        "externalRefs": [reference],
    }
