"""Opening doors by the box's own relays, [gpio.door] of box.toml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from appliance.actions.registry import Context, Refusal, Unreachable, action
from appliance.errors import DeviceError

DOORS: dict[str, Callable[[], None]] = {}
"""What opens each door of this box, by name. Filled where the desk is composed: which doors there are is the
hardware's, and a desk file cannot name a pin."""


@action("door.open", permit="verified", limit=(10, 3600), outside=True, target="door")
def open_door(context: Context, door: str = "") -> Mapping[str, Any]:
    """Open a door of this house for a moment.

    door: its name in box.toml; may be left out where there is one only
    """
    if not door and len(DOORS) > 1:
        raise Refusal("several", doors=sorted(DOORS))
    name = door or next(iter(DOORS), "")
    if name not in DOORS:
        raise Refusal("none")
    try:
        DOORS[name]()
    except DeviceError as error:
        raise Unreachable(str(error)) from error
    return {"door": name}
