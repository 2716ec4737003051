"""Where the page listens, and the server that does."""

from __future__ import annotations

import contextlib
import socket
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from appliance.access.attempts import is_here, network
from appliance.access.certificates import Own
from appliance.access.impatient import Impatient
from appliance.errors import ConfigError, DeviceError

MESSAGE_BYTES = 64 << 10
"""The longest WebSocket message."""

CONNECTIONS = 128

OPEN = 192
"""Sockets that are open at a time, whether anything was asked by them or TLS agreed on yet: each is a file of
the desk's, which needs some for calls ..."""

OF_ONE = 24
"""... and those of one other machine. A browser opens six, and one for each conversation."""


@dataclass(frozen=True, slots=True)
class Network:
    """Where other machines may open the page."""

    listen: str
    """host:port"""
    own: Own
    names: tuple[str, ...] = ()
    """By which they reach it, besides the machine's own."""
    visitors: bool = False
    """Whether they may talk and write to the desk without an account."""


class Server(uvicorn.Server):
    """Over a socket that listens already; signals are the application's."""

    def __init__(self, app: ASGIApp, own: Own | None = None) -> None:
        tls: dict[str, Any] = {}
        if own:
            tls = {"ssl_certfile": str(own.certificate), "ssl_keyfile": str(own.key)}
        super().__init__(
            uvicorn.Config(
                app, http=Impatient, ws="websockets-sansio", lifespan="off", interface="asgi3",
                ws_max_size=MESSAGE_BYTES, ws_per_message_deflate=False, proxy_headers=False,
                server_header=False, limit_concurrency=CONNECTIONS, log_config=None, log_level="critical",
                access_log=False, **tls,
            )
        )  # fmt: skip

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def address(listen: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:8080" or "[::1]:8080"; `ConfigError` where it is neither."""
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"the page's address {listen!r} is not host:port", "write it like 127.0.0.1:8080")
    return host.strip("[]"), int(port)


class Listener(socket.socket):
    """Lets go of who comes while too many are open."""

    def __init__(self, like: socket.socket) -> None:
        """Takes the place of one that listens already."""
        super().__init__(like.family, like.type, like.proto, like.detach())
        self._open: list[tuple[weakref.ref[socket.socket], str]] = []
        """Each that was taken, and from where."""

    def accept(self) -> tuple[socket.socket, Any]:
        """ConnectionAbortedError where there are too many: the loop goes on to whoever comes next."""
        taken, address = super().accept()
        place = network(address[0])
        self._open = [(each, of) for each, of in self._open if (there := each()) and there.fileno() >= 0]
        same = sum(of == place for _, of in self._open)
        if len(self._open) >= OPEN or (same >= OF_ONE and not is_here(address[0])):
            taken.close()
            raise ConnectionAbortedError
        self._open.append((weakref.ref(taken), place))
        return taken, address


def bound(listen: str) -> socket.socket:
    """A socket that listens there; `DeviceError` where it cannot."""
    host, port = address(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        raise DeviceError(
            f"the page cannot be opened at {bracketed(host)}:{port}: {error.strerror or error}",
            "end the program that has this address, or choose another in box.toml",
        ) from error
    bounded = Listener(listener)
    bounded.setblocking(False)
    return bounded


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
