"""The programs of image/, as modules: they have no ending, since they are commands."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

IMAGE = Path(__file__).resolve().parents[2] / "image"


def load(name: str) -> ModuleType:
    loader = SourceFileLoader(f"image_{name}", str(IMAGE / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module
