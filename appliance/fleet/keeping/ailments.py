"""What is wrong with a machine, by what it tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIMITS = {
    "too hot": ("temperature", 80),
    "disk nearly full": ("disk", 90),
    "memory nearly full": ("memory", 95),
    "eMMC nearly worn out": ("wear", 90),
}
SLOWED = "slowed down for heat or want of power"

ALL = (*LIMITS, SLOWED)


def ailments(health: Mapping[str, Any]) -> list[str]:
    """Those that a sample shows."""
    found = [cause for cause, (name, limit) in LIMITS.items() if (health.get(name) or 0) >= limit]
    return [*found, SLOWED] if health.get("throttled") else found
