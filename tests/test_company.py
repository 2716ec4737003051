"""Who else is at the kiosk: recorded people call the whole desk, in scripted time."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from appliance.bench.sets import DATA
from appliance.bench.turns.bench import Bench, hold_scripted
from appliance.bench.turns.desk import Called, Desk, desk_file
from appliance.bench.turns.instrument import measure
from appliance.bench.turns.recordings import LOUD, Library, Sound, levelled, read, trimmed
from appliance.bench.turns.scenes import Saying, Scene
from appliance.messages import Heard, samples
from appliance.models import ROOT

MODELS = ("silero-vad", "whisper-tiny.en", "smart-turn-v3.2", "piper-en_US-joe-medium", "minilm-l6-v2")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA / "turn").is_dir() or not all((ROOT / name).is_dir() for name in MODELS),
        reason="../shared/data, or a model of the default desk, is not here",
    ),
]


def somebody(name: str) -> Sound:
    return levelled(trimmed(read(DATA / "speech16k" / name)))


def scenes() -> list[Scene]:
    child = somebody("speechocean762/child/0001_000010135.flac")
    asking, other = somebody("vctk/p225_003.wav"), somebody("an4/train/cen1-mjes-b.flac")
    music = read(DATA / "noise/moh_manolo_camp-morning_coffee.flac")[: samples(20)]
    music *= np.float32(LOUD * 10 ** (-12 / 20) / np.sqrt((music**2).mean()))
    falls = np.minimum(1, 10 ** (np.linspace(22, -22, len(asking)) / 20)).astype(np.float32)
    both = np.concatenate([asking, np.zeros(len(other) - samples(0.5), dtype=np.float32)])
    both[len(asking) - samples(0.5) :] += other * np.float32(0.5)
    return [
        Scene("a child", (Saying(child),)),
        Scene("walking away", (Saying(asking * falls),)),
        Scene("music", (Saying(asking),), background=music),
        Scene("another answers", (Saying(both),)),
    ]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Called]:
    logging.getLogger("appliance").setLevel(logging.ERROR)
    folder = tmp_path_factory.mktemp("calls")
    found: dict[str, Called] = {}

    async def work(app: Desk) -> None:
        for scene in scenes():
            found[scene.name] = await app.call(scene, folder)

    hold_scripted(Bench(Library(DATA, "all"), None, folder), desk_file(), work)
    return found


@pytest.mark.parametrize("who", ["a child", "walking away", "music", "another answers"])
def test_is_heard_to_the_end_and_answered_once(calls: dict[str, Called], who: str) -> None:
    call = calls[who]
    (measured,) = measure(call.recording, call.said)
    assert measured.cut_off is False
    assert measured.latency is not None
    assert measured.latency < 3.0
    assert [type(turn.cause) for turn in call.turns] == [type(None), Heard]
    assert all(turn.spoken.whole for turn in call.turns)


def test_who_walks_away_is_understood_all_the_same(calls: dict[str, Called]) -> None:
    near, far = (calls[who].turns[1].cause for who in ("music", "walking away"))
    assert isinstance(near, Heard)
    assert isinstance(far, Heard)
    assert len(far.text.split()) >= 0.7 * len(near.text.split())
