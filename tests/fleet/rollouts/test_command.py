"""Bundles and rollouts, as people type them at the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.__main__ import _parser
from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.rollouts import rollouts


def test_a_bundle_is_made_rolled_out_and_steered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ("--folder", str(tmp_path))
    store = Store(tmp_path / "fleet.db")
    with store.write() as db:
        db.execute("insert into box (name, since) values ('lobby', 0)")

    def typed(*words: str) -> str:
        arguments = _parser().parse_args(["fleet", *words, *folder])
        assert arguments.do(arguments) == 0
        return capsys.readouterr().out

    (tmp_path / "desk.toml").write_text('name = "A"\n')
    assert "bundle 1" in typed("bundle", "new words", "--desk", str(tmp_path / "desk.toml"))
    assert "new words: desk" in typed("bundles")
    assert "rollout 1" in typed("rollout", "start", "1", "--waves", "50:10,100", "--soak", "0.5", "--approve")
    plan = rollouts.one(store, 1)["plan"]
    assert (plan["waves"], plan["soak"], plan["approve"]) == (((50, 10), (100, 100)), 30, True)
    assert "is paused" in typed("rollout", "pause", "1")
    assert "paused  bundle 1 new words" in typed("rollout", "list")
    assert "completion" in typed("rollout", "show", "1")
    for wrong in (("bundle", "empty"), ("rollout", "start", "9"), ("rollout", "start", "1", "--waves", "x")):
        with pytest.raises(ApplianceError):
            typed(*wrong)
    store.close()
