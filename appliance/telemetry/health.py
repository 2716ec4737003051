"""How the machine is, as Linux tells it. What a machine does not tell is None."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path("/")


class Sampler:
    """`data`: the folder whose disk is looked at. `root` is where /proc and /sys are."""

    def __init__(self, data: Path, root: Path = ROOT) -> None:
        self._data = data
        self._root = root
        self._before: tuple[int, int] | None = None

    def sample(self) -> dict[str, Any]:
        disk, free = self._disk()
        return {
            "cpu": self._cpu(),
            "temperature": self._temperature(),
            "throttled": self._throttled(),
            "memory": self._memory(),
            "disk": disk,
            "free": free,
            "wear": self._wear(),
            "uptime": self._number("proc/uptime"),
        }

    def _disk(self) -> tuple[float | None, int | None]:
        """Percent that is taken, and MiB that are free; neither where a stick or a card is gone."""
        try:
            disk = shutil.disk_usage(self._data)
        except OSError:
            return None, None
        return round(100 * disk.used / disk.total, 1), disk.free >> 20

    def _cpu(self) -> float | None:
        """Percent of all cores since the last sample; None at the first."""
        line = self._text("proc/stat").partition("\n")[0].split()[1:]
        if len(line) < 5 or not all(each.isdigit() for each in line):
            return None
        times = list(map(int, line))
        now = sum(times[:8]), times[3] + times[4]
        before, self._before = self._before, now
        if before is None or now[0] <= before[0]:
            return None
        busy = 1 - (now[1] - before[1]) / (now[0] - before[0])
        return round(100 * min(1.0, max(0.0, busy)), 1)

    def _temperature(self) -> float | None:
        """Of the hottest place, in degrees Celsius."""
        found = [self._number(path) for path in self._glob("sys/class/thermal/thermal_zone*/temp")]
        return max((round(each / 1000, 1) for each in found if each is not None), default=None)

    def _throttled(self) -> bool | None:
        """Whether a Raspberry Pi has slowed down for heat or for want of power, now."""
        for path in self._glob("sys/devices/platform/soc*/soc*firmware/get_throttled"):
            try:
                return bool(int(self._text(path).strip(), 16) & 0b1111)
            except ValueError:
                continue
        return None

    def _memory(self) -> float | None:
        """Percent that is taken."""
        lines = (line.split() for line in self._text("proc/meminfo").splitlines())
        sizes = {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}
        total, free = sizes.get("MemTotal:"), sizes.get("MemAvailable:")
        return round(100 * (1 - free / total), 1) if total and free is not None else None

    def _wear(self) -> float | None:
        """Percent of its life that an eMMC has behind it; SD cards do not tell."""
        for path in self._glob("sys/block/mmcblk*/device/life_time"):
            try:
                return float(10 * max(int(each, 16) for each in self._text(path).split()))
            except ValueError:
                continue
        return None

    def _number(self, path: str | Path) -> float | None:
        try:
            return float(self._text(path).split()[0])
        except (ValueError, IndexError):
            return None

    def _glob(self, pattern: str) -> Iterable[Path]:
        return sorted(self._root.glob(pattern))

    def _text(self, path: str | Path) -> str:
        try:
            return (self._root / path).read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""
