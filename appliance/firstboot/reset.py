"""Back to how the box was made: asked for by a file, done at the next start, and gone on with until it is."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from appliance.config import SHIPPED
from appliance.errors import ApplianceError
from appliance.firstboot.radio import Radio
from appliance.firstboot.steps import BOX, DONE, Places, write

log = logging.getLogger(__name__)

ASKED = "factory-reset"
"""In the data folder, for as long as it is not done."""


DESK = "desk.toml"


def ask(data: Path) -> None:
    """ApplianceError on a machine that had no first start: nobody would do it."""
    if not (data / DONE).exists():
        raise ApplianceError("this box was not made from an image", "sudo tools/install --remove --purge")
    write(data / ASKED, "")


def reset(places: Places) -> None:
    """Forget everything, if that was asked for. What asks for it goes last. DeviceError, before anything is
    gone, where there is a radio that cannot be told: it would go on knowing a network and its password."""
    if not (places.data / ASKED).exists():
        return
    log.warning("everything on this box is forgotten")
    if places.radio.parent.is_dir():  # A box without a radio knows no network.
        radio = Radio.up(places.radio)
        try:
            radio.forget()
        finally:
            radio.close()
    text = (SHIPPED / BOX).read_text(encoding="utf-8").replace('data = "var" ', f'data = "{places.data}" ', 1)
    write(places.config / BOX, text, 0o644)
    for path in places.data.iterdir():
        if path.name != ASKED:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    write(places.data / DESK, (SHIPPED / DESK).read_bytes())
    (places.data / ASKED).unlink()
