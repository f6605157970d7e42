"""Health and alerts on PostgreSQL: the same tests as on files, run once more."""

from __future__ import annotations

import pytest

from tests.integration.relay_postgresql.databases import Databases
from tests.unit.relay import making
from tests.unit.relay.health import test_alerting, test_notes
from tests.unit.relay.health.test_notes import relay  # noqa: F401 - a fixture

for _module in (test_notes, test_alerting):
    globals().update(
        {name: test for name, test in vars(_module).items() if name.startswith("test_") and callable(test)}
    )


@pytest.fixture(autouse=True)
def on_postgresql(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "open_store", databases.open_store)
    monkeypatch.setattr(making, "open_index", databases.open_index)
