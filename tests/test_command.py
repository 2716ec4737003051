"""The command `appliance`, as a person runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance import models
from appliance.memory.notebook import add_message
from appliance.memory.store import Store
from appliance.messages import seconds
from tests.desk import voice

BOX = """\
data = "data"
[web]
listen = "127.0.0.1:{port}"
[kiosk]
enabled = false
[engines]
vad = {{engine = "fake"}}
asr = {{engine = "fake"}}
tts = {{engine = "fake"}}
embed = {{engine = "words"}}
llm = {{engine = "none"}}
"""
DESK = """\
name = "Alder House"
[lines]
greeting = "Hello."
[fact.hours]
ask = ["when are you open"]
say = "From nine to five."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "box.toml").write_text(BOX.format(port=port))
    (tmp_path / "desk.toml").write_text(DESK)
    (tmp_path / "port").write_text(str(port))
    return tmp_path


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "appliance", *arguments]


def appliance(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments),
        cwd=folder,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_says_fine_or_names_the_line_and_the_mend(folder: Path) -> None:
    assert "desk.toml: fine; 1 facts" in appliance(folder, "check").stdout
    (folder / "desk.toml").write_text(DESK.replace("say =", "sya ="))
    refused = appliance(folder, "check")
    assert refused.returncode == 1
    assert "desk.toml, line 6: fact.hours.sya is not a known key" in refused.stderr
    assert "mend: did you mean say?" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_check_knows_which_engines_there_are(folder: Path) -> None:
    box = (folder / "box.toml").read_text()
    (folder / "box.toml").write_text(box.replace('asr = {engine = "fake"}', 'asr = {engine = "wisper"}'))
    refused = appliance(folder, "check")
    assert refused.returncode == 1
    assert "there is no asr engine 'wisper'" in refused.stderr


def test_a_conversation_by_keyboard(folder: Path) -> None:
    done = appliance(folder, "chat", typed="when are you open\ngoodbye\n")
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["desk: Hello.", "desk: From nine to five.", "desk: Goodbye."]


def test_a_chat_tells_why_where_it_is_asked_to(folder: Path) -> None:
    done = appliance(folder, "chat", "--why", typed="when are you open\n")
    assert done.stdout.splitlines()[2:] == [
        "desk: From nine to five.",
        "      (hours: phrase, 1.00; desk.toml fact.hours)",
    ]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_conversation_by_keyboard_though_no_key_is_pressed(
    folder: Path, stop: signal.Signals
) -> None:
    process = subprocess.Popen(
        command(folder, "talk", "--text"),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        assert process.stdout.readline() == "desk: Hello.\n"
        time.sleep(0.3)
        process.send_signal(stop)
        assert process.wait(timeout=5) == 0
        errors = process.stderr.read()
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
    assert "Traceback" not in errors
    assert "Fatal" not in errors


def test_with_json_the_output_is_the_records_and_nothing_else(folder: Path) -> None:
    done = appliance(folder, "talk", "--text", "--json", typed="when are you open\ngoodbye\n")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["played"] for record in records] == ["Hello.", "From nine to five.", "Goodbye."]
    assert "desk: From nine to five." in done.stderr


def test_a_million_characters_and_control_characters_are_just_text(folder: Path) -> None:
    typed = "a" * 1_000_000 + "\n\x00\x1b[2J\x07\nwhen are you open\n"
    done = appliance(folder, "talk", "--text", typed=typed)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "desk: From nine to five."


