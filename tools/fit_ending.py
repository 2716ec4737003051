"""Where appliance/engines/ending-*.npz come from: recorded callers are cut off in mid-sentence, and let
finish, and a logistic regression learns to tell the two by what Whisper's encoder makes of the sound. Only
the half of the recordings that is for tuning is used. From the root of the tree:

python tools/fit_ending.py --data FOLDER gather ends-0.npz --share 0/4   # what takes time, in shares
python tools/fit_ending.py fit ends-*.npz                                # says how good, and writes the file
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from appliance.bench.sets import DATA, resample  # noqa: E402
from appliance.bench.turns.recordings import LOUD, WINDOW, Clip, Library, Sound, levels  # noqa: E402
from appliance.bench.turns.scenes import quietest  # noqa: E402
from appliance.ears import BEFORE  # noqa: E402
from appliance.engines.silero import Silero  # noqa: E402
from appliance.engines.whisper import Whisper  # noqa: E402
from appliance.messages import RATE, samples  # noqa: E402
from appliance.models import directory  # noqa: E402
from appliance.turns.turntaking import Change, TurnTaking  # noqa: E402

MODEL = "whisper-tiny.en"
OUT = ROOT / "appliance" / "engines" / f"ending-{MODEL}.npz"

BREATH = samples(0.15)
"""Quiet before an "um"."""

QUIET = samples(0.6)
"""Quiet after a cut and after an end, in which the pause is noticed."""

STRENGTH = 0.003
"""Inverse of the regularisation, chosen by cross-validation."""

FEW_WORDS = re.compile(r"\S+( \S+){0,2}")

LENGTHS = (0.8, 1.0, 1.25, 1.6, 2.2, 3.2, 5.0)
"""Seconds by which pauses are sorted: in each lot as many are ends as in all, so that it is not the length
that is learned. Sentences cut short are many, and people who are recorded say few single words."""

KINDS = ("end", "pause of the caller's own", "cut where it is quietest", "cut elsewhere", "um")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("what", choices=["gather", "fit"])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--share", default="0/1")
    options = parser.parse_args()
    if options.what == "gather":
        gather(options.data, options.files[0], *map(int, options.share.split("/")))
    else:
        fit(options.files)


def gather(data: Path, out: Path, share: int, shares: int) -> None:
    library = Library(data, "train")
    places = [clip.sound for clip in library.backgrounds()]
    ums = [clip.sound for clip in library.fillers()]
    vad, whisper = Silero(directory("silero-vad")), Whisper(directory(MODEL))
    seen, kinds, speakers, lengths = [], [], [], []
    for number, clip in enumerate(clips(library)):
        if number % shares != share:
            continue
        for whole, sound in said(clip, places, ums, np.random.default_rng(number)):
            for sound_so_far, last in pauses(vad, sound, whole):
                if (end := whisper.end_of(sound_so_far)) is not None:
                    seen.append(end.astype(np.float16))
                    kinds.append(whole if last else 1)
                    speakers.append(speaker(clip.name))
                    lengths.append(len(sound_so_far) / RATE)
    np.savez_compressed(out, seen=seen, kinds=kinds, speakers=speakers, lengths=lengths)


def clips(library: Library) -> Iterator[Clip]:
    yield from library.numbers()
    yield from library.names()
    yield from library.callers()
    yield from library.short(FEW_WORDS)


def said(
    clip: Clip, places: list[Sound], ums: list[Sound], rng: np.random.Generator
) -> Iterator[tuple[int, Sound]]:
    """The clip whole and cut, over a telephone or not, in quiet and noise, with how it ends by its place in
    `KINDS`; one of the cuts after a word or two, and one once more with an "um" after it. All fade out alike,
    so that it is not the fading that is learned."""
    sound = clip.sound
    cuts = []
    if len(sound) > RATE:
        cuts = [quietest(sound), *(somewhere(sound, rng) for _ in range(4)), somewhere(sound[:RATE], rng)]
    cuts += cuts[:1] if ums else []
    for kind, end in ((0, len(sound)), (0, len(sound)), *zip((2, 3, 3, 3, 3, 3, 4), cuts, strict=False)):
        made = sound[:end].copy()
        if kind == 4:
            made = np.concatenate([made, np.zeros(BREATH, np.float32), ums[rng.integers(len(ums))]])
        fade = samples(float(rng.choice([0.001, 0.005, 0.015, 0.03, 0.06])))
        made[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        if rng.random() < 0.2:
            made = resample(resample(made, RATE, RATE // 2), RATE // 2, RATE).astype(np.float32)
        made = np.concatenate([np.zeros(BEFORE, np.float32), made, np.zeros(QUIET, np.float32)])
        if rng.random() < 0.6 and places:
            place = places[rng.integers(len(places))]
            level = LOUD * 10 ** (-(18 + 22 * rng.random()) / 20)
            noise = place[np.arange(len(made)) % len(place)]
            made = made + noise * np.float32(level / max(float(np.sqrt((place**2).mean())), 1e-6))
        yield kind, made.astype(np.float32)


def somewhere(sound: Sound, rng: np.random.Generator) -> int:
    """Where it is quietest in a seventh of it."""
    level = np.convolve(levels(sound), np.ones(12) / 12, "valid")
    start = int(len(level) * (0.12 + 0.62 * rng.random()))
    stop = start + max(2, len(level) // 7)
    return (start + int(np.argmin(level[start:stop])) + 6) * WINDOW


def pauses(vad: Silero, sound: Sound, whole: int) -> Iterator[tuple[Sound, bool]]:
    """The sound up to each pause, as ears hear it, and whether that is the last. Those before it are told
    only of what is whole."""
    pcm = (np.clip(sound, -1, 32767 / 32768) * 32768).astype("<i2")
    turn, ends = TurnTaking(), []
    for number, probability in enumerate(vad.stream().push(pcm.tobytes())):
        at = number * vad.window
        if turn.step(probability, at, vad.window) is Change.PAUSED:
            ends.append((max(0, turn.span.start - BEFORE), at + vad.window))
    for start, end in ends[:-1] if whole == 0 else ():
        yield pcm[start:end].astype(np.float32) / 32768, False
    for start, end in ends[-1:]:
        if end > len(sound) - QUIET - samples(0.3):
            yield pcm[start:end].astype(np.float32) / 32768, True


def speaker(name: str) -> str:
    """Who speaks, as far as a recording's name tells, so that nobody is learned from and tried on."""
    folder, _, last = name.rpartition("/")
    if "an4" in folder:
        return "an4 " + last.split("-")[1]
    if "speechocean" in folder:
        return "speechocean " + last.split("_")[0]
    if "fsdd" in folder:
        return "fsdd " + last.split("_")[1]
    return last[:4] if "vctk" in folder else last if "alnum" in folder or "s2i" in folder else folder


