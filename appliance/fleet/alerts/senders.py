"""How alerts leave: by webhook, e-mail and MQTT, each to where its address points and nowhere else.

Who may make a route must not thereby reach what only this machine reaches. So a name is looked up once, the
connection goes to the address that was found, and that has to be a public one, or lie in a network that
whoever started the server has allowed. Nothing that answers can send us elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from appliance.errors import ApplianceError
from appliance.fleet.alerts.notices import Delivery

TIMEOUT = 10.0
"""Seconds for each step of a try."""

LONGEST = 30.0
"""Seconds for a webhook, or for a mail, in all."""

PORTS = {"http": 80, "https": 443, "smtp": 25, "smtps": 587, "mqtt": 1883, "mqtts": 8883}

GIVEN_OUT = ipaddress.ip_network("2000::/3")
"""All of IPv6 that anybody has. Beyond it are addresses within a site, and those that a network translates to
IPv4."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Senders:
    def __init__(self, networks: Sequence[str] = (), name: str = "fleet") -> None:
        """`networks`: not public, and allowed all the same; `name`: whose alerts these are."""
        try:
            self._networks: list[Network] = [ipaddress.ip_network(each) for each in networks]
        except ValueError as error:
            raise ApplianceError(f"{error}", "a network is like 10.0.0.0/8") from error
        self._name = name

    def send(self, delivery: Delivery) -> None:
        """OSError or ApplianceError where it did not arrive."""
        {"webhook": self._webhook, "mail": self._mail, "mqtt": self._mqtt}[delivery.way.kind](delivery)

    def connect(self, host: str, port: int) -> socket.socket:
        """ApplianceError where the address is none to go to."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ApplianceError(f"{host} has no address ({error})") from error
        allowed = [entry for entry in found if self._may(str(entry[4][0]))]
        if not allowed:
            raise ApplianceError(
                f"{host} is not a public address", "start the server with --alert-network to allow it"
            )
        family, kind, protocol, _, address = allowed[0]
        made = socket.socket(family, kind, protocol)
        made.settimeout(TIMEOUT)
        try:
            made.connect(address)
        except BaseException:
            made.close()
            raise
        return made

    def _may(self, address: str) -> bool:
        known = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(known, ipaddress.IPv6Address):
            known = known.ipv4_mapped or known
        if any(known in network for network in self._networks if network.version == known.version):
            return True
        # Some addresses of IPv6 only wrap one of IPv4, which may be anybody's.
        wraps = isinstance(known, ipaddress.IPv6Address) and bool(
            known.sixtofour or known.teredo or known not in GIVEN_OUT
        )
        return known.is_global and not known.is_multicast and not wraps

    def _webhook(self, delivery: Delivery) -> None:
        parts = urlsplit(delivery.way.target)
        host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
        body = json.dumps(delivery.body, ensure_ascii=False).encode()
        line = http.client.HTTPConnection(host, port)
        line.sock = self.connect(host, port)
        # Who answers one letter at a time does not keep the others waiting.
        end = threading.Timer(LONGEST, _cut, [line])
        end.start()
        try:
            if parts.scheme == "https":
                line.sock = ssl.create_default_context().wrap_socket(line.sock, server_hostname=host)
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            line.request("POST", target, body, {
                "Content-Type": "application/json",
                "User-Agent": "fleet-alerts",
                "Idempotency-Key": delivery.id,
                "Fleet-Signature": signature(delivery.way.secret, body, round(time.time())),
            })  # fmt: skip
            answer = line.getresponse()
            # A redirection is a refusal: it would lead elsewhere.
            if not 200 <= answer.status < 300:
                raise ApplianceError(f"it answered {answer.status}")
        except http.client.HTTPException as error:
            raise ApplianceError(f"it does not speak HTTP ({type(error).__name__})") from error
        finally:
            end.cancel()
            line.close()

    def _mail(self, delivery: Delivery) -> None:
        parts = urlsplit(delivery.way.target)
        host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
        to = unquote(parts.path.lstrip("/"))
        message = EmailMessage()
        user = unquote(parts.username or "")
        message["From"] = f"{self._name} <{user if '@' in user else to}>"
        message["To"] = to
        message["Subject"] = subject(delivery)
        message["Message-ID"] = f"<{delivery.id}@{self._name}>"
        message.set_content(text(delivery))
        try:
            with _Smtp(self, host, port) as line:
                if parts.scheme == "smtps":
                    line.starttls(context=ssl.create_default_context())
                if user and parts.password:
                    line.login(user, unquote(parts.password))
                line.send_message(message)
        except smtplib.SMTPException as error:
            raise ApplianceError(f"the mail was refused ({type(error).__name__})") from error

    def _mqtt(self, delivery: Delivery) -> None:
        parts = urlsplit(delivery.way.target)
        client = _Mqtt(self)
        if parts.scheme == "mqtts":
            client.tls_set_context(ssl.create_default_context())
        if parts.username:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        client.connect(str(parts.hostname), parts.port or PORTS[parts.scheme], 30)
        try:
            until = time.monotonic() + TIMEOUT
            sent = None
            while sent is None or not sent.is_published():
                if time.monotonic() > until or client.loop(0.05) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    raise ApplianceError("the broker did not take it")
                if sent is None and client.is_connected():
                    body = json.dumps(delivery.body, ensure_ascii=False)
                    sent = client.publish(unquote(parts.path.lstrip("/")), body, 1)
        finally:
            client.disconnect()
            client.loop(0.05)


def signature(secret: str, body: bytes, at: int) -> str:
    """As `Fleet-Signature` has it: HMAC-SHA256 over "AT.BODY", with when it was sent, so that what was
    overheard cannot be sent again later."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={made}"


def subject(delivery: Delivery) -> str:
    body = delivery.body
    began = {"fired": "", "grew": "more: ", "cleared": "over: ", "tried": "tried: "}[delivery.what]
    boxes = f", {body['boxes']} boxes" if body["boxes"] > 1 else ""
    where = f" at {body['site']}" if body["site"] else ""
    return " ".join(f"{began}{body['cause']}{where}{boxes}".split())


def text(delivery: Delivery) -> str:
    body = delivery.body
    moment = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(body.get("since", delivery.at) / 1000))
    named = ", ".join(body["named"])
    return f"{subject(delivery)}\nsince {moment}\n{named}\n"


def _cut(line: http.client.HTTPConnection | smtplib.SMTP) -> None:
    with contextlib.suppress(OSError):
        if line.sock:
            line.sock.shutdown(socket.SHUT_RDWR)


class _Smtp(smtplib.SMTP):
    def __init__(self, senders: Senders, host: str, port: int) -> None:
        self._senders = senders
        self._end = threading.Timer(LONGEST, _cut, [self])
        super().__init__(host, port, timeout=TIMEOUT)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made = self._senders.connect(host, port)
        self._end.start()
        return made

    def close(self) -> None:
        self._end.cancel()
        super().close()


class _Mqtt(Client):
    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        super().__init__(CallbackAPIVersion.VERSION2)

    def _create_socket_connection(self) -> Any:
        return self._senders.connect(self._host, self._port)
