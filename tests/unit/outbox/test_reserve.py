"""The room that is set aside on the disk: really taken, given up once, and no reason to forget what is kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import apsw
import pytest

from agent.clock import ManualClock
from agent.errors import StorageFull
from agent.outbox.limits import MiB
from agent.outbox.reserve import Reserve
from agent.outbox.store import Limits, Outbox
from tests.unit.outbox.making import STREAM, all_pending, entry, opened

SIZE = MiB


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def room(outbox: Path) -> Path:
    return outbox.with_name("outbox.db.reserve")


def taken(room: Path) -> int:
    return getattr(room.stat(), "st_blocks", SIZE // 512) * 512


def test_it_takes_its_room_on_the_disk_and_gives_it_up(outbox: Path, room: Path) -> None:
    reserve = Reserve(outbox, SIZE)
    reserve.keep()
    assert (reserve.spent, reserve.full) == (False, False)
    assert taken(room) >= SIZE

    reserve.release()

    assert (reserve.spent, reserve.full) == (True, True)
    assert room.stat().st_size == 0


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system has no such call")
@pytest.mark.parametrize("answer", [errno.EOPNOTSUPP, errno.EINVAL, None])
def test_a_file_system_that_sets_nothing_aside_is_written_to(
    outbox: Path, room: Path, answer: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sets_nothing_aside(handle: int, _begin: int, size: int) -> None:
        if answer is not None:
            raise OSError(answer, os.strerror(answer))
        os.ftruncate(handle, size)

    monkeypatch.setattr(os, "posix_fallocate", sets_nothing_aside)

    Reserve(outbox, SIZE).keep()

    assert room.stat().st_size == SIZE
    assert taken(room) >= SIZE


@pytest.mark.skipif(os.name != "posix", reason="holes are counted on POSIX")
def test_a_copy_that_has_holes_for_zeros_is_made_whole(outbox: Path, room: Path) -> None:
    room.touch()
    os.truncate(room, SIZE)

    reserve = Reserve(outbox, SIZE)
    assert reserve.spent
    reserve.keep()

    assert taken(room) >= SIZE


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system has no such call")
def test_where_there_is_no_room_it_says_so_and_holds_none(
    outbox: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(_handle: int, _begin: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", is_full)
    reserve = Reserve(outbox, SIZE)

    with pytest.raises(StorageFull):
        reserve.keep()

    assert (reserve.spent, reserve.full) == (True, True)
    assert room.stat().st_size == 0
    assert Reserve(outbox, SIZE).full  # the next process goes on emptying


def test_room_that_cannot_be_given_up_is_tried_again(outbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = Reserve(outbox, SIZE)
    reserve.keep()

    def is_held(*_: object) -> None:
        raise PermissionError(errno.EACCES, "another program reads it")

    with monkeypatch.context() as held:
        held.setattr(os, "truncate", is_held)
        reserve.release()
    assert not reserve.spent
    reserve.release()

    assert reserve.spent


async def test_where_it_was_never_made_delivered_batches_are_kept_for_a_relay_from_a_backup(
    outbox: Path, room: Path
) -> None:
    """An agent of an older version had none: its first look at what may go must not take all for a full disk's sake."""
    async with opened(outbox) as older:
        await older.append(entry(b"a"))
        await older.mark_acked(STREAM, 1)
    async with opened(outbox, limits=Limits(reserve_bytes=SIZE)) as newer:
        assert not room.exists()

        assert await newer.prune() == 0


async def test_an_outbox_that_ends_on_a_full_disk_is_not_taken_for_damaged(outbox: Path) -> None:
    def nothing_is_marked(_cursor: object, sql: str, _bindings: object) -> bool:
        if "closed_cleanly" in sql:
            raise apsw.FullError("database or disk is full")
        return True

    ended = await Outbox.open(outbox, clock=ManualClock())
    await ended.append(entry(b"kept"))
    ended._db.connection.exec_trace = nothing_is_marked
    await ended.aclose()

    async with opened(outbox) as again:
        assert [batch.payload for batch in await all_pending(again)] == [b"kept"]
