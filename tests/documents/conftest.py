from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.documents import Documents
from appliance.engines.fake import FakeEmbed
from appliance.engines.minilm import MiniLM
from tests.documents.pdf import POOL, pdf

HERE = Path(__file__).parent
MODEL = HERE.parent.parent / "models" / "minilm-l6-v2"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """An empty folder for documents."""
    folder = tmp_path / "papers"
    folder.mkdir()
    return folder


@pytest.fixture
def documents(papers: Path, tmp_path: Path) -> Documents:
    """The documents of that folder, alike as far as they share words."""
    return Documents(papers, tmp_path / "index.db", FakeEmbed())


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    if not MODEL.is_dir():
        pytest.skip("the model minilm-l6-v2 is not here: `appliance models fetch minilm-l6-v2`")
    return MiniLM(MODEL)


@pytest.fixture(scope="session")
def loaded(minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Documents]:
    """One of the folders beside this file, loaded with the real model."""
    made: dict[str, Documents] = {}

    def load(name: str) -> Documents:
        if name not in made:
            at = tmp_path_factory.mktemp(name)
            shutil.copytree(HERE / name, at / "papers")
            if name == "corpus":
                (at / "papers" / "pool.pdf").write_bytes(pdf(POOL))
            made[name] = Documents(at / "papers", at / "index.db", minilm)
            assert made[name].load() == []
        return made[name]

    return load
