"""A RabbitMQ cluster, as far as it needs none."""

from __future__ import annotations

import threading
from collections import deque

import pytest

from appliance.fleet.line.amqp import Delivered, Rabbit


def test_what_came_is_taken_while_nobody_can_connect_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    rabbit = Rabbit("amqp://nobody@127.0.0.1:1/")
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
