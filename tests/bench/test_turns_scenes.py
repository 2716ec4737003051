from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from appliance.bench.sets import DATA, half_of
from appliance.bench.turns.clock import TimedThread, run_scripted
from appliance.bench.turns.recordings import BACK_CHANNELS, Library, Sound, trimmed
from appliance.bench.turns.room import Room
from appliance.bench.turns.scenes import (
    PAUSES,
    Echo,
    Saying,
    Scene,
    bystanders,
    calls,
    cough,
    echoes,
    from_first_word,
    in_places,
    interruptions,
    paused_turns,
    turns,
    with_pause,
)
from appliance.messages import FRAME, RATE, Audio, Expect, Turn, samples

needs_data = pytest.mark.skipif(not (DATA / "turn").is_dir(), reason="../shared/data is not here")


def tone(seconds: float, level: float = 0.2) -> Sound:
    return (level * np.sin(2 * np.pi * 300 * np.arange(samples(seconds)) / RATE)).astype(np.float32)


def speech(seconds: float = 3.0) -> Sound:
    """With a quiet moment at its middle."""
    sound = tone(seconds)
    middle = len(sound) // 2
    sound[middle - 800 : middle + 800] *= 0.01
    return sound


def make_data(folder: Path, count: int = 12) -> Path:
    """A folder of recordings as the bench expects them."""
    files = [(f"speech16k/an4/{n}.wav", "PLEASE ENTER THE WORD NOW", tone(1 + n / 10)) for n in range(count)]
    files += [(f"speech16k/an4/yes{n}.wav", "YES", tone(0.4)) for n in range(count)]
    files += [(f"speech16k/an4/stop{n}.wav", "STOP", tone(0.4)) for n in range(count)]
    files += [(f"noise/{n}.wav", "", tone(9)) for n in range(count)]
    files += [(f"rir/{n}.wav", "", np.eye(1, 800, 100, dtype=np.float32)[0]) for n in range(count)]
    rows = ["file\twhat\tsource\tlicence\tsha256\tseconds\ttranscript"]
    for name, text, sound in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        quiet = np.zeros(samples(0.3), dtype=np.float32)
        whole = sound if name.startswith("rir") else np.concatenate([quiet, sound, quiet])
        soundfile.write(folder / name, whole, RATE)
        rows.append(f"{name}\tx\tx\tx\tx\t1\t{text}")
    (folder / "MANIFEST.tsv").write_text("\n".join([*rows, "noise/gone.ogg\tx\tx\tx\tx\t1\t"]) + "\n")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(make_data(tmp_path))


def test_the_edges_of_speech_are_found_to_five_milliseconds() -> None:
    quiet = np.random.default_rng(1).normal(0, 0.0005, RATE).astype(np.float32)
    click = quiet.copy()
    click[8000:8016] = 0.5
    assert len(trimmed(np.concatenate([quiet, tone(1.5), click]))) / RATE == pytest.approx(1.5, abs=0.005)
    assert not len(trimmed(np.zeros(RATE, dtype=np.float32)))


def test_a_recording_is_in_one_half_only(tmp_path: Path) -> None:
    make_data(tmp_path)
    test, train, both = (
        {clip.name for clip in Library(tmp_path, half).callers()} for half in ("test", "train", "all")
    )
    assert test
    assert train
    assert not test & train
    assert both == test | train
    assert all(half_of(name) == "test" for name in test)


def test_single_words_are_no_turns(library: Library) -> None:
    assert not any("yes" in clip.name or "stop" in clip.name for clip in library.callers())
    assert all("yes" in clip.name for clip in library.short(BACK_CHANNELS))


def test_what_cannot_be_read_is_passed_over(library: Library) -> None:
    assert not any("gone" in clip.name for clip in library.noises())
    assert list(library.backgrounds())


def test_a_pause_is_put_where_it_is_quietest_and_is_as_long_as_it_says() -> None:
    saying = Saying(speech(3.0))
    paused = with_pause(saying, 0.7)
    assert paused
    assert paused.length == saying.length + samples(0.7)
    sounding = np.flatnonzero(paused.sound)
    quiet = int(np.argmax(np.diff(sounding)))
    assert np.diff(sounding)[quiet] == pytest.approx(samples(0.7), abs=3)
    assert sounding[quiet] == pytest.approx(samples(1.5), abs=samples(0.06))
    assert paused.pauses == (0.7,)
    assert with_pause(Saying(tone(1.0)), 0.7) is None


