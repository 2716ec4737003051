"""VITS, the network inside a Piper voice, cut so that the first sound need not wait for the last: text into
a hidden course of the sentence, and that, stretch by stretch, into sound.

The stretches overlap by as much as the network looks around, so the sound is the same as if made at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.onnx import Node, Whole, session
from appliance.errors import ModelError

FIRST = 24
"""Frames of the first stretch: 0.28 s at 256 samples a frame of 22.05 kHz."""

MOST = 96
"""Frames of the longest. Each is twice as long as the one before, so that a slow box has it ready in time."""

FLOW_REACH = 32
"""Frames to each side that the flow looks at: 4 x 4 convolutions of width 5."""

SOUND_REACH = 14
"""Frames to each side that the sound generator looks at: 10 in voices of medium quality, 13 in high ones."""


@dataclass(frozen=True, slots=True)
class Seams:
    """Names of the values between the parts: a voice's hidden course, its mask, and what sound is made of."""

    course: str
    mask: str
    latent: str


class Vits:
    """Raises ModelError. `digest` tells this model from any other."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        try:
            content = model.read_bytes()
        except OSError as error:
            raise ModelError(f"the model file {model} is missing", "run `appliance models fetch`") from error
        self.digest = sha256(content).hexdigest()
        try:
            whole = Whole(content)
            seams = _seams(whole.nodes)
        except (ValueError, IndexError, UnicodeDecodeError):
            seams = None
        if seams is None:
            # A voice built otherwise still speaks, a sentence at a time.
            self._text = session(model, threads)
            self._flow = self._sound = None
            return
        hidden, one = ("batch", "channels", "frames"), ("batch", 1, "frames")
        self._seams = seams
        self._text = session(whole.part({}, {seams.course: hidden}), threads)
        flow = whole.part({seams.course: hidden, seams.mask: one}, {seams.latent: hidden})
        self._flow = session(flow, threads)
        sound = whole.part({seams.latent: hidden}, {whole.nodes[-1].outputs[0]: one})
        self._sound = session(sound, threads)

    def speak(
        self, ids: Sequence[int], scales: Sequence[float], speaker: int = 0
    ) -> Iterator[NDArray[np.float32]]:
        """Sound, full scale 1, of phoneme ids. `scales` are noise, length and noise of the lengths."""
        given = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
            "sid": np.array([speaker], np.int64),
        }
        made = _run(self._text, given)
        if self._flow is None:
            yield made.reshape(-1)
            return
        start, length, frames = 0, FIRST, made.shape[2]
        while start < frames:
            # No stretch so short that it is hardly worth the look around.
            end = frames if start + length + FIRST // 2 >= frames else start + length
            yield self._stretch(made, start, end, given)
            start, length = end, min(2 * length, MOST)

    def _stretch(
        self, course: NDArray[np.float32], start: int, end: int, given: dict[str, Any]
    ) -> NDArray[np.float32]:
        frames = course.shape[2]
        inner = max(0, start - SOUND_REACH), min(frames, end + SOUND_REACH)
        outer = max(0, inner[0] - FLOW_REACH), min(frames, inner[1] + FLOW_REACH)
        mask = np.ones((1, 1, outer[1] - outer[0]), np.float32)
        around = {self._seams.course: _cut(course, *outer), self._seams.mask: mask}
        latent = _run(self._flow, given | around)
        latent = _cut(latent, inner[0] - outer[0], inner[1] - outer[0])
        sound = _run(self._sound, given | {self._seams.latent: latent}).reshape(-1)
        hop = len(sound) // (inner[1] - inner[0])
        return sound[(start - inner[0]) * hop : (end - inner[0]) * hop]


def _seams(nodes: Sequence[Node]) -> Seams | None:
    """Where a model can be cut; None where it is not built as Piper's voices are."""
    makers = {output: node for node in nodes for output in node.outputs}
    before = [node for node in nodes if "dec.conv_pre.weight" in node.inputs]
    noises = [node for node in nodes if node.kind == "RandomNormalLike"]
    if not before or not noises:
        return None
    latent = before[0].inputs[0]
    masked = makers.get(latent)
    value = noises[-1].outputs[0]
    for kind in ("Mul", "Mul", "Add"):
        users = [node for node in nodes if value in node.inputs]
        if len(users) != 1 or users[0].kind != kind:
            return None
        value = users[0].outputs[0]
    if masked is None or masked.kind != "Mul":
        return None
    return Seams(value, masked.inputs[1], latent)


def _run(part: Any, given: dict[str, Any]) -> NDArray[np.float32]:
    """The first output of a part, of those values that it takes."""
    made: NDArray[np.float32] = part.run(None, {each.name: given[each.name] for each in part.get_inputs()})[0]
    return made


def _cut(values: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(values[:, :, start:end])
