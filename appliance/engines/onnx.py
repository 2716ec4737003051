"""ONNX models, loaded the way a small box wants them, and the few words of the format that it takes to
write one: an ONNX model is a protobuf message, and the package `onnx` is 18 MB to say these lines."""

from __future__ import annotations

import struct
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
