"""Who is told of alerts: over real lines, once for every try, and nowhere that nobody allowed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from appliance.errors import ApplianceError
from appliance.fleet.alerts import notices, senders
from appliance.fleet.alerts.notices import HELD, Delivery, Post, Way
from appliance.fleet.alerts.senders import Senders, signature, subject
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit
from tests.ports import free_port
from tests.telemetry.brokers import needs_mosquitto, wait_for

HERE = ("127.0.0.0/8",)


class Clock:
    def __init__(self) -> None:
        self.at = 1_790_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    made = Store(tmp_path / "fleet.db", clock)
    yield made
    made.close()


class Hook:
    """A webhook that hears: (headers, body) of each, and answers with what it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.hang = threading.Event()
        self.hang.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.heard.append((dict(self.headers), body))
                hook.hang.wait(20)
                status, headers = hook.answers.pop(0) if hook.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?to=ops"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.hang.set()
    made.server.shutdown()
    made.server.server_close()


def states(store: Store) -> list[tuple[str, int]]:
    return store.read("select state, tries from delivery order by id")


def test_a_webhook_is_signed_and_named(store: Store, hook: Hook) -> None:
    way = notices.add(store, "ops", "webhook", hook.url, who="anna")
    id = notices.try_out(store, "ops", "anna")
    assert Post(store, Senders(HERE).send).turn() == 1
    [(headers, body)] = hook.heard
    told = json.loads(body)
    assert (told["id"], told["what"]) == (id, "tried")
    assert headers["Idempotency-Key"] == id
    at = int(headers["Fleet-Signature"].split(",")[0][2:])
    assert headers["Fleet-Signature"] == signature(way.secret, body, at)
    assert states(store) == [("sent", 1)]
    assert Post(store, Senders(HERE).send).turn() == 0
    assert way.secret not in str([entry.told() for entry in audit.entries(store)])


def test_what_fails_is_tried_again_later_and_later_until_nobody_wants_it(
    store: Store, hook: Hook, clock: Clock
) -> None:
    notices.add(store, "ops", "webhook", hook.url)
    notices.try_out(store, "ops")
    hook.answers = [(500, {})] * 1000
    post, times = Post(store, Senders(HERE).send), []
    began = clock.at
    while states(store)[0][0] == "waiting":
        if post.turn():
            times.append(clock.at - began)
        [(due,)] = store.read("select due from delivery")
        clock.at = max(clock.at, due / 1000)
    gaps = [b - a for a, b in pairwise(times)]
    assert 4 <= gaps[0] <= 6
    assert all(gap <= 3600 * 1.2 for gap in gaps)
    assert all(b > a for a, b in pairwise(gaps[:8]))
    assert states(store)[0][0] == "given up"
    assert 86_400 <= times[-1] <= 86_400 + 2 * 3600
    assert len({headers["Idempotency-Key"] for headers, _ in hook.heard}) == 1
    assert store.read("select error from delivery") == [("it answered 500",)]


def test_one_that_is_led_elsewhere_does_not_go_there(store: Store, hook: Hook) -> None:
    other = Hook()
    notices.add(store, "ops", "webhook", hook.url)
    notices.try_out(store, "ops")
    hook.answers = [(307, {"location": other.url})]
    Post(store, Senders(HERE).send).turn()
    assert (len(hook.heard), other.heard, states(store)) == (1, [], [("waiting", 1)])
    other.server.shutdown()
    other.server.server_close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "0.0.0.0", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[fe80::1]", "2130706433", "0x7f.1", "224.0.0.1", "100.64.0.1",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[64:ff9b:1::7f00:1]", "[fec0::1]", "[::127.0.0.1]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "smtp", "mqtt"])
