"""The whole bench, on recordings of tones and engines without models; and on the real ones where they are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from appliance.bench import turns
from appliance.bench.sets import DATA
from appliance.bench.turns import page
from appliance.bench.turns.answers import fixed, plain_way
from appliance.bench.turns.bench import Bench
from appliance.bench.turns.desk import ANSWERS, desk_file, is_worded
from appliance.bench.turns.floor import echo, stops
from appliance.bench.turns.instrument import Measured
from appliance.bench.turns.pauses import Observed, curve, loses, trade_off
from appliance.bench.turns.recordings import Clip, Library
from appliance.bench.turns.room import Said
from appliance.bench.turns.scenes import Saying
from appliance.errors import StorageError
from appliance.messages import Expect, Heard, Turn, samples
from appliance.models import ROOT
from appliance.turns.patience import Pause
from tests.bench.test_turns_scenes import make_data

MODELS = ("silero-vad", "whisper-tiny.en", "smart-turn-v3.2", "piper-en_US-joe-medium", "minilm-l6-v2")

needs_all = pytest.mark.skipif(
    not (DATA / "turn").is_dir() or not all((ROOT / name).is_dir() for name in MODELS),
    reason="../shared/data, or a model of the default desk, is not here",
)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    kinds = ("vad", "eot", "echo", "asr", "tts", "embed")
    lines = [f'{kind} = {{engine = "fake"}}' for kind in kinds]
    (tmp_path / "box.toml").write_text("\n".join(["[engines]", *lines, 'llm = {engine = "none"}', ""]))
    return tmp_path / "box.toml"


@pytest.fixture
def bench(tmp_path: Path, box: Path) -> Bench:
    data = tmp_path / "data"
    data.mkdir()
    return Bench(Library(make_data(data), "all"), box, tmp_path / "calls", quick=True, scripted=True)


def test_a_desk_that_understands_nobody_is_not_said_to_be_quick(bench: Bench) -> None:
    """The fake recogniser hears no words in tones, so that nobody is answered but once a call, with "say that
    again"."""
    part = fixed(bench)
    assert part.pace == "scripted time"
    assert [each.latency == math.inf for each in part.measured] == [False, True, True, True, True] * 2
    median, p95 = part.figures[:2]
    assert median.value == p95.value == math.inf
    assert median.count == 10
    assert median.met is False


def test_the_plain_way_is_held_with_the_same_callers(bench: Bench) -> None:
    ours, plain = fixed(bench), plain_way(bench)
    said, again = ([s["clip"] for call in part.calls for s in call["said"]] for part in (ours, plain))
    assert said == again
    assert {figure.mark for figure in plain.figures} == {None}


def test_a_loud_caller_stops_the_desk(bench: Bench) -> None:
    part = stops(bench)
    measured = [each.stop for each in part.measured if each.stop is not None]
    assert len(measured) == 5
    assert min(measured) < 0.3  # Though it goes on where no words come.


