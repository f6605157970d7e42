"""The policy in force follows its file; whatever is wrong with it or with the audit log closes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import Actor
from agent.clock import ManualClock
from agent.errors import AuditUnavailable, PolicyDenied, StorageFull
from agent.policies.in_force import Policies

ALL = '[connections.erp.leave.vendor]\nfields = "all"\n'
MORE = ALL + 'except = ["notes"]\n'
OTHER = ALL + '[connections.other.leave.asset]\nfields = "all"\n'


class Trail:
    def __init__(self) -> None:
        self.lines: list[tuple[str, Mapping[str, Any]]] = []
        self.broken = False

    async def record(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None:
        if self.broken:
            raise AuditUnavailable
        self.lines.append((action, facts))


class Alarm(ManualClock):
    """Whoever sleeps is woken by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.asleep = asyncio.Event()
        self.wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await self.wake.wait()
        self.wake.clear()
        self.advance(seconds)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Alarm()
        self.trail = Trail()
        self.restarted: list[tuple[str, ...]] = []
        self.sending: list[
            int | None
        ] = []  # what was let out when connections restarted and batches were taken back
        self.full = False
        self.write(ALL)
        self.policies = Policies(folder, self.clock, self.trail, lambda: b"k" * 32)

    def write(self, text: str) -> None:
        file = self.folder / "policy.toml"
        file.write_text(text)
        file.chmod(0o600)

    async def restart(self, *names: str) -> None:
        self.restarted.append(names)
        self.sending.append(self.policies.sending)

    async def take_back(self) -> None:
        self.sending.append(self.policies.sending)
        if self.full:
            raise StorageFull

    async def looks(self, number: int) -> None:
        """Let the watcher look at the file so many times."""
        watching = asyncio.create_task(
            self.policies.watch(lambda: ["erp", "other"], self.restart, self.take_back)
        )
        try:
            for _ in range(number):
                await self.clock.asleep.wait()
                self.clock.asleep.clear()
                self.clock.wake.set()
            await self.clock.asleep.wait()
        finally:
            watching.cancel()
            self.clock.asleep.clear()

    def leaves(self, connection: str = "erp", entity: str = "vendor") -> bool:
        try:
            self.policies.leaving(connection, entity)
        except PolicyDenied:
            return False
        return True


@pytest.fixture
def world(tmp_path: Path) -> World:
    folder = tmp_path / "c"
    folder.mkdir(mode=0o700)
    return World(folder)


async def test_nothing_leaves_before_the_policy_is_audited(world: World) -> None:
    assert not world.leaves()
    await world.policies.start()
    assert world.leaves()
    assert [action for action, _ in world.trail.lines] == ["policy_loaded"]


async def test_a_changed_policy_is_audited_and_restarts_the_connections_it_concerns(world: World) -> None:
    await world.policies.start()
    before = world.policies.current.digest
    world.write(OTHER)
    await world.looks(4)

    assert world.leaves("other", "asset")
    assert world.restarted == [("other",)]
    action, facts = world.trail.lines[-1]
    assert (action, facts["before"], facts["after"]) == (
        "policy_changed",
        before,
        world.policies.current.digest,
    )


async def test_whoever_asks_for_it_has_a_changed_policy_in_force_at_once_and_once(world: World) -> None:
    await world.policies.start()
    world.write(OTHER)
    await world.policies.now(lambda: ["erp", "other"], world.restart, world.take_back)

    assert world.leaves("other", "asset")
    assert world.policies.sending is not None
    await world.looks(3)
    assert world.restarted == [("other",)]
    assert [action for action, _ in world.trail.lines] == ["policy_loaded", "policy_changed"]


async def test_a_file_that_became_wrong_closes_everything_and_one_that_is_mended_opens_it(
    world: World,
) -> None:
    await world.policies.start()
    world.write("[connections.erp\n")
    await world.looks(4)

    with pytest.raises(PolicyDenied, match=r"policy\.toml:1"):
        world.policies.leaving("erp", "vendor")
    assert world.restarted == [("erp", "other")]
    assert world.trail.lines[-1][1]["refused"] is True

    world.write(ALL)
    await world.looks(4)
    assert world.leaves()
    assert world.restarted == [("erp", "other")] * 2


async def test_permissions_that_were_opened_close_everything(world: World) -> None:
    await world.policies.start()
    (world.folder / "policy.toml").chmod(0o666)
    await world.looks(4)
    assert not world.leaves()


async def test_a_file_that_was_only_touched_restarts_nothing(world: World) -> None:
    await world.policies.start()
    world.write(ALL)
    await world.looks(4)
    assert world.restarted == []
    assert len(world.trail.lines) == 1


async def test_a_change_that_cannot_be_audited_is_not_in_force_and_is_tried_again(world: World) -> None:
    await world.policies.start()
    world.trail.broken = True
    world.write(MORE)
    await world.looks(5)
    assert not world.leaves()
    assert world.restarted == [("erp", "other")]

    world.trail.broken = False
    await world.looks(2)
    assert world.leaves()
    assert world.policies.leaving("erp", "vendor").hides


async def test_an_entity_without_a_table_does_not_leave_and_the_hint_shows_the_table(world: World) -> None:
    await world.policies.start()
    with pytest.raises(PolicyDenied) as caught:
        world.policies.leaving("erp", "purchase_order")
    assert "[connections.erp.leave.purchase_order]" in caught.value.hint
    assert "policy suggest erp" in caught.value.hint


async def test_the_source_record_needs_a_word_of_its_own(world: World) -> None:
    await world.policies.start()
    with pytest.raises(PolicyDenied, match="send_raw"):
        world.policies.leaving("erp", "vendor", send_raw=True)


async def test_no_batch_is_sent_before_what_may_not_leave_was_taken_back(world: World) -> None:
    assert world.policies.sending is None
    await world.policies.start()
    assert world.policies.sending is None
    await world.policies.settle(world.take_back)
    first = world.policies.sending
    assert first is not None

    world.write(MORE)
    await world.looks(4)
    assert world.sending == [None, None, None]
    assert world.policies.sending == first + 1


async def test_no_batch_is_sent_while_the_file_is_wrong(world: World) -> None:
    await world.policies.start()
    await world.policies.settle(world.take_back)
    world.write("[connections.erp\n")
    await world.looks(4)
    assert world.policies.sending is None

    world.write(ALL)
    await world.looks(4)
    assert world.policies.sending is not None


async def test_where_it_cannot_be_taken_back_nothing_is_sent_until_it_can(world: World) -> None:
    await world.policies.start()
    world.full = True
    await world.policies.settle(world.take_back)
    await world.looks(3)
    assert world.policies.sending is None

    world.full = False
    await world.looks(2)
    assert world.policies.sending is not None
