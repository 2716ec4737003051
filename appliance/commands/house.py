"""Who may what by the page, and where others reach it."""

from __future__ import annotations

import logging

from appliance.access import certificates
from appliance.access.house import House
from appliance.config import Box
from appliance.console.listening import Network
from appliance.console.server import ROLES
from appliance.errors import ApplianceError
from appliance.memory.key import key_of

log = logging.getLogger(__name__)


def house_of(box: Box) -> tuple[House | None, Network | None]:
    """Where that cannot be read, nobody may more than a visitor, and nobody else comes in."""
    web, data = box.web, box.data
    try:
        house = House(data / "access.db", ROLES, key=lambda: key_of(data))
        if not web.network:
            return house, None
        own = certificates.own(data / "tls", web.names)
    except ApplianceError as error:
        log.error("the page is for visitors at this machine only: %s", error)
        return None, None
    return house, Network(web.network, own, web.names, web.visitors == "all")
