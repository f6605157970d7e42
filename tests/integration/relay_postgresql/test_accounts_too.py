"""Tenants, keys, the audit log, credits and kept answers on PostgreSQL: the same tests as on files, run once more."""

from __future__ import annotations

import pytest

from tests.integration.relay_postgresql.databases import Databases
from tests.unit.relay import making, test_accounts, test_credits
from tests.unit.relay.api import test_accounts as over_the_api
from tests.unit.relay.api import test_form, test_letters

ABOUT_FILES = {
    "test_tokens_of_an_older_store_keep_what_they_could",  # made of an older file's own schema
    "test_what_is_shown_once_is_in_no_file_of_the_store",
}
KEPT_ANSWERS = {  # of test_form: what is about idempotency keys
    "test_a_repeated_write_has_the_same_answer_and_is_done_once",
    "test_a_key_of_another_request_is_a_conflict",
    "test_a_key_belongs_to_its_tenant_and_its_answer_to_its_token",
    "test_a_refused_write_leaves_its_key_free",
    "test_of_writes_at_the_same_time_one_is_done",
    "test_a_write_that_ended_without_an_answer_is_not_done_again",
    "test_a_write_of_which_nobody_knows_whether_it_stands_is_not_done_again",
    "test_a_write_that_the_store_had_no_room_for_leaves_its_key_free",
    "test_a_key_is_kept_for_a_day_and_only_so_many_are",
    "test_a_number_in_a_cursor_that_no_store_holds_is_refused",
}

for _module in (
    test_credits,
    test_accounts,
    over_the_api,
    test_form,
    test_letters,
):  # the last `relay` counts
    globals().update(
        {
            name: found
            for name, found in vars(_module).items()
            if name in ("api", "relay")
            or (
                name.startswith("test_")
                and callable(found)
                and name not in ABOUT_FILES
                and (_module is not test_form or name in KEPT_ANSWERS)
            )
        }
    )


@pytest.fixture(autouse=True)
def on_postgresql(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "open_store", databases.open_store)
    monkeypatch.setattr(making, "open_index", databases.open_index)
