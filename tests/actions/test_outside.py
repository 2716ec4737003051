"""Reaching a real server on this machine, and what is known after it or the box went down."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from appliance.actions import REGISTRY, Context, Runner, action
from appliance.memory.store import Store
from tests.actions.conftest import Clock, Desk, desk_at


class Server:
    """A CRM on loopback: what it was asked, and what it answers to the next requests."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers: list[Callable[[BaseHTTPRequestHandler], None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                read = json.loads(body) if body else None
                outer.asked.append((self.command, self.path, dict(self.headers), read))
                (outer.answers.pop(0) if outer.answers else reply())(self)

            do_GET = do_POST = do_DELETE = do

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def keys(self) -> set[str]:
        return {headers["Idempotency-Key"] for _, _, headers, _ in self.asked}


def reply(status: int = 200, body: Any = None, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        text = json.dumps({"data": {"number": 4711, "secret": {"x": 1}}} if body is None else body).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    return answer


def hang(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: time.sleep(seconds)


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


def settings_for(server: Server) -> dict[str, Any]:
    url = f"http://{server.host}"
    ticket = {"url": f"{url}/rooms/{{room}}", "result": {"number": "data.number", "odd": "data.secret"}}
    return {
        "http.request": {
            "allow": [server.host],
            "template": {
                "ticket": {
                    **ticket,
                    "method": "POST",
                    "body": {"text": "{about}", "tags": ["desk", "{room}"]},
                    "why": {"409": "full"},
                    "timeout": 0.3,
                    "undo": "gone",
                },
                "safe": {**ticket, "method": "POST", "repeat": True, "timeout": 0.3},
                "look": {"url": f"{url}/rooms?q={{room}}", "timeout": 0.3},
                "gone": {"url": f"{url}/tickets/{{number}}", "method": "DELETE"},
                "away": {"url": "http://example.org/"},
                "nobody": {"url": "http://127.0.0.1:9/"},
                "host": {"url": "http://{room}/"},
            },
        }
    }


@pytest.fixture
def crm(tmp_path: Path, server: Server) -> Iterator[Desk]:
    desk = desk_at(tmp_path, settings_for(server))
    yield desk
    desk.store.close()


TICKET = {"template": "ticket", "room": "4", "about": 'A "quoted" wish'}


def test_a_template_becomes_a_request_and_its_answer_a_result(crm: Desk, server: Server) -> None:
    outcome = crm.run("http.request", **TICKET)
    assert outcome.ok
    assert outcome.result == {"status": 200, "number": 4711}
    [(method, path, headers, body)] = server.asked
    assert (method, path) == ("POST", "/rooms/4")
    assert body == {"text": 'A "quoted" wish', "tags": ["desk", "4"]}
    assert headers["Idempotency-Key"] == outcome.key


def test_the_same_yes_asks_the_server_once(crm: Desk, server: Server) -> None:
    yes = crm.agreed("http.request", **TICKET)
    first = crm.run("http.request", yes, **TICKET)
    assert crm.run("http.request", yes, **TICKET) == first
    assert len(server.asked) == 1


def test_undo_asks_for_the_opposite(crm: Desk, server: Server) -> None:
    outcome = crm.run("http.request", **TICKET)
    assert crm.runner.undo(outcome.key).ok
    assert crm.runner.undo(outcome.key).ok
    assert [(method, path) for method, path, *_ in server.asked] == [
        ("POST", "/rooms/4"),
        ("DELETE", "/tickets/4711"),
    ]


@pytest.mark.parametrize(
    ("room", "path"),
    [
        ("4/../../admin", "/rooms/4%2F..%2F..%2Fadmin"),
        ("a b?c=d&e#f", "/rooms/a%20b%3Fc%3Dd%26e%23f"),
        ("4\r\nX-Evil: 1", None),
        ("..", None),
        ("ö", "/rooms/%C3%B6"),
    ],
)
def test_what_is_filled_in_cannot_lead_elsewhere(
    crm: Desk, server: Server, room: str, path: str | None
) -> None:
    outcome = crm.run("http.request", **{**TICKET, "room": room})
    if path is None:
        assert outcome.why == "invalid"
    assert [asked for _, asked, *_ in server.asked] == ([path] if path else [])


@pytest.mark.parametrize("template", ["away", "host", "none of these"])
def test_only_allowed_hosts_and_known_templates(crm: Desk, server: Server, template: str) -> None:
    outcome = crm.run("http.request", template=template, room=server.host)
    assert outcome.why in ("refused", "invalid")
    assert server.asked == []


def test_a_redirect_is_not_followed(crm: Desk, server: Server) -> None:
    server.answers = [reply(302, Location=f"http://{server.host}/admin")]
    assert crm.run("http.request", **TICKET).why == "declined"
    assert len(server.asked) == 1


def test_a_status_has_the_meaning_that_the_template_gives_it(crm: Desk, server: Server) -> None:
    server.answers = [reply(409), reply(400)]
    assert [crm.run("http.request", **TICKET).why for _ in range(2)] == ["full", "declined"]


def test_what_may_be_repeated_is_tried_again_under_one_key(crm: Desk, server: Server) -> None:
    server.answers = [reply(503), cut]
    outcome = crm.run("http.request", template="safe", room="4")
    assert outcome.ok
    assert len(server.asked) == 3
    assert server.keys() == {outcome.key}


def test_what_may_not_be_repeated_is_in_doubt_after_one_try(crm: Desk, server: Server) -> None:
    for answer in (cut, hang(0.6), reply(503)):
        server.asked.clear()
        server.answers = [answer]
        outcome = crm.run("http.request", **TICKET)
        assert (outcome.ok, outcome.why) == (False, "doubt")
        assert len(server.asked) == 1


def test_a_server_that_is_not_there_was_certainly_not_asked(crm: Desk, server: Server) -> None:
    crm.runner = Runner(
        crm.store, {"http.request": {**settings_for(server)["http.request"], "allow": ["127.0.0.1:9"]}}
    )
    assert crm.run("http.request", template="nobody").why == "unreachable"


def test_the_fuse_blows_and_one_try_tells_whether_it_is_over(crm: Desk, server: Server) -> None:
    server.answers = [cut] * 5
    outcomes = [crm.run("http.request", **TICKET).why for _ in range(6)]
    assert outcomes == ["doubt"] * 5 + ["down"]
    assert len(server.asked) == 5
    # Another template of the same action has a fuse of its own.
    assert crm.run("http.request", template="look", room="4").ok
    crm.clock.moment += timedelta(seconds=31)
    assert crm.run("http.request", **TICKET).ok
    assert crm.run("http.request", **TICKET).ok


def test_a_server_that_drips_is_cut_at_the_time_out(crm: Desk, server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        try:
            for _ in range(400):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    server.answers = [drip]
    hasty = {**REGISTRY, "http.request": replace(REGISTRY["http.request"], timeout=0.5)}
    desk = Desk(crm.store, crm.clock, Runner(crm.store, settings_for(server), hasty))
    began = time.monotonic()
    assert desk.run("http.request", **TICKET).why in ("doubt", "timeout")
    assert time.monotonic() - began < 10  # The answer would take 20 s.


@pytest.fixture
def slow_action() -> Iterator[dict[str, Any]]:
    gate = threading.Event()

    @action("odd.outside", timeout=0.1, outside=True)
    def outside(context: Context) -> Mapping[str, Any]:
        """Take long."""
        gate.wait(5)
        return {"done": True}

    @action("odd.greedy", outside=True)
    def greedy(context: Context) -> Mapping[str, Any]:
        """Want the box's file, which is not for what reaches outside."""
        context.db.execute("delete from message")
        return {}

    del REGISTRY["odd.outside"], REGISTRY["odd.greedy"]
    yield {"odd.outside": outside, "odd.greedy": greedy, "gate": gate}
    gate.set()


def test_a_late_answer_from_outside_is_kept_but_does_not_count(
    tmp_path: Path, slow_action: dict[str, Any]
) -> None:
    desk = desk_at(tmp_path, registry=slow_action)
    yes = desk.agreed("odd.outside")
    assert desk.run("odd.outside", yes).why == "timeout"
    slow_action["gate"].set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and desk.log.read("call")[-1].kind != "late":
        time.sleep(0.01)
    assert desk.log.read("call")[-1].data["result"] == {"done": True}
    assert desk.run("odd.outside", yes).why == "timeout"
    assert desk.run("odd.greedy").why == "failed"


def killed_while_asking(path: Path, server: Server, arguments: Mapping[str, str]) -> None:
    """A box that asks the server and is killed before it hears the answer."""
    server.answers = [hang(1.0)]
    child = os.fork()
    if not child:
        desk = Desk(store := Store(path, Clock()), Clock(), Runner(store, settings_for(server)))
        desk.log.append("call", "began")
        desk.run("http.request", **arguments)
        os._exit(0)
    deadline = time.monotonic() + 10
    while not server.asked and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert server.asked


def test_after_a_crash_the_next_start_tells_what_is_in_doubt(tmp_path: Path, server: Server) -> None:
    killed_while_asking(tmp_path / "desk.db", server, TICKET)
    desk = desk_at(tmp_path, settings_for(server))
    [doubt] = desk.runner.recover()
    assert (doubt.action, doubt.arguments, doubt.outcome.why) == ("http.request", TICKET, "doubt")
    assert len(server.asked) == 1  # Asked once, and not again: nobody here knows.
    assert desk.runner.recover() == []
    [yes] = [event.id for event in desk.log.read("call") if event.kind == "confirmed"]
    assert desk.run("http.request", yes, **TICKET).why == "doubt"
    assert len(server.asked) == 1


def test_after_a_crash_what_may_be_repeated_is_done_under_its_old_key(tmp_path: Path, server: Server) -> None:
    wish = {"template": "safe", "room": "4"}
    killed_while_asking(tmp_path / "desk.db", server, wish)
    desk = desk_at(tmp_path, settings_for(server))
    [doubt] = desk.runner.recover()
    assert doubt.outcome.ok
    assert len(server.asked) == 2
    assert server.keys() == {doubt.key}
    [yes] = [event.id for event in desk.log.read("call") if event.kind == "confirmed"]
    assert desk.run("http.request", yes, **wish) == doubt.outcome
    assert len(server.asked) == 2
