from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.statuses import MAX_STREAMS, MAX_TEXT, connection_statuses

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
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


@given(
    told=st.lists(
        JSON | st.fixed_dictionaries({"name": st.just("nav"), "streams": JSON, "error": JSON}), max_size=4
    )
)
def test_no_status_breaks_anything(told: list[object]) -> None:
    for status in connection_statuses(told):
        assert status.name