def test_what_is_not_public_is_not_reached(host: str, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        kind = {"http": "webhook", "smtp": "mail", "mqtt": "mqtt"}[scheme]
        way = Way("ops", kind, f"{scheme}://{host}:{server.getsockname()[1]}/a@b.example", None, "s", True)
        with pytest.raises(ApplianceError, match="is not a public address"):
            Senders().send(delivery(way))
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_mail_server_that_says_one_letter_at_a_time_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(senders, "LONGEST", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def greet() -> None:
            line, _ = server.accept()
            with line, contextlib.suppress(OSError):
                while not over.wait(0.05):
                    line.sendall(b"2")

        greeting = threading.Thread(target=greet)
        greeting.start()
        way = Way("ops", "mail", f"smtp://127.0.0.1:{server.getsockname()[1]}/a@b.example", None, "", True)
        failed: list[ApplianceError] = []

        def send() -> None:
            try:
                Senders(HERE).send(delivery(way))
            except ApplianceError as error:
                failed.append(error)

        sending = threading.Thread(target=send)
        sending.start()
        sending.join(20)
        late = sending.is_alive()
        over.set()
        greeting.join()
        sending.join()
        assert (late, len(failed)) == (False, 1)


def delivery(way: Way) -> Delivery:
    body = {"id": "1", "cause": "gsm is off", "site": "Alder House", "boxes": 2, "named": ["lobby-1"]}
    return Delivery("1" * 32, way, "fired", {**body, "since": 0}, 0, 1)


def test_a_network_that_is_allowed_is_reached_and_no_other(hook: Hook) -> None:
    way = Way("ops", "webhook", hook.url, None, "s", True)
    with pytest.raises(ApplianceError, match="not a public"):
        Senders(["10.0.0.0/8", "::1/128"]).send(delivery(way))
    Senders(HERE).send(delivery(way))
    assert len(hook.heard) == 1
    with pytest.raises(ApplianceError, match="a network is like"):
        Senders(["10.0.0.1/8"])


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("webhook", "file:///etc/passwd"), ("webhook", "gopher://x/"), ("webhook", "https://"),
        ("webhook", "https://example.org:0/"), ("webhook", "https://example.org:99999/"),
        ("webhook", "https://example.org/a b"), ("webhook", "https://example.org/a\r\nb"),
        ("mail", "smtps://mail.example.org"), ("mail", "smtps://mail.example.org/a@b.example%0aBcc:x"),
        ("mail", "smtp://me:word@mail.example.org/ops@example.org"), ("mqtt", "mqtt://broker.example.org"),
        ("mqtt", "mqtt://broker.example.org/#"), ("pigeon", "coo://"), ("webhook", "https://[/"), ("webhook", "https://me:word@example.org/hook"),
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(store: Store, kind: str, target: str) -> None:
    with pytest.raises(ApplianceError):
        notices.add(store, "ops", kind, target)
    assert notices.ways(store) == []


def test_passwords_are_not_shown() -> None:
    assert notices.safe("smtps://me:word@mail.example/a@b.c") == "smtps://me:…@mail.example/a@b.c"
    assert notices.safe("smtps://me:a@b@mail.example/a@b.c") == "smtps://me:…@mail.example/a@b.c"
    assert notices.safe("https://example.org/hook") == "https://example.org/hook"


def test_a_mail_arrives() -> None:
    came: queue.Queue[Any] = queue.Queue()

    class Peer:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            came.put(envelope)
            return "250 taken"

    controller = Controller(Peer(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        way = Way("ops", "mail", f"smtp://127.0.0.1:{controller.port}/ops@example.org", None, "", True)
        Senders(HERE, "fleet.example.org").send(delivery(way))
    finally:
        controller.stop()
    envelope = came.get(timeout=5)
    text = envelope.content.decode()
    assert envelope.rcpt_tos == ["ops@example.org"]
    assert "Subject: gsm is off at Alder House, 2 boxes" in text
    assert f"Message-ID: <{'1' * 32}@fleet.example.org>" in text
    assert "lobby-1" in text


def test_a_cause_that_a_box_made_up_makes_no_headers() -> None:
    way = Way("ops", "mail", "smtp://127.0.0.1/ops@example.org", None, "", True)
    told = delivery(way)
    told.body["cause"] = "gsm\r\nBcc: all@example.org"
    assert subject(told) == "gsm Bcc: all@example.org at Alder House, 2 boxes"


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    port = free_port()
    (folder / "m.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    from appliance.fleet.line.broker import PROGRAM

    process = subprocess.Popen([PROGRAM, "-c", str(folder / "m.conf")], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
        yield port
    finally:
        process.terminate()
        process.wait()


@needs_mosquitto
def test_a_broker_is_told(tmp_path: Path) -> None:
    with broker(tmp_path) as port:
        heard: list[Any] = []
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_connect = lambda client, *_: client.subscribe("alerts/north", 1)
        client.on_message = lambda _, __, message: heard.append(json.loads(message.payload))
        ready = threading.Event()
        client.on_subscribe = lambda *_: ready.set()
        client.connect("127.0.0.1", port)
        client.loop_start()
        assert ready.wait(5)
        way = Way("ops", "mqtt", f"mqtt://127.0.0.1:{port}/alerts/north", None, "", True)
        Senders(HERE).send(delivery(way))
        wait_for(lambda: heard)
        client.loop_stop()
    assert heard[0]["cause"] == "gsm is off"
    with pytest.raises(OSError, match="refused"):
        Senders(HERE).send(delivery(way))


def test_killed_while_it_sends_it_is_sent_once_more_by_the_same_name(
    store: Store, hook: Hook, clock: Clock
) -> None:
    notices.add(store, "ops", "webhook", hook.url)
    id = notices.try_out(store, "ops")
    hook.hang.clear()
    script = f"""
from itertools import pairwise
from pathlib import Path
from appliance.fleet.alerts.notices import Post
from appliance.fleet.alerts.senders import Senders
from appliance.fleet.keeping.store import Store
Post(Store(Path({str(store.where)!r}), lambda: {clock.at!r}), Senders(["127.0.0.0/8"]).send).turn()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    wait_for(lambda: hook.heard, 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hook.hang.set()
    post = Post(store, Senders(HERE).send)
    assert post.turn() == 0
    clock.at += HELD / 1000 + 1
    assert (post.turn(), post.turn()) == (1, 0)
    assert [headers["Idempotency-Key"] for headers, _ in hook.heard] == [id, id]
    assert states(store) == [("sent", 2)]


def test_a_route_that_is_gone_is_told_nothing_more(store: Store, hook: Hook) -> None:
    notices.add(store, "ops", "webhook", hook.url)
    with pytest.raises(ApplianceError, match="already"):
        notices.add(store, "ops", "webhook", hook.url)
    notices.try_out(store, "ops")
    notices.remove(store, "ops", "anna")
    assert Post(store, Senders(HERE).send).turn() == 0
    for missing in (notices.remove, notices.try_out):
        with pytest.raises(ApplianceError, match="no route"):
            missing(store, "ops")


def test_the_end_of_the_server_does_not_wait_for_who_is_slow(store: Store, hook: Hook) -> None:
    notices.add(store, "ops", "webhook", hook.url)
    for _ in range(3):
        notices.try_out(store, "ops")
    hook.hang.clear()
    post = Post(store, Senders(HERE).send)
    post.start()
    wait_for(lambda: hook.heard)
    began = time.monotonic()
    post.stop()
    assert time.monotonic() - began < 5
    hook.hang.set()
    wait_for(lambda: [state for state, _ in states(store)].count("sent") == 1)
    assert len(hook.heard) == 1
