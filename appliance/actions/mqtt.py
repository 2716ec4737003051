"""Asking a thing on the local broker, and waiting for its reply, by a template of the desk file:

    [actions."mqtt.ask"]
    host = "127.0.0.1"
    port = 1883
    template.door = {topic = "doors/{door}/open", body = {for = "{name}"}, timeout = 2.0, repeat = true}

The question is JSON with `id` (the idempotency key) and `reply` (the topic to answer on) added to the body;
who speaks MQTT 5 finds both as correlation data and response topic as well. The reply is a JSON object that
carries the same `id` or correlation data: {"id": ..., "ok": true, ...}, or "ok": false with "why"."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from appliance.actions.registry import Context, Refusal, Unreachable, action
from appliance.actions.templates import LARGEST, PLAIN, chosen, fill, fill_all, repeats


@action(timeout=5.0, limit=(30, 3600), outside=True, repeat=repeats, target="template")
def ask(context: Context, template: str, **slots: str) -> Mapping[str, Any]:
    """Publish a question over MQTT and wait for the reply.

    template: its name in the desk file
    """
    made = chosen(context.settings, template)
    topic = fill(str(made.get("topic", "")), slots, _level)
    until = time.monotonic() + min(float(made.get("timeout", 2.0)), context.timeout)
    exchange = Exchange(context.settings, context.key, until)
    try:
        reply = exchange.ask(topic, fill_all(made.get("body", {}), slots))
    except (OSError, ValueError) as error:
        raise Unreachable(f"the broker cannot be used ({type(error).__name__})", exchange.sent) from error
    finally:
        exchange.close()
    if reply is None:
        raise Unreachable("nothing replied", exchange.sent)
    if not reply.get("ok", True):
        raise Refusal(str(reply.get("why") or "declined"))
    return {
        name: value for name, value in reply.items() if isinstance(value, PLAIN) and name not in ("id", "ok")
    }


class Exchange:
    """One question and its reply, over a connection of its own. No thread: it is driven from `ask`."""

    def __init__(self, settings: Mapping[str, Any], key: str, until: float) -> None:
        self._settings = settings
        self._key = key
        self._until = until
        self._replies = f"appliance/reply/{uuid4().hex}"
        self._listening = False
        self._reply: dict[str, Any] | None = None
        self.sent = False
        """Whether the question may have got through."""
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(self._replies, qos=1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        if "user" in settings:
            self._client.username_pw_set(settings["user"], Path(settings["password"]).read_text().strip())

    def ask(self, topic: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The reply, or None where none came in time. OSError where the broker is not there."""
        left = max(0.1, self._until - time.monotonic())
        self._client.connect_timeout = left
        self._client.connect(self._settings.get("host", "127.0.0.1"), int(self._settings.get("port", 1883)))
        self._drive(lambda: self._listening)
        if not self._listening:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = self._replies
        properties.CorrelationData = self._key.encode()
        self.sent = True
        question = json.dumps({**body, "id": self._key, "reply": self._replies})
        self._client.publish(topic, question.encode(), qos=1, properties=properties)
        self._drive(lambda: self._reply is not None)
        return self._reply

    def close(self) -> None:
        self._client.disconnect()

    def _drive(self, done: Any) -> None:
        while not done() and (left := self._until - time.monotonic()) > 0:
            if self._client.loop(min(left, 0.1)) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise ConnectionError("the broker hung up")

    def _on_subscribe(self, *_: Any) -> None:
        self._listening = True

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", b"")
        try:
            reply = json.loads(message.payload) if len(message.payload) <= LARGEST else None
        except ValueError:
            return
        if isinstance(reply, dict) and (correlation == self._key.encode() or reply.get("id") == self._key):
            self._reply = reply


def _level(value: str) -> str:
    """What is filled into a topic stays one level of it."""
    if not value or any(c in value for c in "/+#$\0"):
        raise Refusal("invalid", wrong="a slot does not fit into a topic")
    return value