def test_each_length_of_pause_is_put_in_as_often(library: Library) -> None:
    said = paused_turns(library, 3)
    assert [each.pauses for each in said] == [(PAUSES[0],), (PAUSES[1],), (PAUSES[2],)]


def test_some_turns_have_pauses_and_some_do_not(library: Library) -> None:
    said = turns(library, 4)
    assert [bool(each.pauses) for each in said] == [False, False, True, False]


def test_every_kind_of_bystander_is_heard_and_none_at_the_same_moment(library: Library) -> None:
    said = bystanders(library, 9)
    assert [each.kind for each in said[:3]] == ["back-channel", "noise", "cough"]
    assert len({each.into for each in said}) > 5
    assert interruptions(library, 3)[0].text == "STOP"


def test_coughs_differ_and_are_short() -> None:
    made = [cough(seed).sound for seed in range(4)]
    assert all(0.2 < len(each) / RATE < 0.6 for each in made)
    assert len({each.tobytes() for each in made}) == 4


def test_echoes_cover_the_rooms_and_twenty_decibels(library: Library) -> None:
    ways = list(echoes(library, 100))
    assert len({way.room for way in ways}) == len(list(library.rooms()))
    assert min(way.level for way in ways) < -17
    assert max(way.level for way in ways) > -3
    assert all(-20 <= way.level <= 0 and 0 < way.delay <= 0.16 for way in ways)
    assert [way.level for way in ways] == [way.level for way in echoes(library, 100)]


def test_every_second_call_comes_from_a_place(library: Library) -> None:
    scenes = list(in_places(calls([Saying(tone(1))] * 4, 1, "x"), library))
    assert [scene.background is not None for scene in scenes] == [False, True, False, True]
    background = scenes[1].background
    assert background is not None
    assert 20 * np.log10(np.sqrt((background**2).mean()) / 0.05) == pytest.approx(-18, abs=0.1)


async def held(room: Room, answers: dict[int, Sound] | None = None) -> list[Audio]:
    """A call with a desk that plays sounds at given frames."""
    heard = []
    speaking = []

    async def speak(sound: Sound) -> None:
        for piece in np.array_split(sound, 50):
            await room.playout.write((piece * 32767).astype("<i2").tobytes())
        await room.playout.drain()
        room.notice(Turn("x", 1))

    async for frame in room.microphone():
        heard.append(frame)
        sound = (answers or {}).get(len(heard))
        if sound is not None:
            speaking.append(asyncio.create_task(speak(sound)))
    for task in speaking:
        task.cancel()
    return heard


def test_where_the_caller_speaks_is_known_to_the_sample() -> None:
    saying = Saying(speech(1.0))

    async def work() -> tuple[Room, list[Audio]]:
        room = Room(Scene("x", (saying,), linger=0.5), real=False)
        return room, await held(room, {10: tone(0.4), 150: tone(0.4)})

    room, frames = run_scripted(work())
    heard = np.frombuffer(b"".join(frame.pcm for frame in frames), dtype="<i2").astype(np.float32) / 32768
    (said,) = room.said
    assert np.abs(heard[said.start : said.end] - saying.sound).max() < 1e-4
    assert not heard[: said.start].any()
    assert not heard[said.end :].any()
    assert said.start > 30 * FRAME  # After the desk had finished.


def test_the_caller_cuts_in_where_the_scene_says() -> None:
    saying = Saying(tone(0.5), "interruption", into=1.0)

    async def work() -> Room:
        room = Room(Scene("x", (saying,)), real=False)
        await held(room, {10: tone(4)})
        return room

    room = run_scripted(work())
    assert room.said[0].start / RATE == pytest.approx(10 * 0.02 + 1.0, abs=0.05)


def test_a_caller_who_gets_no_answer_goes_on_and_then_hangs_up() -> None:
    async def work() -> tuple[Room, list[Audio]]:
        room = Room(Scene("x", (Saying(tone(0.5)), Saying(tone(0.5)))), real=False)
        return room, await held(room)

    room, frames = run_scripted(work())
    assert [round(said.start / RATE) for said in room.said] == [12, 24]
    assert len(frames) * FRAME / RATE == pytest.approx(37, abs=0.6)


def test_no_call_lasts_longer_than_its_scene() -> None:
    async def work() -> list[Audio]:
        return await held(Room(Scene("x", (Saying(tone(60)),), longest=14), real=False))

    assert len(run_scripted(work())) * FRAME == samples(14)


