"""The audit log as its callers see it."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent import secrets
from agent.audit.disk import Disk
from agent.audit.folder import FOLDER
from agent.audit.lines import MAX_LINE_BYTES
from agent.audit.log import MAX_WAITING, AuditLog, BriefTrail, open_trail
from agent.audit.trail import AGENT, Actor, Origin
from agent.clock import ManualClock
from agent.errors import AuditUnavailable
from agent.secrets import Secret
from tests.unit.audit.keeping import actions, checked, files_of, lines_of

ALICE = Actor(Origin.LOCAL, "alice")


class Moody(Disk):
    """A disk that is full, or fails to sync, for as long as it is told."""

    def __init__(self) -> None:
        self.full = False
        self.failing = False
        self.syncs = 0

    def write(self, handle: int, data: bytes, offset: int) -> None:
        if self.full:
            super().write(handle, data[: len(data) // 2], offset)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(handle, data, offset)

    def sync(self, handle: int) -> None:
        self.syncs += 1
        if self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def disk() -> Moody:
    return Moody()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def log(tmp_path: Path, disk: Moody, clock: ManualClock) -> AsyncIterator[AuditLog]:
    log = AuditLog(tmp_path, clock=clock, disk=disk)
    yield log
    disk.full = disk.failing = False
    await log.aclose()


async def test_a_line_says_what_who_and_when_and_is_on_disk_when_record_returns(
    log: AuditLog, tmp_path: Path, clock: ManualClock
) -> None:
    await log.record("command_allowed", ALICE, {"name": "sync", "connection": "erp"})

    line = lines_of(tmp_path)[2]
    assert (line.n, line.action, line.actor, line.moment) == (3, "command_allowed", ALICE, clock.utcnow())
    assert line.facts == {"name": "sync", "connection": "erp"}
    assert checked(tmp_path).ok


async def test_the_files_are_for_the_agents_user_alone(log: AuditLog, tmp_path: Path) -> None:
    await log.record("a", AGENT, {})

    folder = tmp_path / FOLDER
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def test_many_at_once_share_a_sync_and_each_has_its_line(
    log: AuditLog, tmp_path: Path, disk: Moody
) -> None:
    await log.record("first", AGENT, {})
    before = disk.syncs

    await asyncio.gather(*(log.record("many", AGENT, {"number": number}) for number in range(100)))

    assert disk.syncs - before <= 3 * 2  # groups; each is one sync of lines and one of the head
    assert [line.facts["number"] for line in lines_of(tmp_path) if line.action == "many"] == list(range(100))


async def test_a_caller_that_is_cancelled_tears_nobody_elses_line(log: AuditLog, tmp_path: Path) -> None:
    tasks = [asyncio.ensure_future(log.record("many", AGENT, {"number": number})) for number in range(5)]
    await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    tasks[0].cancel()
    await asyncio.gather(*tasks[1:])

    assert {line.facts["number"] for line in lines_of(tmp_path) if line.action == "many"} >= {1, 2, 3, 4}
    assert checked(tmp_path).ok


async def test_on_a_full_disk_nothing_is_recorded_and_it_goes_on_by_itself_when_there_is_room(
    log: AuditLog, tmp_path: Path, disk: Moody
) -> None:
    await log.record("before", AGENT, {})
    disk.full = True
    for _ in range(3):
        with pytest.raises(AuditUnavailable, match="No space left"):
            await log.record("refused", AGENT, {})
    assert log.status()["available"] is False
    assert log.status()["error"]["hint"]
    disk.full = False

    await log.record("after", AGENT, {})

    assert log.status()["available"] is True
    assert actions(tmp_path) == ["log_begun", "before", "audit_recovered", "after"]
    recovered = next(line for line in lines_of(tmp_path) if line.action == "audit_recovered")
    assert recovered.facts["refused"] == 3
    assert checked(tmp_path).ok


async def test_a_failed_sync_acknowledges_nothing_and_the_log_goes_on_behind_what_was_acknowledged(
    log: AuditLog, tmp_path: Path, disk: Moody
) -> None:
    await log.record("before", AGENT, {})
    disk.failing = True
    with pytest.raises(AuditUnavailable):
        await log.record("refused", AGENT, {})
    disk.failing = False

    await log.record("after", AGENT, {})

    assert actions(tmp_path) == ["log_begun", "before", "audit_recovered", "after"]
    assert checked(tmp_path).ok


async def test_a_folder_that_cannot_be_made_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file in its place")
    log = AuditLog(tmp_path, clock=ManualClock())

    with pytest.raises(AuditUnavailable) as caught:
        await log.record("a", AGENT, {})
    (tmp_path / FOLDER).unlink()
    await log.record("b", AGENT, {})
    await log.aclose()

    assert str(tmp_path) in str(caught.value)
    assert "audit_recovered" in actions(tmp_path)


async def test_what_has_happened_waits_for_a_disk_that_can_be_written(
    log: AuditLog, tmp_path: Path, disk: Moody, clock: ManualClock
) -> None:
    disk.full = True
    await log.happened("agent_started", AGENT, {"number": 1})
    await log.happened("agent_started", AGENT, {"number": 2})
    assert log.status()["waiting"] == 2
    disk.full = False
    clock.advance(60)

    await log.happened("agent_started", AGENT, {"number": 3})

    found = [line for line in lines_of(tmp_path) if line.action == "agent_started"]
    assert [line.facts["number"] for line in found] == [1, 2, 3]
    assert found[0].moment == clock.utcnow() - timedelta(seconds=60)


async def test_what_waits_is_bounded_and_the_rest_is_counted(
    log: AuditLog, tmp_path: Path, disk: Moody
) -> None:
    disk.full = True
    for number in range(MAX_WAITING + 7):
        await log.happened("noise", AGENT, {"number": number})
    disk.full = False
    await log.record("room", AGENT, {})
    await log._write_late()

    lost = [line.facts for line in lines_of(tmp_path) if line.action == "lines_lost"]
    assert lost == [{"count": 7}]


async def test_what_still_waits_at_the_end_is_lost_and_the_loss_is_told(
    log: AuditLog, disk: Moody, capsys: pytest.CaptureFixture[str]
) -> None:
    disk.full = True
    await log.happened("agent_stopped", AGENT, {})

    await log.aclose()

    assert "audit_lines_lost" in capsys.readouterr().out


async def test_a_long_command_keeps_nobody_from_the_log_between_its_lines(tmp_path: Path) -> None:
    brief = BriefTrail(tmp_path, ManualClock(), timedelta(days=30))

    await asyncio.gather(
        *(brief.happened("credentials_refused", AGENT, {"connection": name}) for name in "ab")
    )
    async with open_trail(tmp_path, ManualClock(), timedelta(days=30)) as other:
        await other.record("secret_set", ALICE, {})
    await brief.happened("credentials_restored", AGENT, {})

    told = [action for action in actions(tmp_path) if action != "log_begun"]
    assert told == ["credentials_refused", "credentials_refused", "secret_set", "credentials_restored"]
    assert checked(tmp_path).ok


async def test_a_second_process_waits_and_then_is_told_that_another_one_writes(
    log: AuditLog, tmp_path: Path
) -> None:
    await log.record("first", AGENT, {})
    other = AuditLog(tmp_path, clock=ManualClock())

    with pytest.raises(AuditUnavailable, match="another process"):
        await other.record("second", AGENT, {})
    await log.aclose()
    await other.record("second", AGENT, {})
    await other.aclose()

    assert [action for action in actions(tmp_path) if action in {"first", "second"}] == ["first", "second"]
    assert checked(tmp_path).ok


async def test_a_command_of_this_host_leaves_a_signed_line(tmp_path: Path) -> None:
    async with open_trail(tmp_path, ManualClock(), timedelta(days=30)) as trail:
        await trail.record("secret_set", ALICE, {"name": "erp"})

    assert lines_of(tmp_path)[-1].action == "checkpoint"
    assert checked(tmp_path).unsigned == 0


async def test_no_secret_is_in_a_line_wherever_it_stood(
    log: AuditLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.REDACTION.learn(Secret("hunter2hunter2"))
    facts = {
        "password": Secret("hunter2hunter2"),
        "text": "x hunter2hunter2 y",
        "deep": [{"hunter2hunter2": ["hunter2hunter2"]}],
    }

    await log.record("hidden", Actor(Origin.RELAY, "hunter2hunter2"), facts)

    assert all(b"hunter2" not in raw for raw in files_of(tmp_path).values())


async def test_no_line_is_longer_than_its_bound_whatever_it_is_told(log: AuditLog, tmp_path: Path) -> None:
    deep: object = 1
    for _ in range(200):
        deep = {"deeper": deep}
    for facts in (
        {f"fact {number}": "x" * 100_000 for number in range(1_000)},
        {
            "list": list(range(100_000)),
            "deep": deep,
            "number": 10**400,
            "lone": "\udcff",
            "quotes": '"\x00' * 900,
        },
        {"\x00" * 5_000: {"\x01" * 5_000: "\x02" * 5_000}},
        {f"{number}": "\x00" * 5_000 for number in range(100)},
        {"not": float("nan"), "path": Path("/x"), "bytes": b"\xff", "set": {3, 1}, "moment": log},
    ):
        await log.record("long", Actor(Origin.RELAY, "n" * 100_000), facts)

    assert (
        max(len(text) for raw in files_of(tmp_path).values() for text in raw.splitlines()) <= MAX_LINE_BYTES
    )
    assert checked(tmp_path).ok


async def test_a_closed_log_refuses(log: AuditLog) -> None:
    await log.record("a", AGENT, {})
    await log.aclose()

    with pytest.raises(AuditUnavailable, match="closed"):
        await log.record("b", AGENT, {})


async def test_minding_it_begins_a_new_file_each_day_also_when_nothing_is_written(
    log: AuditLog, tmp_path: Path, clock: ManualClock
) -> None:
    await log.record("a", AGENT, {})
    minding = asyncio.ensure_future(log.mind())
    for _ in range(3):
        clock.advance(86_400)
        for _ in range(200):
            await asyncio.sleep(0.001)  # noqa: TID251 - the thread of the log writes
            if (len(files_of(tmp_path))) >= 2:
                break
    minding.cancel()
    await asyncio.gather(minding, return_exceptions=True)

    assert len(files_of(tmp_path)) >= 2
    assert checked(tmp_path).ok
