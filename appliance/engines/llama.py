"""llama.cpp: words, where the desk file allows the box to choose them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

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
            self._library = library
            self._chat = library.llama_chat_format.Jinja2ChatFormatter(
                self._llama.metadata["tokenizer.chat_template"], eos_token="", bos_token=""
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

    def weigh(self, system: str, user: str, answers: Sequence[str]) -> list[float]:
        llama = self._llama
        said = [{"role": "system", "content": _plain(system)}, {"role": "user", "content": _plain(user)}]
        prompt = self._chat(messages=said).prompt
        tokens = llama.tokenize(prompt.encode(), add_bos=True, special=True)
        if len(tokens) > llama.n_ctx():
            raise EngineError("the prompt is longer than the model's context", "give it fewer words")
        # What is alike with what was read last is not read again, but for the last token, which is asked.
        known = llama.input_ids[: llama.n_tokens].tolist()
        alike = next((i for i, (a, b) in enumerate(zip(known, tokens, strict=False)) if a != b), None)
        alike = min(len(known), len(tokens)) if alike is None else alike
        llama.n_tokens = min(alike, len(tokens) - 1)
        llama.eval(tokens[llama.n_tokens :])
        last = self._library.llama_get_logits_ith(llama.ctx, -1)
        ids = [llama.tokenize(answer.encode(), add_bos=False)[0] for answer in answers]
        logits = np.array([last[id] for id in ids], dtype=np.float64)
        weights = np.exp(logits - logits.max())
        return [float(each) for each in weights / weights.sum()]


def _plain(text: str) -> str:
    return MARKUP.sub(" ", text).encode("utf-8", "replace").decode()


@cache
def _library() -> Any:
    """The library, made quiet once for the whole process."""
    try:
        import llama_cpp
        from llama_cpp import _utils, llama_chat_format
    except ImportError as error:
        raise EngineError("the LLM library is not installed", "run `make llm`") from error
    library: Any = llama_cpp
    library.llama_chat_format = llama_chat_format
    library.silence = library.llama_log_callback(lambda level, text, data: None)
    library.llama_log_set(library.silence, None)
    # Its own way to be quiet points stdout and stderr at nothing while a model loads, for every thread.
    quieten: Any = _utils.suppress_stdout_stderr
    quieten.__enter__ = lambda self: self
    quieten.__exit__ = lambda self, *_: None
    return library
