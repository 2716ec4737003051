"""Takes what boxes tell from a Source, keeps it in a Store, and acknowledges what is on the disk. It knows
nothing that matters: any number of it may run, and any may die at any time."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store, Told
from appliance.fleet.line.source import Received, Source
from appliance.telemetry import wire
from appliance.telemetry.wire import BadMessage

log = logging.getLogger(__name__)

BATCH = 1_000
BATCHED = 0.05
"""Messages in a transaction at the most, and seconds that the first of them waits for the others."""

FLUSH = 1.0
"""Seconds between two times that the counts are written down."""

AGAIN = 1.0
"""Seconds before a batch that the disk did not take is tried again."""

RETURNS, LONGEST = 300, 3600
"""Boxes that are to come back in a second once all have lost their line: each takes 2 ms of a core, for TLS
and for what is written of it. And seconds over which they are spread at the most."""


class Worker:
    def __init__(
        self,
        source: Source,
        store: Store,
        answer: Callable[[str, str, bytes], None] = lambda device, what, payload: None,
    ) -> None:
        """`answer` gets what a box asks: its name, one of wire.ASKED, and the payload. BadMessage where it is
        no question."""
        self._source = source
        self._store = store
        self._answer = answer
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)
        self.counts: Counter[str] = Counter()
        """What was counted and is not written down yet."""
        self.rounds = 0
        """Times that it has looked for messages: a worker that hangs does not."""
        self._flushed = time.monotonic()
        self._spread = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._source.fetch(BATCH, BATCHED)
            while not self._stored(batch) and not self._stopping.wait(AGAIN):
                pass

    def _stored(self, batch: Sequence[Received]) -> bool:
        """False where it is to be tried again: nothing of it is acknowledged."""
        try:
            if batch:
                self.take(batch)
            self._flush()
        except ApplianceError as error:
            log.error("%s", error)
            return False
        except Exception:
            log.exception("a batch could not be stored; its messages are tried one by one")
            self._one_by_one(batch)
        return True

    def _one_by_one(self, batch: Sequence[Received]) -> None:
        """What cannot be stored must not keep the rest from it."""
        for each in batch:
            try:
                self.take([each])
            except Exception as error:
                log.error("a message on %s could not be stored (%s)", each.topic, type(error).__name__)
                self.counts["failed"] += 1
        self._source.ack(batch)

    def take(self, batch: Sequence[Received]) -> Counter[str]:
        """Store a batch and acknowledge it; what was counted. StorageError where the disk takes it not."""
        told: list[Told] = []
        states: dict[str, tuple[bool, int]] = {}
        counts: Counter[str] = Counter(received=len(batch))
        now = self._store.now()
        for each in batch:
            try:
                device, rest = wire.device_of(each.topic)
                channel, _, last = rest.partition("/")
                if rest == "state":
                    states[device] = bool(wire.unpack(each.payload, "state")["online"]), now
                elif channel == "up" and last in wire.ASKED:
                    self._answer(device, last, each.payload)
                    counts["asked"] += 1
                elif channel == "up":
                    told.append(Told(device, wire.read(each.payload, last), now))
                else:
                    raise BadMessage("unknown", "no box tells anything there")
            except BadMessage as bad:
                counts[bad.cause] += 1
        if states:
            self._store.heard(states)
        if told:
            done = self._store.commit(told)
            counts.update(done.counts)
            for (device, boot), (upto, also) in done.acks.items():
                ack = {"boot": boot, "upto": upto, "also": also, "spread": self._spread}
                self._source.publish(wire.down(device, "ack"), wire.pack(ack))
        self._source.ack(batch)
        self.counts.update(counts)
        return counts

    def _flush(self) -> None:
        """Now and then: write down what was counted, and see how large the fleet is."""
        self.rounds += 1
        if self.counts and time.monotonic() - self._flushed > FLUSH:
            counts, self.counts = self.counts, Counter()
            self._store.count(counts)
            self._spread = min(self._store.size() // RETURNS, LONGEST)
            self._flushed = time.monotonic()
