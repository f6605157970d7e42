"""The files: rotation, retention, what a crash leaves, and what somebody did to them."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.audit.disk import Disk
from agent.audit.folder import FOLDER, HEAD_FILE, KEY_FILE, LOCK_FILE, START_FILE
from agent.audit.lines import GENESIS, Line, parse_line
from agent.audit.lock import FileLock
from agent.audit.verify import FaultKind
from tests.unit.audit.keeping import (
    NOON,
    Forgetful,
    QuickDisk,
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
    assert [(facts["from"][:10], facts["to"][:10]) for facts in moved] == [("2026-01-15", "2024-12-01")]
    assert checked(tmp_path).ok


def test_an_agent_that_starts_a_day_before_it_stopped_goes_on_in_a_file_that_verifies(tmp_path: Path) -> None:
    """The clock was set right between the two; the last line of the first is a checkpoint."""
    for number, days in enumerate((0, -2, -2, 0)):
        chain = new_chain(tmp_path)
        chain.append([entry(number, NOON + days * DAY)])
        chain.checkpoint(NOON + days * DAY)
        chain.close()

    assert actions(tmp_path) == ["log_begun", "file_begun", "clock_went_back", "file_begun"]
    assert did(tmp_path) == [0, 1, 2, 3]
    assert checked(tmp_path).ok


steps = st.tuples(
    st.integers(-50, 50),  # hours
    st.sampled_from(["go on", "close", "stop", "crash"]),
    st.integers(1, 3),  # lines
)


@given(history=st.lists(steps, min_size=1, max_size=12))
def test_whatever_the_clock_does_and_however_a_process_ends_the_log_verifies(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    chain, moment, number = new_chain(folder, disk=QuickDisk(), retention=DAY * 400), NOON, 0
    for hours, how, count in history:
        moment += timedelta(hours=hours)
        chain.append([entry(number + one, moment) for one in range(count)])
        number += count
        if how == "stop":
            chain.checkpoint(moment)
        if how in {"stop", "close"}:
            chain.close()
        if how != "go on":
            chain = new_chain(folder, disk=QuickDisk(), retention=DAY * 400)
    chain.close()

    assert did(folder) == list(range(number))
    assert "chain_broken" not in actions(folder)
    assert checked(folder).faults == []


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
    broken = [line for raw in list(files_of(tmp_path).values())[2:] for line in _readable(raw)]
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


def _folder_gone(folder: Path) -> None:
    shutil.rmtree(folder)


def _file_gone(folder: Path) -> None:
    (folder / "00000001-2026-01-05.jsonl").unlink()


def _file_replaced(folder: Path) -> None:
    path = folder / "00000001-2026-01-05.jsonl"
    copy = path.read_bytes()
    path.unlink()
    path.write_bytes(copy)


def _file_cut(folder: Path) -> None:
    with (folder / "00000001-2026-01-05.jsonl").open("rb+") as file:
        file.truncate(500)


def _head_gone(folder: Path) -> None:
    (folder / HEAD_FILE).unlink()


def _put_back_from_a_copy(folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("copy"), folder)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (_folder_gone, "key"),
        (_file_gone, "missing"),
        (_file_replaced, None),
        (_file_cut, "edited"),
        (_head_gone, "head"),
        (_put_back_from_a_copy, "truncated"),
    ],
)
def test_files_taken_away_from_a_running_log_cost_no_later_line_and_are_told(
    tmp_path: Path, harm: Callable[[Path], None], why: str | None
) -> None:
    chain = new_chain(tmp_path)
    chain.append([entry(1)])
    shutil.copytree(tmp_path / FOLDER, tmp_path / "copy")
    chain.append([entry(2)])
    newest = chain.head.n
    harm(tmp_path / FOLDER)

    chain.append([entry(3)])
    chain.close()

    left = [line for raw in files_of(tmp_path).values() for line in _readable(raw)]
    assert [line.facts for line in left if line.action == "did"][-1] == {"number": 3}
    broken = [line for line in left if line.action == "chain_broken"]
    assert [line.facts["why"] for line in broken] == ([why] if why else [])
    assert all(line.n > newest for line in [*broken, left[-1]])


def _readable(raw: bytes) -> list[Line]:
    return [parse_line(text) for text in raw.splitlines() if text.endswith(b"}")]


def test_what_a_failed_sync_may_have_forgotten_is_written_again_before_a_line_counts(tmp_path: Path) -> None:
    disk = Forgetful()
    chain = new_chain(tmp_path, disk=disk)
    chain.append([entry(1)])
    disk.failing = True
    with pytest.raises(OSError, match="Input/output"):
        chain.append([entry(2)])
    disk.failing = False

    chain.append([entry(3)])
    chain.close()

    path = next(path for path in (tmp_path / FOLDER).glob("*.jsonl"))
    assert bytes(disk.durable[path.stat().st_ino]) == path.read_bytes()
    assert did(tmp_path) == [1, 2, 3]  # the second stands for something that was not done


def test_a_damaged_file_goes_away_with_the_retention(tmp_path: Path) -> None:
    written(tmp_path, days=(1, 1, 1))
    (tmp_path / FOLDER / "00000002-2026-01-06.jsonl").write_bytes(b"no line of the log\n")
    for day in range(3, 9):
        chain = new_chain(tmp_path, retention=2 * DAY)
        chain.append([entry(day, NOON + day * DAY)])
        chain.close()

    assert did(tmp_path) == [5, 6, 7, 8]
    assert checked(tmp_path).ok


class Clinging(Disk):
    """Removes no file of the log, as with `chattr +i`."""

    def remove(self, path: Path) -> None:
        if path.suffix == ".jsonl":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        super().remove(path)


def test_a_file_that_retention_cannot_remove_stops_nobody_and_is_told_once(tmp_path: Path) -> None:
    written(tmp_path, days=(1, 1, 1, 1))
    for number, day in enumerate((4, 3, 4)):
        chain = new_chain(tmp_path, disk=Clinging(), retention=2 * DAY)
        chain.append([entry(number, NOON + day * DAY)])
        chain.close()

    assert actions(tmp_path).count("lines_removed") == 1
    assert len(files_of(tmp_path)) == 7
    assert checked(tmp_path).ok
    chain = new_chain(tmp_path, retention=2 * DAY)
    chain.append([entry(8, NOON + 4 * DAY)])
    chain.close()
    assert len(files_of(tmp_path)) == 6
    assert checked(tmp_path).ok


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs root")
def test_what_root_writes_belongs_to_the_agents_user(tmp_path: Path) -> None:
    os.chown(tmp_path, 65_533, 65_533)
    written(tmp_path)
    lock = FileLock(tmp_path / LOCK_FILE)
    lock.take()
    lock.free()

    there = [tmp_path / FOLDER, tmp_path / LOCK_FILE, *(tmp_path / FOLDER).iterdir()]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in there} == {(65_533, 65_533)}


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    written(tmp_path, days=(1,))
    (tmp_path / FOLDER / KEY_FILE).chmod(0o644)

    with pytest.raises(PermissionError, match="chmod 600"):
        go_on(tmp_path)
