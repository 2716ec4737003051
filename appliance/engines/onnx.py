"""ONNX models, loaded the way a small box wants them, and the few words of the format that it takes to
write one or to take one apart: an ONNX model is a protobuf message, and the package `onnx` is 18 MB to say
these lines."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import ModelError

FLOAT, INT64 = 1, 7
"""Element types as the format numbers them."""

OPSET = 20


def session(model: Path | bytes, threads: int = 1, weights: Path | None = None) -> Any:
    """An onnxruntime session on the CPU whose threads sleep between runs. A model given as bytes finds the
    weights that it names in the folder `weights`."""
    import onnxruntime

    name = model if isinstance(model, Path) else weights
    if isinstance(model, Path) and not model.is_file():
        raise ModelError(f"the model file {model} is missing", "run `appliance models fetch`")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
    try:
        source = str(model) if isinstance(model, Path) else model
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"the model {name} cannot be loaded ({type(error).__name__})",
            "run `appliance models verify`, then `appliance models fetch`",
        ) from error


class Graph:
    """An ONNX graph in the making. Values are known by name; `op` returns the name of what it makes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def input(self, name: str, kind: int, shape: tuple[str | int, ...]) -> str:
        self._parts.append(_message(11, _value(name, kind, shape)))
        return name

    def output(self, name: str, kind: int, shape: tuple[str | int, ...]) -> None:
        self._parts.append(_message(12, _value(name, kind, shape)))

    def op(self, kind: str, *inputs: str, **attributes: float | int | list[int]) -> str:
        self._count += 1
        name = f"{kind}.{self._count}"
        fields = [_text(1, value) for value in inputs] + [_text(2, name), _text(4, kind)]
        fields += [_message(5, _attribute(key, value)) for key, value in attributes.items()]
        self._parts.append(_message(1, b"".join(fields)))
        return name

    def numbers(self, *values: int) -> str:
        """A constant row of whole numbers."""
        self._count += 1
        name = f"numbers.{self._count}"
        raw = struct.pack(f"<{len(values)}q", *values)
        tensor = _number(1, len(values)) + _number(2, INT64) + _text(8, name) + _message(9, raw)
        self._parts.append(_message(5, tensor))
        return name

    def weights(self, name: str, shape: list[int], file: str, offset: int, length: int) -> str:
        """Float32 numbers that lie in another file, `length` bytes from `offset` on."""
        where = {"location": file, "offset": str(offset), "length": str(length)}
        tensor = b"".join(_number(1, size) for size in shape) + _number(2, FLOAT) + _text(8, name)
        tensor += b"".join(_message(13, _text(1, key) + _text(2, value)) for key, value in where.items())
        self._parts.append(_message(5, tensor + _number(14, 1)))
        return name

    def model(self) -> bytes:
        graph = b"".join(self._parts) + _text(2, "graph")
        return _number(1, 9) + _message(7, graph) + _message(8, _text(1, "") + _number(2, OPSET))


@dataclass(frozen=True, slots=True)
class Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    raw: memoryview


class Whole:
    """A model taken apart: `nodes` in the order in which they run. Raises ValueError for what is no model."""

    def __init__(self, model: bytes) -> None:
        self.nodes: list[Node] = []
        self._head: list[memoryview] = []
        self._constants: dict[str, memoryview] = {}
        self._inputs: dict[str, memoryview] = {}
        graph: memoryview | None = None
        for field, value, raw in _fields(memoryview(model)):
            if field == 7 and isinstance(value, memoryview):
                graph = value
            else:
                self._head.append(raw)
        if graph is None:
            raise ValueError("there is no graph in it")
        for field, value, raw in _fields(graph):
            if not isinstance(value, memoryview):
                continue
            if field == 1:
                texts = _texts(value, 1, 2, 4)
                self.nodes.append(Node(texts[4][0], tuple(texts[1]), tuple(texts[2]), raw))
            elif field == 5:
                self._constants[_texts(value, 8)[8][0]] = raw
            elif field == 11:
                self._inputs[_texts(value, 1)[1][0]] = raw

    def part(
        self, given: Mapping[str, tuple[str | int, ...]], wanted: Mapping[str, tuple[str | int, ...]]
    ) -> bytes:
        """The part that makes the values `wanted` (names and shapes, float32) of the values `given`, and of
        those inputs of the whole that it takes besides."""
        needed, kept = set(wanted), []
        for node in reversed(self.nodes):
            if needed.difference(given).intersection(node.outputs):
                kept.append(node.raw)
                needed.update(node.inputs)
        body = kept[::-1]
        body += [raw for name, raw in self._constants.items() if name in needed]
        body += [raw for name, raw in self._inputs.items() if name in needed]
        values = [_message(11, _value(name, FLOAT, shape)) for name, shape in given.items()]
        values += [_message(12, _value(name, FLOAT, shape)) for name, shape in wanted.items()]
        return b"".join((*self._head, _message(7, b"".join((*body, *values, _text(2, "part"))))))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview, memoryview]]:
    """Number, value and raw bytes of each field of a protobuf message."""
    at = 0
    while at < len(message):
        begun = at
        key, at = _read_varint(message, at)
        value: int | memoryview
        match key & 7:
            case 0:
                value, at = _read_varint(message, at)
            case 2:
                size, at = _read_varint(message, at)
                value, at = message[at : at + size], at + size
            case 1 | 5 as width:
                size = 8 if width == 1 else 4
                value, at = message[at : at + size], at + size
            case _:
                raise ValueError("not a protobuf message")
        if at > len(message):
            raise ValueError("the message is cut short")
        yield key >> 3, value, message[begun:at]


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    if at < len(message) and message[at] < 128:  # Nearly all of them.
        return message[at], at + 1
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("the message is cut short")


def _texts(message: memoryview, *wanted: int) -> dict[int, list[str]]:
    """The texts of these fields."""
    found: dict[int, list[str]] = {field: [] for field in wanted}
    for field, value, _ in _fields(message):
        if field in found and isinstance(value, memoryview):
            found[field].append(bytes(value).decode())
    return found


def _value(name: str, kind: int, shape: tuple[str | int, ...]) -> bytes:
    sizes = [_text(2, size) if isinstance(size, str) else _number(1, size) for size in shape]
    tensor = _number(1, kind) + _message(2, b"".join(_message(1, size) for size in sizes))
    return _text(1, name) + _message(2, _message(1, tensor))


def _attribute(name: str, value: float | int | list[int]) -> bytes:
    if isinstance(value, float):
        return _text(1, name) + b"\x15" + struct.pack("<f", value) + _number(20, 1)
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, 2)
    return _text(1, name) + b"".join(_number(8, each) for each in value) + _number(20, 7)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
