"""The box as Home Assistant sees it, by its MQTT discovery: how the machine is, whether somebody calls, what
is off. Nothing of who calls or what is said, and nothing that one could be asked to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from appliance import __version__
from appliance.channels import Desk
from appliance.config.box import Home
from appliance.config.trunks import secret
from appliance.console.server import Status
from appliance.telemetry.health import Sampler

EVERY = 30.0
LOOK = 1.0
"""Seconds between two tellings, and looks whether calls came or went."""

ROOT = "homeassistant"
"""Where Home Assistant looks for what there is."""


@dataclass(frozen=True, slots=True)
class Entity:
    kind: str
    key: str
    name: str
    more: dict[str, str]


PERCENT = {"unit_of_measurement": "%", "state_class": "measurement"}

ENTITIES = (
    Entity("sensor", "calls", "Calls", {"state_class": "measurement"}),
    Entity("sensor", "temperature", "Temperature", {
        "device_class": "temperature", "unit_of_measurement": "°C", "state_class": "measurement",
    }),
    Entity("sensor", "cpu", "Processor", PERCENT),
    Entity("sensor", "memory", "Memory", PERCENT),
    Entity("sensor", "disk", "Disk", PERCENT),
    Entity("binary_sensor", "problem", "Problem", {
        "device_class": "problem", "payload_on": "on", "payload_off": "off",
    }),
    Entity("sensor", "off", "Off", {}),
)  # fmt: skip


class HomeLine:
    """A WaitingLine for which nobody waits."""

    name = "home"

    def __init__(
        self,
        settings: Home,
        data: Path,
        calls: Callable[[], int],
        off: Callable[[], Sequence[Status]],
    ) -> None:
        """Raises ConfigError where the password cannot be read. `off`: what is off that should be on."""
        self._settings = settings
        self._calls = calls
        self._off = off
        self._sampler = Sampler(data)
        self._base = f"appliance/{settings.name}"
        self._client = client = Client(CallbackAPIVersion.VERSION2, client_id=f"appliance-{settings.name}")
        if settings.user:
            client.username_pw_set(settings.user, secret(settings.password_file))
        client.will_set(f"{self._base}/here", "offline", 1, retain=True)
        client.on_connect = self._connected
        client.reconnect_delay_set(1, 60)

    @property
    def state(self) -> tuple[bool, str]:
        if self._client.is_connected():
            return True, f"{self._settings.name} at {self._settings.broker}"
        return False, f"the broker {self._settings.broker} is not there"

    async def serve(self, desk: Desk) -> None:
        host, _, port = self._settings.broker.rpartition(":")
        self._client.connect_async(host, int(port), 60)
        # paho's own thread connects, and connects again.
        self._client.loop_start()
        try:
            while True:
                now = self._calls(), self._client.is_connected()
                self._tell(await asyncio.to_thread(self._sampler.sample), now[0])
                for _ in range(round(EVERY / LOOK)):
                    await asyncio.sleep(LOOK)
                    if now != (self._calls(), self._client.is_connected()):
                        break
        finally:
            self._client.publish(f"{self._base}/here", "offline", 1, retain=True)
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _more: Any) -> None:
        if reason.is_failure:  # What is published then waits, and there would be ever more of it.
            return
        for entity in ENTITIES:
            topic = f"{ROOT}/{entity.kind}/{self._settings.name}/{entity.key}/config"
            client.publish(topic, json.dumps(self._described(entity)), 1, retain=True)
        client.publish(f"{self._base}/here", "online", 1, retain=True)

    def _described(self, entity: Entity) -> dict[str, Any]:
        return {
            "name": entity.name,
            "unique_id": f"appliance-{self._settings.name}-{entity.key}",
            "state_topic": f"{self._base}/state",
            "value_template": f"{{{{ value_json.{entity.key} }}}}",
            "availability_topic": f"{self._base}/here",
            "device": {
                "identifiers": [f"appliance-{self._settings.name}"],
                "name": self._settings.name,
                "sw_version": __version__,
            },
            **entity.more,
        }

    def _tell(self, sample: dict[str, Any], calls: int) -> None:
        off = [status.name for status in self._off()]
        told = {key: sample[key] for key in ("cpu", "temperature", "memory", "disk")}
        told |= {"calls": calls, "problem": "on" if off else "off", "off": ", ".join(off)[:255] or "nothing"}
        # What waits for a broker that is away would come all at once, and late.
        if self._client.is_connected():
            self._client.publish(f"{self._base}/state", json.dumps(told), 0, retain=True)
