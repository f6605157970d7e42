"""The log's files: bounded, whole, and no one's burden when the disk is full."""

from __future__ import annotations

import errno
import gzip
import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import ManualClock
from agent.telemetry.files import CURRENT, FileSink, RotatedFile, numbered

KIB = 1024
DAY = 86_400


def line_of(number: int, size: int = 100) -> bytes:
    head = f'{{"timestamp": "2026-01-05T12:00:00Z", "event": "e", "number": {number}, "more": "'
    return (head + "x" * (size - len(head) - 2) + '"}').encode()


def made(folder: Path, clock: ManualClock | None = None, **options: Any) -> RotatedFile:
    given = {"total_bytes": 64 * KIB, "keep": timedelta(days=30), "file_bytes": 4 * KIB} | options
    return RotatedFile(folder, clock or ManualClock(), **given)


def numbers_in(folder: Path) -> list[int]:
    files = [*numbered(folder).values(), folder / CURRENT]
    texts = [
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in files
    ]
    return [json.loads(line)["number"] for text in texts for line in text.splitlines()]


def test_lines_are_found_again_in_order_across_rotations_and_old_files_are_compressed(tmp_path: Path) -> None:
    file = made(tmp_path)
    for number in range(200):
        file.write([line_of(number)])
    file.close()

    assert numbers_in(tmp_path) == list(range(200))
    assert {path.suffix for path in numbered(tmp_path).values()} == {".gz"}
    assert max(numbered(tmp_path)) == len(numbered(tmp_path)) > 3


def test_files_never_take_more_than_their_bound_and_the_newest_lines_stay(tmp_path: Path) -> None:
    file = made(tmp_path, total_bytes=16 * KIB)
    for number in range(3_000):
        # What does not compress: the bound is of the disk.
        file.write([json.dumps({"number": number, "noise": os.urandom(100).hex()}).encode()])
        if number % 100 == 0:
            assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 16 * KIB
    file.close()

    found = numbers_in(tmp_path)
    assert found[-1] == 2_999
    assert found == list(range(found[0], 3_000))


def test_what_is_too_old_goes_even_where_little_is_logged(tmp_path: Path) -> None:
    clock = ManualClock()
    file = made(tmp_path, clock, keep=timedelta(days=4))
    for day in range(12):
        text = json.dumps({"timestamp": clock.utcnow().isoformat(), "number": day}).encode()
        file.write([text])
        for path in numbered(tmp_path).values():
            stamp = clock.utcnow().timestamp()
            if path.stat().st_mtime > stamp:  # the files' own clock is the system's
                os.utime(path, (stamp, stamp))
        clock.advance(DAY)
    file.close()

    assert numbers_in(tmp_path)[-1] == 11
    assert min(numbers_in(tmp_path)) >= 6


def test_the_next_process_goes_on_behind_a_line_that_was_cut_short(tmp_path: Path) -> None:
    (tmp_path / CURRENT).write_bytes(line_of(1) + b'\n{"number": 2, "cu')
    file = made(tmp_path)
    file.write([line_of(3)])
    file.close()

    lines = (tmp_path / CURRENT).read_bytes().splitlines()
    assert [line for line in lines if line] == [line_of(1), b'{"number": 2, "cu', line_of(3)]


def test_a_file_that_somebody_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file = made(tmp_path)
    file.write([line_of(1)])
    (tmp_path / CURRENT).rename(tmp_path / "theirs")
    file.write([line_of(2)])
    file.close()

    assert (tmp_path / CURRENT).read_bytes() == line_of(2) + b"\n"


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    file = made(folder)
    for number in range(100):
        file.write([line_of(number)])
    file.close()

    assert folder.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


@pytest.fixture
def full_disk(tmp_path: Path) -> Callable[[bool], None]:
    """`/dev/full` in the place of the file: every write fails as on a full disk."""
    path = tmp_path / CURRENT

    def switch(full: bool) -> None:
        path.unlink(missing_ok=True)
        if full:
            path.symlink_to("/dev/full")

    return switch


def test_while_the_disk_is_full_lines_are_counted_and_the_count_is_the_first_line_after_it(
    tmp_path: Path, full_disk: Callable[[bool], None]
) -> None:
    file = made(tmp_path)
    full_disk(True)
    for number in range(7):
        file.write([line_of(number)])
    assert file.lost == 7

    full_disk(False)
    file.write([line_of(7)])
    file.close()

    gap, after = (json.loads(line) for line in (tmp_path / CURRENT).read_bytes().splitlines())
    assert (gap["event"], gap["lines"], after["number"]) == ("log_lines_lost", 7, 7)


def test_half_a_line_that_a_full_disk_took_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made(tmp_path)
    file.write([line_of(1)])

    class Takes10Bytes:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def write(self, data: bytes) -> int:
            return int(self._inner.write(data[:10]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    monkeypatch.setattr(file, "_file", Takes10Bytes(file._file))
    file.write([line_of(2)])
    file.write([line_of(3)])
    file.close()

    events = [json.loads(line) for line in (tmp_path / CURRENT).read_bytes().splitlines()]
    assert [event.get("number", event["event"]) for event in events] == [1, "log_lines_lost", 3]


def test_a_folder_that_cannot_be_made_costs_the_lines_alone(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("in the way")
    file = made(tmp_path / "log")

    file.write([line_of(1), line_of(2)])

    assert file.lost == 2


class HangingFile(RotatedFile):
    """On a disk that takes nothing and refuses nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ManualClock(), total_bytes=64 * KIB, keep=timedelta(days=1))
        self.may_go_on = threading.Event()

    def write(self, lines: Any) -> None:
        self.may_go_on.wait(60)
        super().write(lines)


def test_a_disk_that_hangs_holds_nobody_up_and_memory_stays_bounded(tmp_path: Path) -> None:
    file = HangingFile(tmp_path)
    sink = FileSink(file)
    for number in range(30_000):
        sink.take({"event": "e", "number": number})

    file.may_go_on.set()
    sink.close()

    lost = sum(
        json.loads(line).get("lines", 0)
        for path in (*numbered(tmp_path).values(), tmp_path / CURRENT)
        for line in (
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        ).splitlines()
    )
    assert lost + sink._dropped >= 30_000 - 10_000 - 1_000


def test_what_was_taken_is_written_when_the_sink_is_closed(tmp_path: Path) -> None:
    sink = FileSink(made(tmp_path))
    for number in range(500):
        sink.take({"event": "e", "number": number})
    sink.close()

    assert numbers_in(tmp_path) == list(range(500))


def test_an_error_of_the_disk_is_an_oserror_here_too() -> None:
    """What the tests above stand on: /dev/full refuses as a full disk does."""
    with (
        pytest.raises(OSError, match=os.strerror(errno.ENOSPC)),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")


def test_the_plain_form_of_what_was_compressed_goes_though_a_process_ended_in_between(tmp_path: Path) -> None:
    plain, packed = tmp_path / "agent-000001.log", tmp_path / "agent-000001.log.gz"
    plain.write_bytes(line_of(0))
    packed.write_bytes(gzip.compress(line_of(0)))

    made(tmp_path).tidy()

    assert not plain.exists()
    assert packed.exists()


def test_a_line_that_has_no_form_is_counted_and_raises_nothing(tmp_path: Path) -> None:
    sink = FileSink(made(tmp_path))
    sink.take({"event": "odd", "number": 10**5_000})
    sink.take({"event": "fine"})
    sink.close()

    assert [json.loads(line)["event"] for line in (tmp_path / CURRENT).read_text().splitlines()] == [
        "log_lines_lost",
        "fine",
    ]
