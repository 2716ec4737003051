"""A call is one trace: the conversation, its turns, and the stages of each, on one clock."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from appliance.app import App
from appliance.channels.recorded import Saying
from appliance.channels.scripted import ScriptedCaller
from appliance.config import Box, read_desk
from appliance.config.box import Traces
from appliance.engines.inline import InlineThread
from appliance.errors import ApplianceError
from appliance.messages import Closing, Heard, Spoken, Turn, Word, samples
from appliance.observe.account import kept, last, placed
from appliance.observe.calls import Calls, Kept
from appliance.observe.otlp import Exporter
from appliance.observe.trace import CONVENTIONS, STAGES, Span, spans
from tests.desk import call, voice
from tests.regulars import DESK
from tests.test_app import ENGINES

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def written(folder: Path, turns: Sequence[Turn]) -> tuple[Kept, list[dict[str, Any]]]:
    """The turns as they come back from the disk."""
    calls = Calls(folder)
    number = calls.begin("one", "ab" * 16, "kiosk", "Alder House", "0123456789ab", BEGAN)
    for turn in turns:
        calls.keep(number, kept(turn), last(turn))
    calls.end(number, BEGAN + timedelta(minutes=1), samples(60), [])
    found = calls.call("one")
    assert found
    back = calls.turns(number)
    calls.close()
    return found, back


def named(trace: Sequence[Span], name: str) -> list[Span]:
    return [span for span in trace if span.name == name]


async def test_every_stage_of_a_turn_by_sound_is_a_span_after_the_one_before(tmp_path: Path) -> None:
    done = await call(tmp_path, ["when are you open"], thinking=0.1)
    trace = spans(*written(tmp_path, done.turns))
    root, *rest = trace
    assert (root.name, root.parent) == ("invoke_agent Alder House", "")
    [turn] = named(trace, "turn 2")
    stages = [span for span in rest if span.parent == turn.id]
    assert [span.name for span in stages] == [name for name in STAGES if name != "action"]
    assert all(one.end <= other.start for one, other in pairwise(stages))
    heard, spoken = stages[0], stages[-1]
    [kept_turn] = [each for each in done.turns if each.number == 2]
    assert isinstance(kept_turn.cause, Heard)
    assert heard.start == BEGAN + timedelta(seconds=kept_turn.cause.start / 16_000)
    assert (turn.start, turn.end) == (heard.start, spoken.end)
    assert [span.parent for span in rest if span.name.startswith("turn")] == [root.id] * 2


async def test_ids_are_of_one_trace_and_each_is_its_own(tmp_path: Path) -> None:
    done = await call(tmp_path, ["when are you open", "where can I park"])
    trace = spans(*written(tmp_path, done.turns))
    assert len({span.id for span in trace}) == len(trace)
    assert all(len(bytes.fromhex(span.id)) == 8 for span in trace)
    assert {span.parent for span in trace[1:]} < {span.id for span in trace}


async def test_what_was_cut_off_says_so_and_how_many_words_were_not_heard(tmp_path: Path) -> None:
    says = ["when are you open", "stop"]
    done = await call(tmp_path, says, [Saying(voice(1.0)), Saying(voice(1.0), 0.5)])
    found, turns = written(tmp_path, done.turns)
    cut = next(turn for turn in turns if not turn["whole"] and turn["spoken"]["words"])
    assert cut["spoken"]["unsaid"] > 0
    [span] = named(spans(found, turns), f"turn {cut['number']}")
    assert span.attributes["appliance.whole"] is False


async def test_the_words_of_the_desk_lie_where_they_were_played(tmp_path: Path) -> None:
    done = await call(tmp_path, ["when are you open"])
    [answer] = [turn.spoken for turn in done.turns if turn.number == 2]
    assert [word.text for word in answer.words] == answer.text.split()
    assert answer.words[0].start == answer.start
    assert answer.words[-1].end == answer.end
    assert all(word.start < word.end for word in answer.words)


def test_words_of_a_caller_are_placed_between_the_first_and_the_last() -> None:
    words = placed("when are  you open", 1000, 17_000)
    assert [word.text for word in words] == ["when", "are", "you", "open"]
    assert (words[0].start, words[-1].end) == (1000, 17_000)
    assert placed(" ", 1000, 2000) == ()


def test_a_turn_in_which_nothing_was_said_is_kept_all_the_same(tmp_path: Path) -> None:
    found, turns = written(tmp_path, [Turn("one", 1), Turn("one", 2, Heard("hm", 0, 320, 320, 320))])
    assert [span.name for span in spans(found, turns)][1:] == ["turn 1", "turn 2", "heard", "end of turn"]


def test_a_turn_that_is_kept_again_replaces_the_first(tmp_path: Path) -> None:
    turn = Turn("one", 1, spoken=Spoken("Hello", 0, 320, 0, True, (Word("Hello", 0, 320),)))
    _, turns = written(tmp_path, [turn, replace(turn, spoken=replace(turn.spoken, end=640))])
    assert [each["spoken"]["end"] for each in turns] == [640]


# The desk as it is composed, and a collector.


class Collector(HTTPServer):
    """Takes traces as a collector does, while it is `up`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[dict[str, Any]] = []
        self.up = True
        self.refused = ""
        """A conversation of which it wants to hear nothing."""
        self.asked = Event()
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[dict[str, Any]]:
        return [
            span
            for request in self.taken
            for resource in request["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fine = (
            self.server.up
            and self.path == "/v1/traces"
            and self.headers["Content-Type"] == "application/json"
        )
        refused = bool(self.server.refused) and self.server.refused.encode() in body
        if fine and not refused:
            self.server.taken.append(json.loads(body))
            self.server.asked.set()
        self.send_response(503 if not fine else 400 if refused else 200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


async def booked(folder: Path, collector: Collector | None = None) -> None:
    """A call in which an appointment is made, and whose trace is sent on."""
    (folder / "desk.toml").write_text(DESK)
    desk, _ = read_desk(folder / "desk.toml")
    says = ("book an appointment", "next Thursday", "half past ten", "Ann Smith", "212 555 0142", "yes")
    traces = Traces(collector.url if collector else "")
    async with App(Box(folder, engines=ENGINES, traces=traces), desk) as app:
        await app.chat(ScriptedCaller(says, "booking"))
        if collector:
            assert await asyncio.to_thread(collector.asked.wait, 60)


async def test_an_action_is_a_span_of_the_turn_that_led_to_it(tmp_path: Path) -> None:
    await booked(tmp_path)
    calls = Calls(tmp_path)
    found = calls.call("booking")
    assert found
    assert found.ended
    turns = calls.turns(found.number)
    trace = spans(found, turns)
    [deed] = named(trace, "execute_tool calendar.book")
    assert (deed.attributes["gen_ai.tool.name"], deed.error) == ("calendar.book", "")
    assert deed.parent in {span.id for span in trace}
    assert len(turns) == found.turns == 7
    calls.close()


async def test_a_collector_gets_the_trace_in_the_form_that_it_reads_and_nothing_that_was_said(
    tmp_path: Path,
) -> None:
    collector = Collector()
    await booked(tmp_path, collector)
    sent = collector.spans()
    [root] = [span for span in sent if "parentSpanId" not in span]
    assert {span["traceId"] for span in sent} == {root["traceId"]}
    assert len(bytes.fromhex(root["traceId"])) == 16
    assert all(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) for span in sent)
    known = {each["key"]: each["value"] for each in root["attributes"]}
    assert known["gen_ai.conversation.id"] == {"stringValue": "booking"}
    assert known["appliance.turns"] == {"intValue": "7"}
    scope = collector.taken[0]["resourceSpans"][0]["scopeSpans"][0]
    assert scope["schemaUrl"] == f"https://opentelemetry.io/schemas/{CONVENTIONS}"
    told = json.dumps(collector.taken)
    assert collector.taken
    assert not [word for word in ("Ann", "Smith", "555 0142", "Thursday", "half past") if word in told]
    collector.shutdown()


def decoded(request: dict[str, Any]) -> ExportTraceServiceRequest:
    """As a collector reads it, by OpenTelemetry's own definition; whatever that does not know is an error.
    OTLP writes ids in hex, where protobuf's JSON has base64."""

    def ids(value: Any) -> Any:
        match value:
            case dict():
                return {
                    name: base64.b64encode(bytes.fromhex(each)).decode()
                    if name in ("traceId", "spanId", "parentSpanId")
                    else ids(each)
                    for name, each in value.items()
                }
            case list():
                return [ids(each) for each in value]
        return value

    return ParseDict(ids(request), ExportTraceServiceRequest())


async def test_opentelemetrys_own_definition_reads_the_trace_to_its_last_field(tmp_path: Path) -> None:
    collector = Collector()
    await booked(tmp_path, collector)
    [request] = [decoded(each) for each in collector.taken]
    [resource] = request.resource_spans
    [scope] = resource.scope_spans
    assert resource.resource.attributes[0].value.string_value == "appliance"
    assert scope.schema_url == resource.schema_url == f"https://opentelemetry.io/schemas/{CONVENTIONS}"
    by_id = {span.span_id: span for span in scope.spans}
    assert len(by_id) == len(scope.spans) > 10
    [root] = [span for span in scope.spans if not span.parent_span_id]
    assert len(root.trace_id) == 16
    assert root.name.startswith("invoke_agent ")
    for span in scope.spans:
        assert (span.trace_id, len(span.span_id)) == (root.trace_id, 8)
        assert span is root or span.parent_span_id in by_id
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.kind == span.SPAN_KIND_INTERNAL
        assert all(each.value.WhichOneof("value") for each in span.attributes)
    deeds = [span for span in scope.spans if span.name == "execute_tool calendar.book"]
    known = {each.key: each.value.string_value for each in deeds[0].attributes}
    assert known["gen_ai.operation.name"] == "execute_tool"
    # As bytes, as gRPC has it, it says nothing that was said either.
    sent = request.SerializeToString()
    assert not [word for word in (b"Smith", b"555 0142", b"Thursday") if word in sent]
    collector.shutdown()


async def test_traces_wait_for_a_collector_that_is_away_and_are_sent_once(tmp_path: Path) -> None:
    collector = Collector()
    collector.up = False
    await booked(tmp_path)
    calls = Calls(tmp_path)
    exporter = Exporter(collector.url, calls, InlineThread())
    with pytest.raises(ApplianceError, match="does not take traces"):
        await exporter.send()
    collector.up = True
    assert [await exporter.send(), await exporter.send()] == [1, 0]
    assert len(collector.taken) == 1
    calls.close()
    collector.shutdown()


def test_what_a_crash_left_open_ends_at_its_last_turn(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    number = calls.begin("one", "ab" * 16, "kiosk", "Alder House", "0123456789ab", BEGAN)
    calls.keep(number, kept(Turn("one", 1, Heard("hm", 0, 24_000, 24_000, 24_000))), 24_000)
    assert [calls.settle(), calls.settle()] == [1, 0]
    found = calls.call("one")
    assert found
    assert found.ended == BEGAN + timedelta(seconds=1.5)
    calls.close()


def test_a_turn_in_which_the_desk_was_stopped_begins_then(tmp_path: Path) -> None:
    trace = spans(*written(tmp_path, [Turn("one", 2, Closing(samples(5)), began=samples(6))]))
    assert trace[1].start == BEGAN + timedelta(seconds=5)


def ended(calls: Calls, name: str) -> int:
    number = calls.begin(name, "ab" * 16, "kiosk", "Alder House", "0123456789ab", BEGAN)
    calls.end(number, BEGAN, 0, [])
    return number


async def test_a_trace_that_the_collector_refuses_keeps_no_other_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collector, calls = Collector(), Calls(tmp_path)
    collector.refused = "three"
    for name in ("one", "two", "three", "four", "five"):
        ended(calls, name)
    exporter = Exporter(collector.url, calls, InlineThread())
    assert [await exporter.send(), await exporter.send()] == [5, 0]
    names = {each["value"].get("stringValue") for span in collector.spans() for each in span["attributes"]}
    assert {"one", "two", "four", "five"} < names
    assert "the trace of call three was left out" in caplog.text
    calls.close()
    collector.shutdown()


async def test_a_trace_that_cannot_be_made_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collector, calls = Collector(), Calls(tmp_path)
    number = ended(calls, "bad")
    calls.keep(number, {"number": 1}, 0)
    ended(calls, "good")
    assert await Exporter(collector.url, calls, InlineThread()).send() == 2
    assert len(collector.spans()) == 1
    assert "the trace of call bad could not be made" in caplog.text
    calls.close()
    collector.shutdown()
