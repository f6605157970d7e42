"""The link against a real websocket server with real TLS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import IdentityRefused, StorageFull, VersionMismatch
from agent.identity import Identity, IdentityStore
from agent.protocol.auth import make_code
from agent.protocol.events import BatchReceived, Confirmed, RelayEvent
from agent.protocol.frames import Ack, Command, Result
from agent.protocol.session import KnownAgent, RelaySession
from agent.tunnel.connection import WAITING_COMMANDS
from agent.tunnel.endpoint import Endpoint, make_endpoint
from agent.tunnel.enroll import enroll
from agent.tunnel.link import Link, LinkPhase
from tests.integration.tunnel_peer import (
    AGENT,
    Authority,
    FakeOutbox,
    FakeSink,
    FakeStatus,
    Peer,
    listening,
)


class World:
    """An enrolled agent with everything around its link."""

    def __init__(self, folder: Path, authority: Authority, peer: Peer) -> None:
        self.peer = peer
        self.authority = authority
        self.state_dir = folder / "state"
        self.store = IdentityStore(self.state_dir)
        self.outbox, self.sink, self.status = FakeOutbox(), FakeSink(), FakeStatus()
        self.url = ""
        self.code = make_code(bytes(range(20)))

    async def enroll(self) -> Identity:
        self.peer.codes[self.code.id] = self.code
        return await enroll(
            self.url,
            self.code.shown,
            "plant 1",
            self.state_dir,
            software="test",
            ca_file=self.authority.file,
        )

    @property
    def endpoint(self) -> Endpoint:
        return make_endpoint(self.url, ca_file=self.authority.file)

    def link(self, store: IdentityStore | None = None) -> Link:
        return Link(
            self.endpoint,
            store or self.store,
            self.outbox,
            sink=self.sink,
            status=self.status,
            clock=SystemClock(),
            software="test",
            fraction=lambda: 0.0,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Link]:
        link = self.link()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(link.run())
            yield link
            await link.drain(2)
            await task


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path, Authority.make(tmp_path), Peer())
    async with listening(made.peer, made.authority.server_context()) as port:
        made.url = f"wss://localhost:{port}"
        await made.enroll()
        yield made


async def test_pending_batches_arrive_once_and_in_order(world: World) -> None:
    seqs = [world.outbox.add("erp/vendors") for _ in range(20)]

    async with world.running():
        await world.outbox.all_acked()

    assert [b.seq for b in world.peer.stored] == seqs
    assert world.outbox.acked == {"erp/vendors": seqs[-1]}


async def test_a_batch_enqueued_later_is_sent_without_being_asked_for(world: World) -> None:
    async with world.running():
        await world.peer.until(lambda: bool(world.peer.statuses))
        world.outbox.add("erp/vendors")
        await world.outbox.all_acked()

    assert len(world.peer.stored) == 1


async def test_a_large_batch_travels_in_parts_and_whole(world: World) -> None:
    payload = bytes(range(256)) * 20_000
    world.outbox.add("erp/vendors", payload)

    async with world.running():
        await world.outbox.all_acked()

    assert world.peer.stored[0].payload == payload


async def test_while_the_disk_is_full_batches_go_out_in_one_session_and_acks_are_noted_once_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.tunnel.connection.FULL_DISK_SECONDS", 0.01)
    noting, full = world.outbox.mark_acked, True

    async def refused_while_full(stream: str, seq: int) -> int:
        if full:
            raise StorageFull
        return await noting(stream, seq)

    world.outbox.mark_acked = refused_while_full  # type: ignore[method-assign]
    seqs = [world.outbox.add("erp/vendors") for _ in range(20)]
    async with world.running():
        await world.peer.until(lambda: len(world.peer.stored) == len(seqs))
        full = False
        await world.outbox.all_acked()

    assert world.peer.received == len(seqs)
    assert world.peer.sessions == 2  # enrolment, and the one in which all of it went


async def test_a_lost_ack_leads_to_one_stored_batch(world: World) -> None:
    world.peer.swallow_acks = 1
    for _ in range(3):
        world.outbox.add("erp/vendors")

    async with world.running():
        await world.outbox.all_acked()

    assert [b.seq for b in world.peer.stored] == [1, 2, 3]
    assert world.peer.sessions == 3  # enrolment, the session whose ack was lost, the next one


async def test_a_relay_that_lost_batches_gets_them_again(world: World) -> None:
    for _ in range(3):
        world.outbox.add("erp/vendors")
    async with world.running():
        await world.outbox.all_acked()
    world.peer.positions["erp/vendors"] = 1
    del world.peer.stored[1:]

    async with world.running():
        await world.peer.until(lambda: len(world.peer.stored) == 3)

    assert world.outbox.replays == [("erp/vendors", 1)]
    assert [b.seq for b in world.peer.stored] == [1, 2, 3]


async def test_a_relay_ahead_of_a_restored_outbox_makes_it_number_on(world: World) -> None:
    world.peer.positions["erp/vendors"] = 500
    world.outbox.add("erp/vendors")

    async with world.running():
        await world.peer.until(lambda: bool(world.peer.statuses))
        world.outbox.add("erp/vendors", b"read again")
        await world.outbox.all_acked()

    assert world.outbox.rewinds == [("erp/vendors", 500)]
    assert [(b.seq, b.prev) for b in world.peer.stored] == [(501, 500)]


async def test_the_epoch_is_stored_before_it_counts(world: World) -> None:
    async with world.running():
        await world.peer.until(lambda: world.peer.agents[AGENT].epoch == 1)

        assert world.store.load().epoch == 1


async def test_a_copy_with_an_older_epoch_stops_and_says_so(world: World) -> None:
    stale = IdentityStore(world.state_dir.parent / "copy")
    stale.save(world.store.load())
    async with world.running():
        await world.peer.until(lambda: world.peer.agents[AGENT].epoch == 1)

    link = world.link(stale)
    with pytest.raises(IdentityRefused, match="another copy"):
        await link.run()
    assert link.state.phase is LinkPhase.STOPPED
    assert link.state.error_code == "identity_refused"


async def test_an_unknown_agent_is_refused_like_one_with_a_wrong_key(world: World) -> None:
    world.peer.agents[AGENT] = KnownAgent(bytes(32), 0)
    with pytest.raises(IdentityRefused) as wrong_key:
        await world.link().run()

    world.peer.agents.clear()
    with pytest.raises(IdentityRefused) as unknown:
        await world.link().run()

    assert str(wrong_key.value) == str(unknown.value)


async def test_another_protocol_version_is_named_on_both_sides(world: World) -> None:
    world.peer.versions = (7, 9)
    link = world.link()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(link.run())
        await world.peer.until(lambda: world.peer.sessions == 2)
        while link.state.phase is not LinkPhase.WAITING:
            await asyncio.sleep(0.01)  # noqa: TID251 - a real server answers
        state = link.state
        await link.drain()
        await task

    assert state.error_code == VersionMismatch.code
    assert "7 to 9" in state.error
    assert "1 to 1" in state.error


async def test_a_relay_that_falls_silent_is_noticed_by_heartbeat(world: World) -> None:
    world.peer.heartbeat_seconds = 0.1
    async with world.running():
        await world.peer.until(lambda: bool(world.peer.statuses))
        world.peer.mute = True
        silent = world.peer.sessions
        await world.peer.until(lambda: world.peer.sessions > silent)
        world.peer.mute = False


async def test_commands_come_in_and_results_go_back_until_they_are_acked(world: World) -> None:
    world.peer.commands = [Command("c1", "sync", {"stream": "erp/vendors"}, "2026-01-05T12:00:00Z")]
    world.peer.ack_results = False

    async with world.running() as link:
        await world.sink.happened.wait()
        await link.send_result(Result("c1", "succeeded", {"run": "r1"}))
        await world.peer.until(lambda: len(world.peer.results) == 1)
        world.peer.ack_results = True
        world.peer.live[-1].transport.abort()
        await world.peer.until(lambda: len(world.peer.results) == 2)
        while not world.sink.acked:
            world.sink.happened.clear()
            await world.sink.happened.wait()

    assert world.sink.commands[0].id == "c1"
    assert world.sink.acked == [("c1", "succeeded")]


async def test_a_command_that_breaks_its_taker_ends_neither_the_link_nor_the_next_command(
    world: World,
) -> None:
    class Breaking(FakeSink):
        async def handle(self, command: Command) -> None:
            await super().handle(command)
            if command.id == "c1":
                raise TypeError("an integer beyond 64 bits")

    enrolled, world.sink = world.peer.sessions, Breaking()
    later = "2026-01-05T12:00:00Z"
    world.peer.commands = [Command("c1", "sync", {"n": 2**70}, later), Command("c2", "sync", {}, later)]

    async with world.running() as link:
        while len(world.sink.commands) < 2:
            world.sink.happened.clear()
            await world.sink.happened.wait()

        assert link.state.phase is LinkPhase.CONNECTED
    assert world.peer.sessions == enrolled + 1


class Full(FakeSink):
    """Has no room to write commands down."""

    def __init__(self) -> None:
        super().__init__()
        self.full = True
        self.tried: list[str] = []

    async def handle(self, command: Command) -> None:
        self.tried.append(command.id)
        self.happened.set()
        if self.full:
            raise StorageFull
        await super().handle(command)

    async def until(self, there: Callable[[], bool]) -> None:
        while not there():
            self.happened.clear()
            await self.happened.wait()


async def test_commands_that_find_a_full_disk_are_taken_in_the_same_session_once_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.tunnel.connection.FULL_DISK_SECONDS", 0.01)
    enrolled, world.sink = world.peer.sessions, (sink := Full())
    later = "2026-01-05T12:00:00Z"
    world.peer.commands = [Command("c1", "sync", {}, later), Command("c2", "sync", {}, later)]

    async with world.running():
        await sink.until(lambda: len(sink.tried) > 3)
        sink.full = False
        await sink.until(lambda: len(sink.commands) == 2)

    assert [command.id for command in sink.commands] == ["c1", "c2"]
    assert world.peer.sessions == enrolled + 1


async def test_more_commands_than_may_wait_for_room_hold_up_no_ack(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.tunnel.connection.FULL_DISK_SECONDS", 0.01)
    world.sink = sink = Full()
    later = "2026-01-05T12:00:00Z"
    many = 3 * WAITING_COMMANDS
    world.peer.commands = [Command(f"c{number}", "sync", {}, later) for number in range(many)]

    async with world.running():
        await sink.until(lambda: len(set(sink.tried)) > many // 2)
        world.outbox.add("erp/vendors")
        await world.outbox.all_acked()


async def test_a_status_above_a_frame_does_not_end_the_session(world: World) -> None:
    streams = [{"name": f"s{n:060}", "state": "idle"} for n in range(2_000)]
    world.status.shown = [{"name": "huge", "state": "idle", "streams": streams}]
    enrolled = world.peer.sessions

    async with world.running():
        await world.peer.until(lambda: bool(world.peer.statuses))

    assert world.peer.sessions == enrolled + 1
    assert world.peer.statuses[0].connections[0]["name"] == "huge"


async def test_status_is_sent_when_it_changes_and_only_then(world: World) -> None:
    async with world.running() as link:
        await world.peer.until(lambda: bool(world.peer.statuses))
        link.status_changed()
        world.status.shown = [{"connection": "erp", "state": "running"}]
        link.status_changed()
        await world.peer.until(lambda: len(world.peer.statuses) == 2)

    assert [s.connections[0]["state"] for s in world.peer.statuses] == ["idle", "running"]


async def test_drain_waits_for_the_acks_of_what_was_sent(world: World) -> None:
    for _ in range(4):
        world.outbox.add("erp/vendors", b"y" * 200_000)
    async with world.running() as link:
        await world.peer.until(lambda: len(world.peer.stored) >= 1)
        await link.drain(2)

        assert world.outbox.acked["erp/vendors"] == world.peer.stored[-1].seq
        assert link.state.phase is LinkPhase.STOPPED


async def test_a_draining_relay_is_left_and_found_again(world: World) -> None:
    async with world.running():
        await world.peer.until(lambda: bool(world.peer.statuses))
        await world.peer.send(draining=True)
        await world.peer.until(lambda: world.peer.sessions == 3)


async def test_a_used_code_enrols_nobody_else(world: World) -> None:
    from agent.errors import CredentialsRefused

    other = World(world.state_dir.parent / "other", world.authority, Peer())
    other.url = world.url
    with pytest.raises(CredentialsRefused):
        await other.enroll()
    assert not (other.state_dir / "identity.json").exists()


async def test_an_enrolment_whose_answer_was_lost_keeps_its_key(world: World) -> None:
    from agent.errors import CredentialsRefused

    other = World(world.state_dir.parent / "other", world.authority, Peer())
    other.url = world.url
    with pytest.raises(CredentialsRefused):
        await other.enroll()
    first = other.store.load_pending()
    world.peer.codes[other.code.id] = other.code

    identity = await other.enroll()

    assert first is not None
    assert identity.public_key == first.key.public_key().public_bytes_raw()
    assert other.store.load_pending() is None


class Slow(Peer):
    """Takes batches and stores none of them."""

    def _act(self, event: RelayEvent, session: RelaySession, now: float) -> None:
        if isinstance(event, BatchReceived):
            self.received += 1
        else:
            super()._act(event, session, now)


async def test_while_the_relay_stores_nothing_the_agent_holds_its_batches_and_answers_commands(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, Authority.make(tmp_path), Slow(credit=3))
    async with listening(world.peer, world.authority.server_context()) as port:
        world.url = f"wss://localhost:{port}"
        await world.enroll()
        for _ in range(20):
            world.outbox.add("erp/vendors", b"x" * 100_000)
        world.peer.commands = [Command("c1", "sync", {}, "2026-01-05T12:00:00Z")]

        async with world.running() as link:
            await world.peer.until(lambda: world.peer.received == 3)
            await world.sink.happened.wait()
            began = SystemClock().monotonic()
            await link.send_result(Result("c1", "succeeded", {}))
            await world.peer.until(lambda: bool(world.peer.results))

            assert SystemClock().monotonic() - began < 2
            assert world.peer.received == 3


@pytest.mark.parametrize(
    ("acks", "sessions"),
    [
        pytest.param([("erp/vendors", 3), ("erp/vendors", 3)], 1, id="repeated"),
        pytest.param([("erp/vendors", 1), ("erp/vendors", 2)], 1, id="of-an-older-one"),
        pytest.param([("erp/vendors", 4)], 2, id="of-one-that-was-never-sent"),
        pytest.param([("erp/orders", 1)], 2, id="of-a-stream-that-was-never-sent"),
        pytest.param([("erp/vendors", 2**53 - 1)], 2, id="of-the-last-number-there-is"),
    ],
)
async def test_an_ack_that_says_nothing_new_is_ignored_and_one_of_something_unknown_ends_the_session(
    world: World, acks: list[tuple[str, int]], sessions: int
) -> None:
    enrolled = world.peer.sessions
    for _ in range(3):
        world.outbox.add("erp/vendors")
    async with world.running():
        await world.outbox.all_acked()
        for stream, seq in acks:
            await world.peer.live[-1].send(f'{{"type":"ack","stream":"{stream}","seq":{seq}}}')
        await world.peer.until(lambda: world.peer.sessions >= enrolled + sessions)
        world.outbox.add("erp/vendors")
        await world.outbox.all_acked()

    assert world.peer.sessions == enrolled + sessions
    assert [batch.seq for batch in world.peer.stored] == [1, 2, 3, 4]


async def test_an_ack_of_an_earlier_session_settles_nothing_in_the_next_one(world: World) -> None:
    """Of a batch that was on its way when the line broke, and has not been sent again yet."""
    world.peer.credit, world.peer.swallow_acks = 1, 1
    enrolled = world.peer.sessions
    for _ in range(3):
        world.outbox.add("erp/vendors")
    original, sent = world.peer._act, []

    def early(event: RelayEvent, session: RelaySession, now: float) -> None:
        original(event, session, now)
        if isinstance(event, Confirmed) and world.peer.sessions == enrolled + 2 and not sent:
            sent.append(session)
            session._send(Ack("erp/vendors", 3))

    world.peer._act = early  # type: ignore[method-assign]
    async with world.running():
        await world.outbox.all_acked()

    assert len(sent) == 1
    assert world.peer.sessions == enrolled + 3
    assert [batch.seq for batch in world.peer.stored] == [1, 2, 3]
