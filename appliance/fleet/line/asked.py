"""What boxes ask the fleet and are answered at once: a part of a piece of their bundle, a new certificate.
The broker has seen to it that a box asks in its own name only, and has not been revoked."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.line.source import Source
from appliance.fleet.membership import members
from appliance.fleet.membership.authority import Authority
from appliance.fleet.rollouts.bundles import Pieces
from appliance.telemetry import wire
from appliance.telemetry.bundle import PART

log = logging.getLogger(__name__)

A_SECOND = 64 << 20
"""Bytes of pieces that are sent in a second; who gets nothing asks again. So the broker never holds more than
its memory takes."""


class Asked:
    """Safe to be asked from the worker's thread."""

    def __init__(self, store: Store, source: Source, authority: Authority, pieces: Pieces) -> None:
        self._store = store
        self._source = source
        self._authority = authority
        self._pieces = pieces
        self._second, self._left = 0, A_SECOND
        self._known: dict[int, frozenset[str]] = {}
        """What pieces a bundle has."""

    def answer(self, device: str, what: str, payload: bytes) -> None:
        """BadMessage where it is no question."""
        body = wire.unpack(payload, what)
        if what == "fetch":
            self._fetch(device, body["sha256"], body["offset"])
        elif "request" in body:
            self._renew(device, str(body["request"]))
        elif "using" in body:
            members.using(self._store, device, str(body["using"]))

    def _fetch(self, device: str, sha256: str, offset: int) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._left = second, A_SECOND
        if self._left < PART:
            return
        part = self._pieces.part(sha256, offset, PART) if self._may_have(device, sha256) else None
        self._left -= len(part or b"")
        told = wire.pack_part(sha256, offset, part or b"", gone=part is None)
        self._source.publish(wire.down(device, "piece"), told)

    def _may_have(self, device: str, sha256: str) -> bool:
        """Whether it is of what the box is wished to be now."""
        rows = self._store.read(
            """select desired.version from box join desired on desired.serial = wanted_serial
                where name = ? and state = 'member'""",
            device,
        )
        for (version,) in rows:
            if version not in self._known:
                self._known[version] = self._pieces_of(version)
            return sha256 in self._known[version]
        return False

    def _pieces_of(self, version: int) -> frozenset[str]:
        rows: list[tuple[Any, ...]] = self._store.read("select pieces from bundle where version = ?", version)
        return frozenset(each["sha256"] for (pieces,) in rows for each in json.loads(pieces))

    def _renew(self, device: str, request: str) -> None:
        try:
            issued = members.renew(self._store, self._authority, device, request.encode())
        except ApplianceError as error:
            log.warning("%s gets no new certificate: %s", device, error)
            return
        told = wire.pack({"certificate": issued.certificate.decode()})
        self._source.publish(wire.down(device, "certificate"), told)
