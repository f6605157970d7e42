"""Events and webhooks do on PostgreSQL what they do on SQLite: the same tests, run once more."""

from __future__ import annotations

import pytest

from tests.integration.relay_postgresql.databases import Databases
from tests.unit.relay import making, test_batch_events, test_told_of
from tests.unit.relay.webhooks import test_dispatcher, test_store

FIXTURES = {"told", "site", "there"}
OF_THE_DISPATCHER = {
    "test_lanes_keep_their_order_whatever_fails",
    "test_a_dispatcher_that_ends_at_any_moment_loses_nothing_and_keeps_the_order",
}

for _module in (test_batch_events, test_told_of, test_store, test_dispatcher):
    globals().update(
        {
            name: found
            for name, found in vars(_module).items()
            if name in FIXTURES | OF_THE_DISPATCHER
            or (_module is not test_dispatcher and name.startswith("test_") and callable(found))
        }
    )


@pytest.fixture(autouse=True)
def on_postgresql(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "open_store", databases.open_store)
    monkeypatch.setattr(making, "open_index", databases.open_index)
