"""llama.cpp: words, where the desk file allows the box to choose them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.errors import EngineError, ModelError


class Llama:
    """`file` is a GGUF with a chat template in it. `context` is how many tokens system, user and reply may
    come to together."""

    def __init__(self, file: Path, threads: int = 2, context: int = 1024) -> None:
        try:
            import llama_cpp
        except ImportError as error:
            raise EngineError("the LLM library is not installed", "run `make llm`") from error
        if not file.is_file():
            raise ModelError(f"the model file {file} is missing", "run `appliance models fetch`")
        self._silence = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self._silence, None)
        try:
            self._llama = llama_cpp.Llama(
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
        said = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            chunks: Any = self._llama.create_chat_completion(
                said, max_tokens=max_tokens, temperature=0.0, stream=True
            )
            for chunk in chunks:
                if piece := chunk["choices"][0]["delta"].get("content"):
                    yield piece
        except ValueError as error:
            raise EngineError(
                "the prompt is longer than the model's context", "give it fewer facts"
            ) from error
