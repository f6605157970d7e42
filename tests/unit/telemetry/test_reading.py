from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.calls.logs import read_page
from agent.clock import ManualClock
from agent.errors import ConfigurationError
from agent.telemetry.files import RotatedFile
from agent.telemetry.reading import Place, Query, following, newest

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def event_of(number: int, **more: Any) -> bytes:
    at = (NOON + timedelta(seconds=number)).isoformat()
    level = "warning" if number % 10 == 0 else "info"
    return json.dumps({"timestamp": at, "level": level, "event": "e", "number": number, **more}).encode()


def numbers(page: Any) -> list[int]:
    return [line["number"] for line in page.lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A thousand lines in about twenty files, most of them compressed."""
    file = RotatedFile(
        tmp_path, ManualClock(NOON), total_bytes=1024 * 1024, keep=timedelta(days=30), file_bytes=5_000
    )
    for number in range(1_000):
        stream = f"{'erp' if number % 2 else 'crm'}/orders"
        file.write([event_of(number, stream=stream, run=f"run-{number // 100}", trace=f"t{number // 100}")])
    file.close()
    return tmp_path


def test_pages_backwards_are_every_line_once(folder: Path) -> None:
    found: list[int] = []
    before: Place | None = None
    while True:
        page = newest(folder, Query(), limit=70, before=before)
        found = [*numbers(page), *found]
        before = page.before
        if before is None:
            break

    assert found == list(range(1_000))


def test_following_from_a_place_is_every_line_once_across_rotations(folder: Path) -> None:
    place, found = Place(1, 0), []
    while page := following(folder, Query(), place, limit=70):
        if not page.lines:
            break
        found += numbers(page)
        place = page.after

    assert found == list(range(1_000))
    assert newest(folder, Query(), limit=1).after == place


def test_a_place_whose_file_is_gone_is_told_as_a_gap(folder: Path) -> None:
    next(iter(folder.glob("agent-000001.*"))).unlink()

    page = following(folder, Query(), Place(1, 0), limit=10)

    assert page.gap
    assert len(page.lines) == 10


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (Query(level="warning"), 100),
        (Query(connection="erp"), 500),
        (Query(run="run-3"), 100),
        (Query(run="t3"), 100),
        (Query(text='"NUMBER": 99'), 11),
        (Query(since=NOON + timedelta(seconds=990)), 10),
        (Query(until=NOON + timedelta(seconds=10)), 10),
        (Query(part="tunnel"), 0),
        (Query(level="warning", connection="crm", run="run-0"), 10),
    ],
    ids=["level", "connection", "run", "trace", "text", "since", "until", "part", "all"],
)
def test_only_lines_of_which_everything_asked_for_is_true(folder: Path, query: Query, count: int) -> None:
    assert len(newest(folder, query, limit=1_000).lines) == count


def test_a_line_that_is_being_written_is_not_shown_before_it_is_whole(folder: Path) -> None:
    with (folder / "agent.log").open("ab") as file:
        file.write(b'{"number": 1000')

    assert numbers(newest(folder, Query(), limit=1)) == [999]

    with (folder / "agent.log").open("ab") as file:
        file.write(b', "event": "e"}\n')
    assert numbers(newest(folder, Query(), limit=1)) == [1_000]


@pytest.mark.parametrize("damage", ["replaced", "inside", "cut"])
def test_a_damaged_file_hides_no_other(folder: Path, damage: str) -> None:
    path = next(iter(folder.glob("agent-000002.*")))
    whole = path.read_bytes()
    changed = {
        "replaced": b"not what it was",
        "inside": whole[:10] + b"\xff" * 40 + whole[50:],  # its head says that it is whole
        "cut": whole[: len(whole) // 2],
    }
    path.write_bytes(changed[damage])

    found = numbers(newest(folder, Query(), limit=1_000))

    assert found[0] == 0
    assert found[-1] == 999


def test_one_call_reads_a_bounded_number_of_bytes_and_says_where_it_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.telemetry.reading.MAX_SCANNED", 2_000)

    page = newest(folder, Query(text="in no line"), limit=10)

    assert not page.lines
    assert page.before is not None
    assert following(folder, Query(text="in no line"), Place(1, 0), limit=10).after < page.before


def test_without_files_there_is_nothing_and_no_fault(tmp_path: Path) -> None:
    assert read_page(tmp_path / "none", {}) == {"lines": [], "before": None, "after": "0:0", "gap": False}


@pytest.mark.parametrize(
    "args",
    [
        {"before": "x"},
        {"after": "1:-2"},
        {"level": "loud"},
        {"since": "yesterday"},
        {"since": "2026-01-05T12:00:00"},
        {"limit": -1},
        {"text": 5},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_by_name(tmp_path: Path, args: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        read_page(tmp_path, args)
