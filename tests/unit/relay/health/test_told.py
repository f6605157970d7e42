from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.health import Disk, health_document
from agent.outbox.values import Waiting as AgentWaiting
from agent.tunnel.statuses import health_frames
from relay.health.facts import AgentTold, Certificate, OutboxRoom, Waiting
from relay.health.standing import note_of, standing_of
from relay.health.told import told
from relay.statuses import connection_statuses
from relay.store.base import RunRow
from tests.unit.relay.health.facts import NOW

AT = "2026-01-05T12:00:00Z"


def test_what_an_agent_of_today_tells_is_understood_whole() -> None:
    document = health_document(
        {"nav/orders": AgentWaiting(1, 2, 3, NOW)},
        Disk(2**40, 2**30),
        high_water_bytes=9,
        file_bytes=8,
        reading_paused=True,
    )
    (frame,) = health_frames(document, AT, {"relay": "2027-01-05T12:00:00Z"})

    found = told(json.loads(json.dumps(frame.health)))

    assert found is not None
    assert found.agent == AgentTold(
        NOW,
        Waiting(1, 2, 3, NOW),
        OutboxRoom(9, 8, 2**40, 2**30, reading_paused=True),
        (Certificate("relay", NOW + timedelta(days=365)),),
    )
    assert found.connections == {"nav": Waiting(1, 2, 3, NOW)}


def test_without_a_moment_nothing_is_understood_and_without_the_rest_nothing_is_invented() -> None:
    assert told(None) is None
    assert told({"waiting": {"batches": 1, "records": 1, "bytes": 1}}) is None
    found = told({"at": AT, "waiting": {"batches": -1, "records": True, "bytes": 1}, "certificates": [{}, 3]})
    assert found is not None
    assert (found.agent, dict(found.connections)) == (AgentTold(NOW), {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["at", "waiting", "outbox", "certificates", "connections", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_an_agent_says_is_read_past_or_understood(said: Any) -> None:
    told(said)
    told({"at": AT, "waiting": said, "outbox": said, "certificates": said, "connections": said})


def standing(**connection: Any) -> Any:
    (status,) = connection_statuses([{"name": "nav", "state": "idle", **connection}])
    return standing_of(status)


def test_a_connection_stands_as_its_streams_do() -> None:
    found = standing(
        state="retrying",
        paused=False,
        streams=[
            {"name": "a", "state": "idle", "nextRunAt": "2026-01-05T12:10:00Z"},
            {"name": "b", "error": {"code": "unreachable", "hint": "look"}, "nextRunAt": AT},
        ],
    )

    assert (found.error_code, found.error_hint, found.refused) == ("unreachable", "look", False)
    assert (found.next_run_at, found.streams) == (NOW, ("a", "b"))


@given(JSON)
def test_whatever_stands_in_a_status_is_read_past_or_understood(said: Any) -> None:
    standing(
        state=said, error=said, streams=[{"name": said, "state": said, "error": said, "nextRunAt": said}]
    )


def test_a_state_that_is_no_word_is_read_past() -> None:
    assert not standing(streams=[{"name": "a", "state": {"a": []}}]).refused


def test_refused_credentials_are_known_by_the_state_or_by_the_error() -> None:
    assert standing(state="needs_reauthorisation").refused
    assert standing(streams=[{"name": "a", "error": {"code": "credentials_refused"}}]).refused


def test_what_the_local_policy_keeps_is_no_fault_and_no_run_of_it_is_expected() -> None:
    found = standing(
        state="needs_person", streams=[{"name": "a", "error": {"code": "policy"}}, {"name": "b"}]
    )

    assert (found.error_code, found.streams) == ("", ("b",))


def test_of_a_run_its_dead_letters_and_its_success_are_noted() -> None:
    report = {"counts": {"deadLetters": 7}, "finishedAt": "2026-01-05T12:01:00Z"}

    def run(status: str) -> RunRow:
        return RunRow(1, "acme", "nav", "nav/orders", "purchase_order", "r1", status, AT, report)

    done, failed = note_of(run("succeeded")), note_of(run("failed"))
    assert (done.stream, done.dead_letters, done.succeeded_at) == ("orders", 7, NOW + timedelta(minutes=1))
    assert failed.succeeded_at is None
