"""llama.cpp: words, where the desk file allows the box to choose them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from appliance.errors import EngineError, ModelError

MARKUP = re.compile(r"<\|.*?\|>")
"""What separates the speakers in a chat template; from a caller it would be an order to the model."""


class Llama:
    """`file` is a GGUF with a chat template in it. `context` is how many tokens system, user and reply may
    come to together. More than one thread pays only where as many cores are idle: they wait for each other
    spinning, and beside another engine on two cores two are ten times slower than one."""

    def __init__(self, file: Path, threads: int = 1, context: int = 1024) -> None:
        library = _library()
        if not file.is_file():
            raise ModelError(f"the model file {file} is missing", "run `appliance models fetch`")
        try:
            self._llama = library.Llama(
                str(file), n_ctx=context, n_threads=threads, n_threads_batch=threads, verbose=False
            )
        except Exception as error:
            raise ModelError(
                f"the model {file} cannot be loaded ({type(error).__name__})",
                "run `appliance models verify`, then `appliance models fetch`",
            ) from error

    def reply(self, system: str, user: str, max_tokens: int) -> Iterator[str]:
        # What the prompt has in common with the one before, the system's part as a rule, is not read again:
        # the library keeps it.
        said = [{"role": "system", "content": _plain(system)}, {"role": "user", "content": _plain(user)}]
        try:
            chunks = self._llama.create_chat_completion(
                said, max_tokens=max_tokens, temperature=0.0, stream=True
            )
            for chunk in chunks:
                if piece := chunk["choices"][0]["delta"].get("content"):
                    yield piece
        except ValueError as error:
            raise EngineError(
                "the prompt is longer than the model's context", "give it fewer facts"
            ) from error


def _plain(text: str) -> str:
    return MARKUP.sub(" ", text).encode("utf-8", "replace").decode()


@cache
def _library() -> Any:
    """The library, made quiet once for the whole process."""
    try:
        import llama_cpp
        from llama_cpp import _utils
    except ImportError as error:
        raise EngineError("the LLM library is not installed", "run `make llm`") from error
    library: Any = llama_cpp
    library.silence = library.llama_log_callback(lambda level, text, data: None)
    library.llama_log_set(library.silence, None)
    # Its own way to be quiet points stdout and stderr at nothing while a model loads, for every thread.
    quieten: Any = _utils.suppress_stdout_stderr
    quieten.__enter__ = lambda self: self
    quieten.__exit__ = lambda self, *_: None
    return library
