from __future__ import annotations

from dataclasses import asdict

import orjson
from hypothesis import given
from hypothesis import strategies as st

from relay.statuses import MAX_COMMANDS, MAX_ITEMS, MAX_OPERATIONS, MAX_STREAMS, MAX_TEXT, connection_statuses

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


def test_a_connection_is_kept_as_its_agent_describes_it() -> None:
    told = {
        "name": "nav", "system": "dynamics_nav", "driver": "odbc", "state": "idle",
        "streams": [{"name": "orders", "nextRunAt": None, "lastRun": {"counts": {"read": 3}}}],
    }  # fmt: skip

    (status,) = connection_statuses([told])

    assert (status.name, status.system, status.driver, status.state) == (
        "nav",
        "dynamics_nav",
        "odbc",
        "idle",
    )
    assert status.streams == ({"name": "orders", "nextRunAt": None, "lastRun": {"counts": {"read": 3}}},)


def test_what_is_too_long_is_cut() -> None:
    (status,) = connection_statuses([{"name": "nav", "state": "x" * 9_999, "streams": [{}] * 9_999}])

    assert len(status.state) == MAX_TEXT
    assert len(status.streams) == MAX_STREAMS


def test_an_operation_keeps_all_its_parts() -> None:
    operation = {
        "entity": "purchase_order", "operation": "update", "allowed": True, "required": ["key"], "anyOf": [["a", "b"]],
        "fields": [f"field{number}" for number in range(200)], "updatableIn": {"notes": ["draft"]}, "statuses": [],
        "lookup": False,
    }  # fmt: skip

    (status,) = connection_statuses(
        [{"name": "nav", "operations": [operation], "commands": ["sync"], "paused": False}]
    )

    assert status.operations == (operation,)
    assert (status.commands, status.paused) == (("sync",), False)


def test_what_the_agent_does_not_say_is_not_made_up() -> None:
    (status,) = connection_statuses([{"name": "nav", "paused": "no", "commands": "all", "operations": {}}])

    assert (status.paused, status.commands, status.operations) == (None, None, None)


def test_lists_without_end_are_cut() -> None:
    endless = ["x"] * 9_999
    (status,) = connection_statuses(
        [{"name": "nav", "commands": endless, "operations": [{"fields": endless}] * 9_999}]
    )

    assert status.commands is not None
    assert status.operations is not None
    assert (len(status.commands), len(status.operations)) == (MAX_COMMANDS, MAX_OPERATIONS)
    assert len(status.operations[0]["fields"]) == MAX_ITEMS


@given(
    told=st.lists(
        JSON
        | st.fixed_dictionaries(
            {"name": st.just("nav"), "streams": JSON, "error": JSON, "operations": JSON, "commands": JSON}
        ),
        max_size=4,
    )
)
def test_no_status_breaks_anything(told: list[object]) -> None:
    for status in connection_statuses(told):
        assert status.name
        orjson.dumps(asdict(status))
