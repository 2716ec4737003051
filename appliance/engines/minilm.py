"""all-MiniLM-L6-v2: sentences into vectors whose dot product says how alike they are.

The published weights come without a graph to run them in. torch would be 700 MB for it; the graph of a BERT
is short enough to be written down here, and onnxruntime, which the box has anyway, runs it straight from the
safetensors file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.engines.onnx import FLOAT, INT64, Graph, session
from appliance.errors import ModelError

WEIGHTS = "model.safetensors"

TOKENS = 256
"""What the model was trained on; the rest of a longer text is not read."""

BATCH = 512
"""Tokens worked on at once: onnxruntime keeps the memory of the largest batch."""


class MiniLM:
    """`directory` holds model.safetensors, tokenizer.json and config.json."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        from tokenizers import Tokenizer

        try:
            config = json.loads((directory / "config.json").read_text("utf-8"))
            self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
            graph = _Bert(config, tensors(directory / WEIGHTS)).model
        except Exception as error:
            raise ModelError(
                f"the embedding model in {directory} cannot be read ({type(error).__name__})",
                "run `appliance models verify`, then `appliance models fetch`",
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS)
        self._session = session(graph, threads, weights=directory)
        self.dimensions = int(config["hidden_size"])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        # Texts of one length go together: no padding, hence no mask, and a text's row does not depend on
        # its company.
        for length in {len(ids) for ids in tokens}:
            alike = [row for row, ids in enumerate(tokens) if len(ids) == length]
            step = max(1, BATCH // length)
            for at in range(0, len(alike), step):
                batch = alike[at : at + step]
                ids = np.array([tokens[row] for row in batch], dtype=np.int64)
                (rows[batch],) = self._session.run(None, {"ids": ids, "places": np.arange(length)})
        return rows


class _Bert:
    """The graph: token ids of shape (texts, length) and their places (length) into rows of unit length."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, tuple[list[int], int, int]]) -> None:
        graph = self._graph = Graph()
        self._epsilon = float(config["layer_norm_eps"])
        self._heads = int(config["num_attention_heads"])
        self._width = int(config["hidden_size"])
        for name, (shape, offset, length) in tensors.items():
            graph.weights(name, shape, WEIGHTS, offset, length)
        ids = graph.input("ids", INT64, ("texts", "length"))
        places = graph.input("places", INT64, ("length",))

        x = graph.op("Gather", "embeddings.word_embeddings.weight", ids)
        x = graph.op("Add", x, graph.op("Gather", "embeddings.position_embeddings.weight", places))
        kind = graph.op("Gather", "embeddings.token_type_embeddings.weight", graph.numbers(0))
        x = self._norm(graph.op("Add", x, kind), "embeddings.LayerNorm")
        for number in range(config["num_hidden_layers"]):
            x = self._layer(x, f"encoder.layer.{number}")
        mean = graph.op("ReduceMean", x, graph.numbers(1), keepdims=0)
        graph.output(graph.op("LpNormalization", mean, axis=1, p=2), FLOAT, ("texts", self._width))
        self.model = graph.model()

    def _layer(self, x: str, at: str) -> str:
        graph = self._graph
        query = self._split(self._dense(x, f"{at}.attention.self.query"), [0, 2, 1, 3])
        key = self._split(self._dense(x, f"{at}.attention.self.key"), [0, 2, 3, 1])
        value = self._split(self._dense(x, f"{at}.attention.self.value"), [0, 2, 1, 3])
        size = graph.op("Cast", graph.numbers(self._width // self._heads), to=FLOAT)
        scores = graph.op("Div", graph.op("MatMul", query, key), graph.op("Sqrt", size))
        mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)
        joined = graph.op("Transpose", mixed, perm=[0, 2, 1, 3])
        joined = graph.op("Reshape", joined, graph.numbers(0, 0, self._width))
        attended = graph.op("Add", x, self._dense(joined, f"{at}.attention.output.dense"))
        x = self._norm(attended, f"{at}.attention.output.LayerNorm")
        wide = graph.op("Gelu", self._dense(x, f"{at}.intermediate.dense"))
        return self._norm(
            graph.op("Add", x, self._dense(wide, f"{at}.output.dense")), f"{at}.output.LayerNorm"
        )

    def _dense(self, x: str, name: str) -> str:
        turned = self._graph.op("Transpose", f"{name}.weight", perm=[1, 0])
        return self._graph.op("Add", self._graph.op("MatMul", x, turned), f"{name}.bias")

    def _split(self, x: str, order: list[int]) -> str:
        heads = self._graph.numbers(0, 0, self._heads, self._width // self._heads)
        return self._graph.op("Transpose", self._graph.op("Reshape", x, heads), perm=order)

    def _norm(self, x: str, name: str) -> str:
        return self._graph.op(
            "LayerNormalization", x, f"{name}.weight", f"{name}.bias", axis=-1, epsilon=self._epsilon
        )


def tensors(file: Path) -> dict[str, tuple[list[int], int, int]]:
    """The float32 tensors of a safetensors file, by name: shape, where they begin in the file, bytes."""
    with file.open("rb") as opened:
        start = 8 + int.from_bytes(opened.read(8), "little")
        header: dict[str, Any] = json.loads(opened.read(start - 8))
    header.pop("__metadata__", None)
    places = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            first, end = entry["data_offsets"]
            places[name] = (entry["shape"], start + first, end - first)
    return places
