"""Which numbers of a box's start are stored, or will never come: ranges, and all that says whether a message
is new. What was deleted by age is still known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice

from appliance.fleet.storage.database import Writing, marks

Range = tuple[int, int]

MOST = 100
"""Ranges beyond the first gap that one acknowledgement names."""


class Ledger:
    """Of the starts that a batch is of: read at once, written back at once."""

    def __init__(self, db: Writing, starts: Iterable[tuple[int, str]], now: int) -> None:
        """`starts`: box and boot of each."""
        self._db = db
        self._numbers: dict[tuple[int, str], int] = {}
        self._had: dict[int, list[Range]] = defaultdict(list)
        self._got: dict[int, list[Range]] = defaultdict(list)
        self._new: set[tuple[int, int]] = set()
        self._find(sorted(set(starts)), now)

    def number(self, box: int, boot: str) -> int:
        """Of a start: the fleet gives them in the order in which it hears of them."""
        return self._numbers[box, boot]

    def take(self, boot: int, seq: int) -> bool:
        """Whether it is new; from now on it is not."""
        if (boot, seq) in self._new or any(first <= seq <= last for first, last in self._had[boot]):
            return False
        self._new.add((boot, seq))
        self._got[boot].append((seq, seq))
        return True

    def give_up(self, box: int, boot: str, ranges: Iterable[Sequence[int]]) -> None:
        """What a box has dropped is not waited for."""
        number = self._numbers.get((box, boot))
        if number is None:
            found = self._db.execute(
                "select number from boot where box = ? and id = ?", (box, boot)
            ).fetchone()
            if not found:
                return
            [number] = found
            self._numbers[box, boot] = number
            self._read([number])
        self._got[number] += [(first, last) for first, last in ranges if first <= last]

    def write(self) -> None:
        gone, changed = [], []
        for boot, got in self._got.items():
            had = self._had[boot]
            merged = merge([*had, *got])
            firsts = {first for first, _ in merged}
            gone += [(boot, first) for first, _ in had if first not in firsts]
            changed += [(boot, *each) for each in set(merged).difference(had)]
            self._had[boot] = merged
        if gone:
            self._db.executemany("delete from seen where boot = ? and first = ?", gone)
        if changed:
            self._db.executemany(
                """insert into seen (boot, first, last) values (?, ?, ?)
                    on conflict (boot, first) do update set last = excluded.last""",
                sorted(changed),
            )

    def ack(self, boot: int, numbers: Sequence[int]) -> tuple[int, list[Range]]:
        """After `write`: all to a number, and the ranges beyond it that hold some of these."""
        ranges = self._had[boot]
        upto = ranges[0][1] if ranges and ranges[0][0] == 1 else 0
        beyond = (each for each in ranges if each[0] > upto and any(each[0] <= n <= each[1] for n in numbers))
        return upto, list(islice(beyond, MOST))

    def _find(self, starts: Sequence[tuple[int, str]], now: int) -> None:
        if not starts:
            return
        pairs = ",".join("(?, ?)" for _ in starts)
        values = [value for start in starts for value in start]
        found = self._db.execute(
            f"select box, id, number from boot where (box, id) in (values {pairs})", values
        ).fetchall()
        if missing := sorted(set(starts) - {(box, boot) for box, boot, _ in found}):
            rows = ",".join("(?, ?, ?)" for _ in missing)
            found += self._db.execute(
                f"insert into boot (box, id, at) values {rows} returning box, id, number",
                [value for start in missing for value in (*start, now)],
            ).fetchall()
        self._numbers = {(box, boot): number for box, boot, number in found}
        self._read(list(self._numbers.values()))

    def _read(self, boots: Sequence[int]) -> None:
        for boot, first, last in self._db.execute(
            f"select boot, first, last from seen where boot in ({marks(len(boots))}) order by boot, first",
            boots,
        ):
            self._had[boot].append((first, last))


def merge(ranges: Sequence[Range]) -> list[Range]:
    """As few ranges as hold the same numbers, in rising order."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found
