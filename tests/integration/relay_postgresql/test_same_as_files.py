"""What the store and its index do on SQLite they do on PostgreSQL: the same tests, run once more."""

from __future__ import annotations

import pytest

from tests.integration.relay_postgresql.databases import Databases
from tests.unit.relay import making, test_materialise, test_removal, test_retention
from tests.unit.relay.store import test_commands, test_eras, test_sql, test_sqlite

ABOUT_FILES = {
    "test_every_table_that_has_something_of_a_tenant_is_among_those_that_are_emptied",  # asks the file
    "test_a_file_that_is_no_store_is_refused",
    "test_a_newer_file_is_refused_and_left_as_it_is",
    "test_a_second_process_is_kept_out",
    "test_changes_applied_before_change_nothing",  # looks into the embedded form
    "test_a_full_disk_stops_the_index_and_not_the_relay",
    "test_positions_never_come_back",
    "test_a_filtered_list_reads_nothing_of_what_it_passes_over",
}
MANY_STORES = {  # one for each example
    "test_the_index_equals_a_plain_dict_whatever_the_order_and_the_restarts",
    "test_no_outcome_ever_changes_but_one_in_doubt_which_can_be_settled",
    "test_whatever_was_dropped_a_reader_from_any_place_ends_with_what_the_lists_show",
}

for _module in (
    test_sqlite,
    test_sql,
    test_commands,
    test_eras,
    test_materialise,
    test_retention,
    test_removal,
):
    globals().update(
        {
            name: test
            for name, test in vars(_module).items()
            if (name == "relay" or name.startswith("test_"))
            and callable(test)
            and name not in ABOUT_FILES | MANY_STORES
        }
    )


@pytest.fixture(autouse=True)
def on_postgresql(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "open_store", databases.open_store)
    monkeypatch.setattr(making, "open_index", databases.open_index)
