"""A RabbitMQ cluster, as far as it needs none."""

from __future__ import annotations

import threading
from collections import deque

import pytest

from appliance.errors import ApplianceError
from appliance.fleet.line.amqp import Delivered, Rabbit
from appliance.fleet.line.source import opened


def test_what_came_is_taken_while_nobody_can_connect_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    rabbit = Rabbit("amqp://nobody:none@127.0.0.1:1/")
    free: list[bool] = []

    def look() -> None:
        if rabbit._lock.acquire(blocking=False):
            free.append(True)

    class Came(deque[Delivered]):
        def popleft(self) -> Delivered:
            other = threading.Thread(target=look)
            other.start()
            other.join()
            return super().popleft()

    monkeypatch.setattr(rabbit, "_came", Came([Delivered("va/1/lobby/state", b"", 1, 1)]))
    monkeypatch.setattr(rabbit, "_wait", lambda seconds: True)
    assert len(rabbit.fetch(1, 0.1)) == 1
    assert not free


@pytest.mark.parametrize(
    "address", ["amqp://nobody@127.0.0.1/", "amqp://a:secret@127.0.0.1:port/", "mqtt://x:y"]
)
def test_an_address_that_is_none_is_told_in_a_line_without_its_password(address: str) -> None:
    with pytest.raises(ApplianceError, match="names no broker") as told:
        opened(address)
    assert "secret" not in str(told.value)