def test_a_recorded_caller_leaves_a_recording_and_a_record_of_each_turn(folder: Path) -> None:
    soundfile.write(folder / "caller.wav", np.frombuffer(voice(1.0), dtype="<i2"), 16_000)
    done = appliance(folder, "talk", "--audio", "caller.wav", "--record", "call.wav", "--json")
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[0]["cause"] == "call"
    assert records[0]["played"] == "Hello."
    assert " ".join(records[0]["times"]) == (
        "speech_start speech_end turn_decided transcript_final first_text first_audio last_audio"
    )
    sound, rate = soundfile.read(folder / "call.wav", dtype="int16")
    assert (sound.shape[1], rate) == (2, 16_000)
    assert sound[:, 0].any()
    assert sound[:, 1].any()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read as sound"),
        (b"", "cannot be read as sound"),
        (b"this is no sound at all" * 100, "cannot be read as sound"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as sound"),
    ],
)
def test_a_recording_that_is_none_is_told_with_the_mend(
    folder: Path, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (folder / "caller.wav").write_bytes(content)
    done = appliance(folder, "talk", "--audio", "caller.wav")
    assert done.returncode == 1
    assert expected in done.stderr
    assert "mend: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_recording_without_a_sample_is_told_too(folder: Path) -> None:
    soundfile.write(folder / "caller.wav", np.zeros(0), 16_000)
    assert "holds no sound" in appliance(folder, "talk", "--audio", "caller.wav").stderr


def test_a_missing_model_is_told_with_the_mend(folder: Path) -> None:
    box = (folder / "box.toml").read_text()
    (folder / "box.toml").write_text(
        box.replace('asr = {engine = "fake"}', 'asr = {engine = "whisper", model = "x"}')
    )
    soundfile.write(folder / "caller.wav", np.zeros(16_000), 16_000)
    done = appliance(folder, "talk", "--audio", "caller.wav")
    assert done.returncode == 1
    assert "the model x" in done.stderr
    assert "appliance models fetch x" in done.stderr


def start(folder: Path, **told: str) -> subprocess.Popen[str]:
    """`appliance run`, once its page answers; `told` by its environment."""
    process = subprocess.Popen(
        command(folder, "run"),
        cwd=folder,
        env=os.environ | told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    answers(process, folder)
    return process


def answers(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until its page answers."""
    port = (folder / "port").read_text()
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_desk_at_once(folder: Path, stop: signal.Signals) -> None:
    process = start(folder)
    began = time.monotonic()
    process.send_signal(stop)
    output, _ = process.communicate(timeout=10)
    assert time.monotonic() - began < 5
    assert process.returncode == 0
    assert "Traceback" not in output


def test_a_library_that_falls_as_python_ends_fails_no_desk_that_was_stopped(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text("import atexit, os\natexit.register(os.abort)\n")
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = start(folder, PYTHONPATH=path)
    process.terminate()
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0, output


def test_the_desk_says_what_is_on_and_off_and_why(folder: Path) -> None:
    process = start(folder)
    assert process.stdout
    output = "".join(iter(process.stdout.readline, "ready; Ctrl-C ends\n"))
    process.terminate()
    process.communicate(timeout=10)
    assert f"open http://127.0.0.1:{(folder / 'port').read_text()}" in output
    assert "off kiosk: switched off in box.toml" in output


def test_an_address_in_use_is_told_with_the_mend(folder: Path) -> None:
    port = int((folder / "port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        done = appliance(folder, "run")
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr
    assert "mend: " in done.stderr
    assert "Traceback" not in done.stderr


def test_models_are_looked_for_where_box_toml_says(folder: Path) -> None:
    box = folder / "box.toml"
    box.write_text(f'models = "{folder / "weights"}"\n' + box.read_text())
    (folder / "stick").mkdir()
    done = appliance(folder, "models", "import", "stick")
    assert done.returncode == 1
    assert "still missing of the default models: " in done.stdout
    (folder / "elsewhere").mkdir()
    away = subprocess.run(
        command(folder, "models", "list", "--box", str(box)),
        cwd=folder / "elsewhere",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert re.search("^silero-vad .*missing", away.stdout, re.MULTILINE)


def test_the_manager_reads_what_callers_left(folder: Path) -> None:
    kinds = ("messages", "calls to make", "notices", "unanswered questions")
    assert appliance(folder, "messages").stdout == "\n".join(f"no {kind}\n" for kind in kinds)
    assert not (folder / "data").exists()
    typed = "zebra quartz violin\nyes\nAnna here, \x1b[31mcall me [bold] back\ngoodbye\n"
    assert appliance(folder, "talk", "--text", typed=typed).returncode == 0
    said = appliance(folder, "messages").stdout.splitlines()
    assert said[0] == "1 messages"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d  Anna here,  \[31mcall me \[bold\] back", said[1])
    assert said[-2] == "1 unanswered questions"
    assert said[-1].endswith("  zebra quartz violin")


def test_the_manager_reads_whom_to_call_and_who_has_come(folder: Path) -> None:
    store = Store(folder / "data" / "desk.db")
    at = store.stamp()
    with store.write() as db:
        add_message(db, "c1", at, "A taxi at nine", "Ann Smith", "555 0142", "the porter")
        torn_up = add_message(db, "c1", at, "Never mind")
        db.execute("update message set state = 'withdrawn' where id = ?", torn_up)
        db.execute("insert into callback values (1, ?, 'c1', 'Bo', '555 0199', '', 'open')", at)
        db.execute("insert into notice values (1, ?, 'Maria Lind', 'Ann Smith is here for you.', null)", at)
    store.close()
    said = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d  ", "", appliance(folder, "messages").stdout)
    assert said.splitlines() == [
        *("1 messages", "for the porter: A taxi at nine (Ann Smith, 555 0142)", ""),
        *("1 calls to make", "Bo, 555 0199", ""),
        *("1 notices", "for Maria Lind: Ann Smith is here for you.", ""),
        "no unanswered questions",
    ]


def test_doctor_names_what_is_wrong_and_goes_on(folder: Path) -> None:
    done = appliance(folder, "doctor")
    assert "fine  tts (fake)" in done.stdout
    assert "off   llm (none): switched off in box.toml" in done.stdout
    assert done.returncode == 0


def test_doctor_goes_on_whatever_an_engine_raises_and_takes_a_model_of_ones_own(folder: Path) -> None:
    (folder / "weights/my [own] model").mkdir(parents=True)
    box = (folder / "box.toml").read_text()
    own = 'asr = {engine = "whisper", model = "my [own] model"}'
    box = f'models = "{folder / "weights"}"\n' + box.replace('asr = {engine = "fake"}', own)
    (folder / "box.toml").write_text(box.replace("127.0.0.1:", "[::1]:"))
    done = appliance(folder, "doctor")
    assert "bad   asr (whisper): " in done.stdout
    assert "in the manifest" not in done.stdout
    assert "fine  tts (fake)" in done.stdout
    assert f"fine  page: [::1]:{(folder / 'port').read_text()} is free" in done.stdout
    assert "Traceback" not in done.stderr


def test_no_child_is_left_when_the_desk_has_ended(folder: Path) -> None:
    process = start(folder)
    os.killpg(process.pid, 0)
    process.terminate()
    process.communicate(timeout=10)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.skipif(not (models.ROOT / "whisper-tiny.en").is_dir(), reason="the default models are not here")
def test_sigterm_in_mid_sentence_ends_it_at_once_and_the_recording_plays(
    tmp_path: Path,
) -> None:
    soundfile.write(tmp_path / "caller.wav", np.frombuffer(voice(1.0), dtype="<i2"), 16_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "talk", "--audio", "caller.wav", "--record", "call.wav"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "call.wav").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)
    assert time.monotonic() - began < 5
    assert process.returncode == 0, output
    assert "Traceback" not in output
    sound, _ = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert seconds(len(sound)) > 0.5
    assert sound[:, 1].any()
