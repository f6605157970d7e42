from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.frames import Status, decode, encode
from agent.tunnel.statuses import STATUS_BYTES, configured_frames, status_frames
from relay.statuses import connection_statuses


def stream(number: int, size: int = 600) -> dict[str, Any]:
    return {"name": f"s{number}", "entity": "vendor", "state": "idle", "lastRun": {"text": "x" * size}}


def connection(name: str, streams: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "idle", "streams": [stream(n) for n in range(streams)], **more}


def told(connections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the relay reads."""
    frames = [decode(encode(frame)) for frame in status_frames(connections)]
    return [one for frame in frames if isinstance(frame, Status) for one in frame.connections]


def test_what_fits_is_told_whole_in_as_many_frames_as_it_takes() -> None:
    connections = [connection(f"c{n}", 20) for n in range(20)]

    assert told(connections) == connections
    assert all(len(encode(frame)) < 2 * STATUS_BYTES for frame in status_frames(connections))


def test_a_connection_above_a_frame_tells_its_streams_without_their_last_runs() -> None:
    matrix = [{"entity": "vendor", "operation": "create"}]
    (found,) = told([connection("big", 150, operations=matrix)])

    assert found["operations"] == matrix
    assert [one["name"] for one in found["streams"]] == [f"s{n}" for n in range(150)]
    assert "lastRun" not in found["streams"][0]


def test_of_a_connection_with_far_too_many_streams_the_first_are_told() -> None:
    streams = [{"name": f"s{n:060}", "state": "idle"} for n in range(5_000)]
    (found,) = told([{"name": "huge", "state": "running", "streams": streams}])

    assert (found["name"], found["state"]) == ("huge", "running")
    assert found["streams"] == streams[: len(found["streams"])] != []


def test_what_no_frame_may_hold_costs_its_connection_the_details_and_the_others_nothing() -> None:
    torn = connection("torn", 1, system="\ud800")

    assert told([torn, connection("good", 1)]) == [{"name": "torn", "state": "idle"}, connection("good", 1)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.lists(st.fixed_dictionaries({"name": st.just("erp"), "state": JSON, "system": JSON, "other": JSON}))
)
def test_every_frame_can_be_read(connections: list[dict[str, Any]]) -> None:
    """Whatever a connection tells, the relay can read the frames and go on."""
    connection_statuses(told(connections))


def test_every_connection_that_is_configured_is_named_also_one_that_cannot_run() -> None:
    assert configured_frames(["nav", "erp"]) == [Status((), configured=("erp", "nav"))]
    assert configured_frames([]) == [Status((), configured=())]


def test_where_not_all_names_can_be_told_none_is() -> None:
    """One that is not named would be taken for gone."""
    assert configured_frames(None) == []
    assert configured_frames([f"{number:063d}" for number in range(1_000)]) == []