def test_an_echo_that_nothing_removes_is_found_to_interrupt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without cancellation, speech detection by loudness takes every loud echo for the caller."""
    monkeypatch.setattr("appliance.bench.turns.desk.Desk.echo_stream", lambda self: None)
    part = echo(bench)
    hurt, held = part.figures[:2]
    assert len(part.calls) == 20
    assert hurt.count == 20
    assert (hurt.value or 0) + (held.value or 0) > 0
    assert any(call["outcome"] for call in part.calls)


def test_the_command_writes_what_it_found(
    tmp_path: Path, box: Path, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    told, shown, kept = tmp_path / "turns.json", tmp_path / "turns.html", tmp_path / "kept"
    arguments = ["--data", f"{bench.library.data}", "--half", "all", "--quick", "--scripted"]
    arguments += ["--box", f"{box}"]
    arguments += ["--part", "fixed", "--json", str(told), "--page", str(shown), "--keep", str(kept)]
    assert turns.main(arguments) == 1  # Its marks are missed.
    report = json.loads(told.read_text())
    assert {part["name"] for part in report["parts"]} == {"fixed", "plain"}
    first = report["figures"][0]
    assert (first["value"], first["met"], first["mark"]) == ("never", False, 500)
    call = report["parts"][0]["calls"][0]
    assert [each["latency"] == "never" for each in call["said"]] == [False, True, True, True, True]
    assert call["said"][0]["end"] > call["said"][0]["start"]
    count = sum(len(part["calls"]) for part in report["parts"])
    assert len(list(kept.glob("*.wav"))) == count
    out = capsys.readouterr().out
    assert "missed" in out
    assert "never" in out
    html = shown.read_text()
    assert html.count("<div class=call>") == count


def test_where_there_are_no_recordings_the_bench_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no recordings"):
        turns.main(["--data", str(tmp_path)])


def test_a_page_loads_nothing_and_shows_names_as_they_are() -> None:
    said = {"start": 1.0, "end": 2.0, "clip": "<b>.wav", "expect": "any", "pauses": [0.5], "kind": "turn"}
    call = {"name": "a & b", "outcome": "", "length": 9.0, "echo": None, "desk": [[2.4, 3.0]]}
    calls = [call | {"said": [said | {"latency": wait}]} for wait in (0.4, "never")]
    point = {"series": "manners", "name": "normal", "cut_off": 4.0, "median": 400.0, "p95": 900.0}
    figure = {"part": "fixed", "what": "x < y", "value": "never", "unit": "ms", "mark": 500, "count": 2}
    wait = figure | {"what": "end of speech to first sound, median", "mark": 450}
    report = {
        "when": "2026-01-01", "machine": {"processor": "x", "cores": 2}, "half": "test", "took_s": 1,
        "figures": [each | {"met": False, "note": ""} for each in (figure, wait)],
        "parts": [
            {"name": "fixed", "pace": "real time", "calls": calls, "curve": []},
            {"name": "curve", "pace": "offline", "calls": [], "curve": [point]},
        ],
    }  # fmt: skip
    html = page.render(report)
    assert "//" not in html.replace("<!doctype", "")
    assert "<script" not in html
    assert "&lt;b&gt;.wav" in html
    assert "x &lt; y" in html
    assert "1 never came" in html
    assert "prefers-color-scheme: dark" in html
    assert "normal: 4.0 % cut off, 400 ms" in html
    assert "median ≤ 450" in html
    assert ">400 ms</text>" in html
    assert ">never</text>" in html
    drawn = {name: ElementTree.fromstring(svg) for name, svg in page.plots(report).items()}
    assert drawn.keys() == {"turns-fixed.svg", "turns-curve.svg"}
    assert html.index("never, pause") < html.index("latency 400 ms")  # What went wrong comes first.


def pause(text: str = "x", lasts: float | None = None, lag: float = 0.0) -> Observed:
    return Observed(Pause(text, Expect()), lasts, lag)


@pytest.mark.parametrize(
    ("heard", "cut", "spoke", "lost"),
    [
        (((1.2, 4.9),), True, 0.4, False),
        (((1.2, 2.0), (3.0, 4.9)), True, 0.4, True),
        (((1.2, 4.9),), True, 1.4, True),
        (((1.2, 2.0),), False, None, False),
    ],
)
def test_a_caller_who_is_heard_whole_by_a_desk_that_soon_fell_silent_lost_nothing(
    heard: tuple[tuple[float, float], ...], cut: bool, spoke: float | None, lost: bool
) -> None:
    said = Said(Saying(np.zeros(samples(4.0), dtype=np.float32)), samples(1.0))
    spans = [(samples(start), samples(end)) for start, end in heard]
    turns = [Turn("a", number, Heard("", *span, span[1], span[1])) for number, span in enumerate(spans)]
    assert loses(turns, said, Measured("turn", None, cut, spoke)) is lost


def test_a_policy_that_is_less_patient_than_the_caller_cuts_them_off() -> None:
    heard = [[pause(lasts=0.5), pause()], [pause(lasts=0.9), pause(lag=0.1)], [pause()]]
    short, middle, long = (trade_off(heard, lambda _, wait=wait: wait) for wait in (0.3, 0.7, 1.2))  # type: ignore[misc]
    assert [round(each["cut_off"]) for each in (short, middle, long)] == [67, 33, 0]
    assert middle["median"] == pytest.approx(700)
    assert long["median"] == pytest.approx(1200)
    assert trade_off([], lambda _: 0.5)["median"] is None


def test_the_curve_has_every_manner_and_a_fixed_quiet_beside_it(bench: Bench) -> None:
    part = curve(bench)
    assert {point["series"] for point in part.curve} == {"the desk", "manners", "fixed quiet"}
    assert {p["name"] for p in part.curve if p["series"] == "manners"} == {"patient", "normal", "brisk"}
    fixed_quiet = [point for point in part.curve if point["series"] == "fixed quiet"]
    cut = [point["cut_off"] for point in fixed_quiet]
    assert cut == sorted(cut, reverse=True)
    assert cut[0] > cut[-1]


def test_the_desk_knows_some_callers_in_other_words_than_theirs() -> None:
    clips = [
        Clip(f"{n}", np.zeros(1, dtype=np.float32), f"Where can I park my car number {n}?") for n in range(6)
    ]
    desk = desk_file(clips, every=3)
    assert len(desk.fact) == 2
    assert all(fact.say in ANSWERS for fact in desk.fact.values())
    assert not any("Where can I park my car number" in ask for fact in desk.fact.values() for ask in fact.ask)
    assert is_worded("where can I park my car")
    assert not is_worded("a b c d e f")


@needs_all
@pytest.mark.slow
def test_the_real_desk_is_measured_on_real_recordings(tmp_path: Path) -> None:
    told = tmp_path / "turns.json"
    turns.main(["--quick", "--scripted", "--json", str(told), "--page", str(tmp_path / "turns.html")])
    figures = {(f["part"], f["what"]): f for f in json.loads(told.read_text())["figures"]}
    assert figures["fixed", "end of speech to first sound, median"]["value"] < 1200
    assert figures["interruptions", "stop after an interruption, p95"]["value"] < 400