@pytest.mark.parametrize(("level", "delay"), [(0.0, 0.02), (-20.0, 0.1)])
def test_the_echo_has_its_level_and_delay(level: float, delay: float) -> None:
    answer = tone(0.5)
    echo = Echo(np.ones(1, dtype=np.float32), level, delay)

    played: list[int] = []

    async def work() -> list[Audio]:
        room = Room(Scene("x", (), echo=echo), real=False)
        room.playout.on_played = lambda audio: played.append(audio.at)
        return await held(room, {10: answer})

    heard = np.frombuffer(b"".join(frame.pcm for frame in run_scripted(work())), dtype="<i2")
    came = np.flatnonzero(np.abs(heard) > 20)
    assert (came[0] - played[0]) / RATE == pytest.approx(delay, abs=0.002)
    assert np.abs(heard).max() / 32768 == pytest.approx(0.2 * 10 ** (level / 20), rel=0.02)
    assert (came[-1] - came[0]) / RATE == pytest.approx(0.5, abs=0.005)


async def test_the_sound_card_keeps_real_time_however_slow_the_loop_is() -> None:
    room = Room(Scene("x", (), longest=4.0))
    began = time.monotonic()
    count = 0
    async for _ in room.microphone():
        count += 1
        if count == 3:
            time.sleep(3.5)  # noqa: ASYNC251 - the very thing that must not matter
    assert count * FRAME == samples(4.0)
    assert 3.98 < time.monotonic() - began < 7.0  # Not 3.5 s later, though the loop was.


def test_the_desk_is_told_what_to_expect_of_the_next_saying() -> None:
    async def work() -> None:
        room = Room(Scene("x", (Saying(tone(1), expect=Expect("digits")),)), real=False)
        assert room.next_expect.kind == "digits"

    run_scripted(work())


def test_scripted_time_passes_at_once() -> None:
    async def work() -> float:
        await asyncio.sleep(1000)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run_scripted(work()) == pytest.approx(1000)
    assert time.monotonic() - began < 5


def burn(cpu: float) -> str:
    until = time.thread_time() + cpu
    while time.thread_time() < until:
        pass
    return "done"


def test_work_takes_in_scripted_time_what_it_took_of_the_processor() -> None:
    async def work() -> tuple[float, float]:
        thread, loop = TimedThread(), asyncio.get_running_loop()
        await thread.run(burn, 0.05)
        alone = loop.time()
        await asyncio.gather(thread.run(burn, 0.05), thread.run(burn, 0.05))
        return alone, loop.time()

    alone, both = run_scripted(work())
    assert 0.05 <= alone < 0.07
    assert 0.15 <= both < 0.2


def test_pieces_take_their_time_and_a_gone_asker_does_not_free_the_engine() -> None:
    async def work() -> tuple[list[float], float]:
        thread, loop = TimedThread(), asyncio.get_running_loop()

        async def pieces() -> AsyncIterator[str]:
            async for piece in thread.iterate(lambda: (burn(0.02) for _ in range(3))):
                yield piece

        times = [loop.time() async for _ in pieces()]
        asked = asyncio.create_task(thread.run(burn, 0.1))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.sleep(0)
        began = loop.time()
        await thread.run(burn, 0.0)
        return times, loop.time() - began

    times, waited = run_scripted(work())
    assert times == pytest.approx([0.02, 0.04, 0.06], abs=0.02)
    assert waited > 0.08


def test_an_interruption_begins_with_its_word_and_not_with_the_breath_before_it() -> None:
    breath = np.concatenate([tone(0.1, 0.01), np.zeros(samples(0.5), dtype=np.float32)])
    word = np.concatenate([tone(0.1, 0.01), tone(0.5)])
    began = len(from_first_word(np.concatenate([breath, word])))
    assert len(word) <= began <= len(word) + samples(0.06)
    assert len(from_first_word(word)) == len(word)


def test_no_word_begins_with_quiet_though_a_consonant_could_be_as_long() -> None:
    click, word = tone(0.03, 0.02), tone(0.5)
    quiet = np.zeros(samples(0.12), dtype=np.float32)
    assert len(from_first_word(np.concatenate([click, quiet, quiet, word]))) == len(word)


@needs_data
def test_the_real_recordings_give_every_kind_of_caller() -> None:
    library = Library(DATA)
    assert len(list(islice(library.callers(), 20))) == 20
    assert len(paused_turns(library, 5)) == 5
    assert len(list(islice(library.short(BACK_CHANNELS), 3))) == 3
    assert list(library.rooms())
    assert {each.expect.kind for each in paused_turns(library, 5)} == {"any", "digits", "spelled"}
