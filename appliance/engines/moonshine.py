"""Moonshine, a small English model whose cost grows with the sound and not by windows of 30 s. It does not
stream: each answer decodes all that was said so far.

Its two graphs are run by onnxruntime as they are. Without a memory arena: sound comes in every length, and
the arena would keep a block for each that it ever saw.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.utterance import Utterance
from appliance.errors import ModelError
from appliance.messages import RATE, Expect, Transcript

START, END = 1, 2
"""Tokens."""

TOKENS_PER_SECOND = 6.5
"""People say no more than this; beyond it the model repeats itself."""

SHORTEST = RATE // 10
"""Samples that the first layers need, with some to spare."""

QUIET = 0.001
"""Root mean square below which there is nothing to hear: -60 dBFS."""

UNSURE = -1.0
"""Mean log-probability below which the words are made up."""


class Moonshine:
    """A directory with encoder_model.ort, decoder_model_merged.ort and tokenizer.bin."""

    streams = False
    tells_ends = False

    def __init__(self, directory: Path, threads: int = 2) -> None:
        self._encoder = _session(directory / "encoder_model.ort", threads)
        self._decoder = _session(directory / "decoder_model_merged.ort", threads)
        self._tokens = _tokens(directory / "tokenizer.bin")
        kept = [each for each in self._decoder.get_inputs() if each.name.startswith("past_key_values")]
        self._kept = {each.name: (each.shape[1], each.shape[3]) for each in kept}
        self._made = [each.name for each in self._decoder.get_outputs()][1:]

    def stream(self, expect: Expect) -> Utterance:
        return Utterance(self.transcribe)

    def transcribe(self, sound: NDArray[np.float32]) -> Transcript:
        """The words of sound from -1 to 1 at 16 kHz, shape (samples,), of at most about 30 s."""
        if len(sound) < SHORTEST or float(np.sqrt(np.mean(sound**2))) < QUIET:
            return Transcript("", 0.0)
        tokens, score = self._decode(sound)
        text = b"".join(self._tokens[token] for token in tokens).decode("utf-8", "replace")
        text = text.replace("▁", " ").strip()
        if score < UNSURE or not any(c.isalnum() for c in text):
            return Transcript("", 0.0)
        return Transcript(text, math.exp(score))

    def _decode(self, sound: NDArray[np.float32]) -> tuple[list[int], float]:
        """Greedy: the tokens, and the mean of their log-probabilities."""
        seen = np.ones((1, len(sound)), dtype=np.int64)
        (states,) = self._encoder.run(None, {"input_values": sound[None], "attention_mask": seen})
        # The decoder thins out the mask of the samples itself.
        fixed = {"encoder_hidden_states": states, "encoder_attention_mask": seen}
        kept = {name: np.zeros((1, heads, 0, size), np.float32) for name, (heads, size) in self._kept.items()}
        tokens, total = [START], 0.0
        for step in range(8 + round(TOKENS_PER_SECOND * len(sound) / RATE)):
            again = {"use_cache_branch": np.array([step > 0])}
            logits, *made = self._decoder.run(
                None, {"input_ids": np.array([[tokens[-1]]], np.int64), **fixed, **kept, **again}
            )
            for name, value in zip(self._made, made, strict=True):
                # What was made of the sound does not change after the first step.
                if step == 0 or ".decoder." in name:
                    kept[name.replace("present", "past_key_values")] = value
            row = logits[0, -1]
            token = int(row.argmax())
            total -= float(np.log(np.exp(row - row[token]).sum()))
            tokens.append(token)
            if token == END:
                return tokens[1:-1], total / step if step else -math.inf
        # It never came to an end.
        return tokens[1:], -math.inf


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    if not path.is_file():
        raise ModelError(f"{path} is missing", "run `appliance models fetch`")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} is not a Moonshine model", "run `appliance models verify`") from error


def _tokens(path: Path) -> list[bytes]:
    """The file is a row of strings, each after its length: one byte, or two from 128 on (the low seven bits
    first)."""
    if not path.is_file():
        raise ModelError(f"{path} is missing", "run `appliance models fetch`")
    raw, at = path.read_bytes(), 0
    tokens: list[bytes] = []
    while at < len(raw):
        length = raw[at]
        at += 1
        if length >= 128:
            length, at = length - 128 + 128 * raw[at], at + 1
        # The first tokens are marks, not text.
        tokens.append(raw[at : at + length] if len(tokens) > END else b"")
        at += length
    return tokens