def fit(files: list[Path]) -> None:
    kept = [np.load(file) for file in files]
    seen = np.concatenate([each["seen"] for each in kept]).astype(np.float32)
    kinds = np.concatenate([each["kinds"] for each in kept])
    speakers = np.concatenate([each["speakers"] for each in kept])
    lengths = np.digitize(np.concatenate([each["lengths"] for each in kept]), LENGTHS)
    ended = kinds == 0
    weight = evened(ended, lengths)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
    weighs = {"logisticregression__sample_weight": weight}
    odds = cross_val_predict(
        model, seen, ended, groups=speakers, cv=GroupKFold(5), method="decision_function", params=weighs
    )
    print(f"{len(seen)} pauses of {len(set(speakers))} speakers; area under the curve, speakers held out:")
    print(f"  all {roc_auc_score(ended, odds):.3f}")
    for number, kind in list(enumerate(KINDS))[1:]:
        these = ended | (kinds == number)
        area = roc_auc_score(ended[these], odds[these])
        print(f"  ends against each {kind} {area:.3f} ({(kinds == number).sum()})")
    for number, (least, most) in enumerate(pairwise((0.0, *LENGTHS, 30.0))):
        these = lengths == number
        area, ends = roc_auc_score(ended[these], odds[these]), int(ended[these].sum())
        print(f"  {least} to {most} s {area:.3f} ({ends} ends of {these.sum()})")
    scaler, regression = (step for _, step in model.fit(seen, ended, **weighs).steps)
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - weights @ scaler.mean_)
    # Held out, the odds are smaller than those of what was learned from: as much as they are too sure by.
    calibrated = LogisticRegression().fit(odds[:, None], ended, weight)
    slope, shift = float(calibrated.coef_[0, 0]), float(calibrated.intercept_[0])
    np.savez(OUT, weights=(slope * weights).astype(np.float32), bias=np.float32(slope * bias + shift))
    print(f"slope {slope:.2f}, shift {shift:.2f}; {OUT}: {OUT.stat().st_size} bytes")


def evened(ended: NDArray[np.bool_], lots: NDArray[np.int_]) -> NDArray[np.float64]:
    """What each pause weighs, so that in each lot the ends are of the same share."""
    weight, share = np.ones(len(ended)), float(ended.mean())
    for lot in set(lots.tolist()):
        for which, part in ((ended, share), (~ended, 1 - share)):
            these = (lots == lot) & which
            weight[these] = part * (lots == lot).sum() / these.sum()
    return weight


if __name__ == "__main__":
    main()
