"""What the pages show works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.config import read_desk
from appliance.lint import lint

PAGE = Path(__file__).parent.parent / "docs" / "manager.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
SHOWN = [block for block in BLOCKS if re.search(r"^\[(fact|flow|hours)", block, re.MULTILINE)]


@pytest.mark.parametrize("block", SHOWN)
def test_what_the_managers_page_shows_is_a_desk_file_without_a_finding(tmp_path: Path, block: str) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(f'name = "A"\n{block}')
    assert lint(read_desk(path)[0], path) == []


def test_the_page_shows_some() -> None:
    assert len(SHOWN) >= 4
