"""People of a fleet of eight boxes, by its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.fleet.keeping.store import Store
from tests.fleet.offices import Office
from tests.fleet.page.test_dashboard import fill


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    store = Store(tmp_path / "fleet.db")
    fill(store, 8)
    made = Office(tmp_path, store)
    yield made
    made.close()
    store.close()
