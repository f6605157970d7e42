"""The files: rotation, retention, what a crash leaves, and what somebody did to them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agent.audit.folder import FOLDER, HEAD_FILE, KEY_FILE, START_FILE
from agent.audit.lines import GENESIS
from agent.audit.verify import FaultKind
from tests.unit.audit.keeping import (
    NOON,
    actions,
    checked,
    did,
    entry,
    files_of,
    forged,
    lines_of,
    new_chain,
    written,
)

DAY = timedelta(days=1)


def go_on(state_dir: Path, number: int = 1_000, days: int = 3) -> None:
    chain = new_chain(state_dir)
    chain.append([entry(number, NOON + days * DAY)])
    chain.close()


def test_each_utc_day_has_its_file_that_ends_signed(tmp_path: Path) -> None:
    written(tmp_path, days=(2, 2, 2))

    assert list(files_of(tmp_path)) == [
        "00000001-2026-01-05.jsonl",
        "00000002-2026-01-06.jsonl",
        "00000003-2026-01-07.jsonl",
    ]
    assert all(raw.splitlines()[-1].count(b'"checkpoint"') == 1 for raw in files_of(tmp_path).values())


def test_a_checkpoint_comes_at_least_every_hundred_lines(tmp_path: Path) -> None:
    chain = new_chain(tmp_path)
    chain.append([entry(number) for number in range(1_050)])
    chain.close()

    report = checked(tmp_path)
    assert report.ok
    assert report.checkpoints >= 11


def test_a_clock_that_steps_back_is_written_down_and_changes_no_order(tmp_path: Path) -> None:
    chain = new_chain(tmp_path)
    for number, days in enumerate((0, 10, -400, 10)):
        chain.append([entry(number, NOON + days * DAY)])
    chain.close()

    assert did(tmp_path) == [0, 1, 2, 3]
    moved = [line.facts for line in lines_of(tmp_path) if line.action == "clock_went_back"]
    assert moved == []  # a new file each: its first line shows the day
    assert checked(tmp_path).ok


def test_a_clock_that_steps_back_within_a_day_has_a_line_of_its_own(tmp_path: Path) -> None:
    chain = new_chain(tmp_path)
    chain.append(
        [entry(1, NOON), entry(2, NOON - timedelta(seconds=0.5)), entry(3, NOON - timedelta(hours=2))]
    )
    chain.close()

    assert actions(tmp_path) == ["log_begun", "clock_went_back"]
    assert did(tmp_path) == [1, 2, 3]


def test_retention_removes_whole_files_and_leaves_a_signed_start(tmp_path: Path) -> None:
    chain = new_chain(tmp_path, retention=3 * DAY)
    for number in range(8):
        chain.append([entry(number, NOON + number * DAY)])
    chain.close()

    report = checked(tmp_path)
    assert did(tmp_path) == [3, 4, 5, 6, 7]
    assert report.ok
    assert report.first_n > 1
    removed = [line.facts for line in lines_of(tmp_path) if line.action == "lines_removed"]
    assert removed[-1]["files"] == ["00000003-2026-01-07.jsonl"]


def test_without_the_signed_start_the_removed_lines_are_missing(tmp_path: Path) -> None:
    chain = new_chain(tmp_path, retention=DAY)
    for number in range(5):
        chain.append([entry(number, NOON + number * DAY)])
    chain.close()

    assert checked(tmp_path).ok
    assert checked(tmp_path, start=None).faults[0].kind is FaultKind.MISSING
    (tmp_path / FOLDER / START_FILE).write_bytes(b"{}")
    assert checked(tmp_path).faults[0].kind is FaultKind.MISSING


def test_more_than_retention_removed_is_found(tmp_path: Path) -> None:
    chain = new_chain(tmp_path, retention=2 * DAY)
    for number in range(6):
        chain.append([entry(number, NOON + number * DAY)])
    chain.close()
    files = files_of(tmp_path)
    del files[min(files)]

    assert checked(tmp_path, files).faults[0].kind is FaultKind.MISSING


def test_one_day_of_a_clock_far_ahead_does_not_remove_the_log(tmp_path: Path) -> None:
    written(tmp_path, days=(1, 1, 1))
    chain = new_chain(tmp_path, retention=30 * DAY)
    chain.append([entry(7, NOON + 30_000 * DAY)])
    chain.append([entry(8, NOON + 4 * DAY)])
    chain.close()

    assert did(tmp_path) == [0, 0, 0, 7, 8]


def test_a_torn_line_behind_the_head_is_cut_and_the_cut_is_recorded(tmp_path: Path) -> None:
    written(tmp_path, days=(5,))
    path = tmp_path / FOLDER / "00000001-2026-01-05.jsonl"
    path.write_bytes(path.read_bytes() + b'{"n":9,"mom')

    go_on(tmp_path, days=0)

    cut = next(line.facts for line in lines_of(tmp_path) if line.action == "tail_cut")
    assert (cut["file"], cut["bytes"]) == (path.name, 11)
    assert checked(tmp_path).ok


@pytest.mark.parametrize(
    ("spoil", "kind", "why"),
    [
        (lambda raw: raw.replace(b'"number":2', b'"number":7'), FaultKind.EDITED, "edited"),
        (lambda raw: b"".join(raw.splitlines(keepends=True)[:-2]), FaultKind.TRUNCATED, "truncated"),
        (lambda raw: raw[:-30], FaultKind.EDITED, "edited"),
        (lambda raw: raw[:0], FaultKind.TRUNCATED, "truncated"),
        (lambda raw: b"\0" * len(raw), FaultKind.EDITED, "edited"),
    ],
)
def test_damage_to_what_was_acknowledged_is_kept_and_a_new_chain_begins_behind_a_recorded_break(
    tmp_path: Path, spoil: object, kind: FaultKind, why: str
) -> None:
    written(tmp_path, days=(3, 5))
    path = tmp_path / FOLDER / "00000002-2026-01-06.jsonl"
    damaged = spoil(path.read_bytes())  # type: ignore[operator]
    path.write_bytes(damaged)
    newest = checked(tmp_path).last_n

    go_on(tmp_path)
    go_on(tmp_path, number=2_000)

    assert path.read_bytes() == damaged
    broken = [line for raw in list(files_of(tmp_path).values())[2:] for line in _lines(raw)]
    assert [line.action for line in broken] == [
        "chain_broken",
        "checkpoint",
        "did",
        "checkpoint",
        "did",
        "checkpoint",
    ]
    assert broken[0].facts["why"] == why
    assert broken[0].n > newest
    report = checked(tmp_path)
    assert any(fault.kind is kind and not fault.recorded for fault in report.faults) or why == "truncated"
    assert any(fault.recorded for fault in report.faults)


def _lines(raw: bytes) -> list:
    from agent.audit.lines import parse_line

    return [parse_line(text) for text in raw.splitlines()]


@pytest.mark.parametrize(("name", "why"), [(HEAD_FILE, "head"), (KEY_FILE, "key")])
@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_lost_head_or_key_begins_a_new_chain_too(tmp_path: Path, name: str, why: str, how: str) -> None:
    written(tmp_path, days=(3,))
    path = tmp_path / FOLDER / name
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"x" * 1024)

    go_on(tmp_path)
    go_on(tmp_path)

    broken = [line.facts["why"] for line in lines_of(tmp_path) if line.action == "chain_broken"]
    assert broken == [why]
    report = checked(tmp_path)
    assert [fault.recorded for fault in report.faults] == [True]
    assert report.faults[0].kind is FaultKind.SIGNATURE


def test_files_that_are_all_gone_are_missed(tmp_path: Path) -> None:
    written(tmp_path, days=(3, 3))
    for name in files_of(tmp_path):
        (tmp_path / FOLDER / name).unlink()

    go_on(tmp_path)

    assert lines_of(tmp_path)[0].facts["why"] == "missing"
    assert lines_of(tmp_path)[0].n > 10
    assert checked(tmp_path).faults[0].kind is FaultKind.MISSING


def test_a_break_that_nobody_signed_is_no_break(tmp_path: Path) -> None:
    """Somebody without the key writes a file that begins a new chain, to explain away what he removed."""
    written(tmp_path, days=(3,))
    line = lines_of(tmp_path)[0]
    raw = next(iter(files_of(tmp_path).values())).splitlines()[0]
    facts = {**line.facts, "why": "truncated"}
    broken, _ = forged(raw, GENESIS, action="chain_broken", n=line.n + 50, facts=facts)
    (tmp_path / FOLDER / "00000002-2026-01-06.jsonl").write_bytes(broken + b"\n")

    go_on(tmp_path, days=0)

    assert did(tmp_path) == [0, 1, 2, 1_000]
    assert "tail_cut" in actions(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    written(tmp_path, days=(1,))
    (tmp_path / FOLDER / KEY_FILE).chmod(0o644)

    with pytest.raises(PermissionError, match="chmod 600"):
        go_on(tmp_path)
