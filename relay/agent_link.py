"""One connected agent: moves messages between its websocket and its session, and acts on what the session reports.

What is said and when is decided in `agent.protocol`; what is stored, in `ingest` and the store.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from secrets import token_bytes
from typing import Final, Protocol

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State

from agent.clock import Clock
from agent.errors import GroundwireError
from agent.protocol.events import (
    AgentProved,
    BatchReceived,
    Confirmed,
    DrainStarted,
    EnrollProved,
    LinkDead,
    RelayEvent,
    ResultReceived,
    StatusReceived,
)
from agent.protocol.faults import MAX_BATCH_BYTES, ProtocolFault
from agent.protocol.frames import Batch, Hello, Status
from agent.protocol.pace import BytePace, cost_of_part
from agent.protocol.parts import PART_BYTES, parts_of
from agent.protocol.relay_session import is_ahead
from agent.protocol.session import KnownAgent, RelaySession
from agent.telemetry.context import told_of_run
from agent.websockets import next_message
from relay.acting import Actor, ActorKind, now_acting
from relay.agent_commands import AgentCommands
from relay.credits import Credits
from relay.ids import new_id
from relay.ingest import Ingest, examine
from relay.members import Members, Own
from relay.observing import Observer, Settled, Word
from relay.pricing import default_prices
from relay.settings import Gateway as GatewaySettings
from relay.statuses import connection_statuses
from relay.store.base import (
    Agent,
    Appended,
    AppendOutcome,
    Enrolment,
    NewBatch,
    Store,
)
from relay.usage import Prices
from relay.watch import CommandWatch

log = structlog.get_logger()

NONCE_BYTES: Final = 32
UNREAD_FRAMES: Final = 256  # for an agent that does not read them; above it, it is not read either
LAST_WORDS_SECONDS: Final = 5.0  # to write what is left when a session ends
SUPERSEDED_RETRY_SECONDS: Final = 60.0  # two agents with one identity must not chase each other
DISABLED_RETRY_SECONDS: Final = 300.0  # what an agent of a disabled tenant has stays with it meanwhile
_STORED: Final = (AppendOutcome.APPENDED, AppendOutcome.REPEATED)


class Presence(Protocol):
    """Who is connected; a newer link takes the place of an older one."""

    def arrived(self, link: AgentLink) -> None: ...
    def left(self, link: AgentLink) -> None: ...


class AgentLink:
    def __init__(
        self,
        socket: ServerConnection,
        *,
        relay: str,
        settings: GatewaySettings,
        store: Store,
        ingest: Ingest,
        presence: Presence,
        members: Members,
        waiters: CommandWatch,
        clock: Clock,
        observer: Observer | None = None,
        prices: Prices | None = None,
    ) -> None:
        self._observer = observer or Observer()
        self._credits = Credits(store.engine, prices or default_prices())
        self.agent: Agent | None = None  # once it has proved who it is
        self._socket = socket
        self._settings = settings
        self._store = store
        self._ingest = ingest
        self._presence = presence
        self._members = members
        self._clock = clock
        self._session = RelaySession(
            relay=relay,
            nonce=token_bytes(NONCE_BYTES),
            now=clock.monotonic(),
            heartbeat_seconds=settings.heartbeat_seconds,
        )
        self._to_store: asyncio.Queue[Batch] = asyncio.Queue()  # bounded by credit
        self._unstored = 0
        self._draining = False
        self._closing = CloseCode.NORMAL_CLOSURE  # what the websocket is closed with
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._written = asyncio.Event()
        self._pace = BytePace(settings.agent_bytes_per_second)
        self._spent = 0  # of what came since the last pause
        self.id = new_id("ses", clock.utcnow())
        self.own: Own | None = None  # once it is confirmed
        self._log = log.bind(session=self.id)
        self._commands = AgentCommands(
            self._session,
            self.id,
            store=store,
            waiters=waiters,
            observer=self._observer,
            clock=clock,
            wake=self._wake.set,
        )

    async def run(self) -> None:
        """Until the session or the socket ends."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work, name=name)
                    for name, work in (
                        ("write", self._write()),
                        ("watch", self._watch()),
                        ("store", self._store_all()),
                        ("progress", self._keep_progress()),
                    )
                ]
                await self._read()
                await self._last_words()
                for task in tasks:
                    task.cancel()
        finally:
            self._session.close()
            await self._leave()

    def end(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        self._session.refuse(code, message, retry_after=retry_after)
        self._wake.set()

    def supersede(self) -> None:
        self.end("superseded", "this identity connected anew", retry_after=SUPERSEDED_RETRY_SECONDS)

    def drain(self) -> None:
        """Ask the agent to finish; one that is still shaking hands is asked as soon as it is in."""
        self._draining = True
        if self._session.open:
            self._session.send_draining()
            self._wake.set()

    async def send_command(self, command: str) -> bool:
        """False: not now; it is sent when the agent is back, unless it has been sent already."""
        return self._session.open and await self._commands.send(self._known(), command)

    async def _read(self) -> None:
        try:
            while not self._session.closed:
                message = await next_message(self._socket, self._part_came)
                events = self._session.receive(message, self._clock.monotonic())
                self._still_here()
                self._wake.set()
                for event in events:
                    await self._act(event)
                await self._hold_back()
        except ConnectionClosed:
            pass
        except ProtocolFault as fault:
            self._closing = CloseCode.PROTOCOL_ERROR
            self._log.warning("protocol_broken", fault=fault.code, error=fault.message)
        except GroundwireError as error:
            self._fail(error)

    def _still_here(self) -> None:
        if self._session.still_here(self._clock.monotonic()):
            self._wake.set()

    def _part_came(self, size: int) -> None:
        """A short message may be the heartbeat that is due; within a long one there is none."""
        within_long = size >= PART_BYTES or self._spent > 0  # nothing is spent before a first part
        self._spent += cost_of_part(size)
        if within_long:
            self._still_here()
        else:
            self._session.heard(self._clock.monotonic())

    async def _hold_back(self) -> None:
        """Read no more while the disk, this agent's share of the line, or what it has not read yet says so."""
        while self._unstored and self._ingest.full and self._connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.heartbeat_seconds / 2):
                    await self._ingest.room()
            self._still_here()
        while self._session.waiting_to_send > UNREAD_FRAMES and self._connected:
            self._written.clear()
            await self._written.wait()
            self._session.heard(self._clock.monotonic())  # it reads, and what it says is not read here
        await self._pause(self._pace.spend(self._spent, self._clock.monotonic()))
        self._spent = 0

    async def _pause(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0 and self._connected:
            await self._clock.sleep(min(left, self._settings.heartbeat_seconds / 2))
            self._still_here()

    @property
    def _connected(self) -> bool:
        return self._socket.state is State.OPEN

    async def _act(self, event: RelayEvent) -> None:
        match event:
            case AgentProved():
                await self._admit(event.hello)
            case EnrollProved():
                await self._enrol(event)
            case Confirmed():
                await self._confirmed(event.epoch)
            case BatchReceived():
                self._unstored += 1
                self._to_store.put_nowait(event.batch)
            case ResultReceived():
                await self._commands.answered(self._known(), event.result)
            case StatusReceived():
                await self._told(event.status)
            case DrainStarted():
                self._log.info("agent_draining")
            case LinkDead():
                pass
        self._wake.set()

    async def _told(self, status: Status) -> None:
        agent, now = self._known(), self._clock.utcnow()
        statuses = connection_statuses(status.connections)
        await self._store.save_connections(agent, statuses, now)
        self._observer.told(Word(agent, statuses, status.health))
        if await self._credits.told(agent, statuses, status.configured, now, refusable=self._knows_refusals):
            await self.look_again()

    @property
    def _knows_refusals(self) -> bool:
        return "connections_refused" in self._session.capabilities

    async def look_again(self) -> None:
        """The tenant may have been disabled, the agent revoked, and connections be refused or taken again."""
        async with self._looking:  # one after the other: what was seen first must not be said last
            if self.agent is None or not self._session.live:
                return
            found = await self._store.agent(self.agent.id)
            if found is not None and found.tenant_disabled_at is not None:
                self._end_disabled()
            elif found is not None and found.lineage != self.agent.lineage:
                # At another relay, too, where nobody but the store says so.
                self.end("identity_refused", "this agent was revoked, or enrolled anew")
            elif self._knows_refusals:
                held_back = await self._credits.try_again(self.agent, self._clock.utcnow())
                if self._session.live:
                    self._session.hold_back(held_back.names, held_back.reason)
                    self._wake.set()

    def _end_disabled(self) -> None:
        self.end("tenant_disabled", "the tenant is disabled at the relay", retry_after=DISABLED_RETRY_SECONDS)

    async def _admit(self, hello: Hello) -> None:
        known = await self._store.agent(hello.agent)
        kept = None if known is None else KnownAgent(known.public_key, known.epoch, known.pending_epoch)
        pending = self._session.authenticate(kept)
        if known is None or pending is None:
            self._log.warning("agent_refused", agent=hello.agent)
            self._observer.turned_away("identity")
            return
        if known.tenant_disabled_at is not None:
            self._end_disabled()
            return
        now_acting(Actor(ActorKind.AGENT, known.id, _address(self._socket), known.tenant))
        if kept is not None and is_ahead(hello.epoch, kept):
            self._log.warning("agent_ahead_of_store", agent=known.id, epoch=hello.epoch, known=known.epoch)
        if not await self._members.offer(known, hello.epoch, pending):
            self.end("going_away", "this identity connects twice at once", retry_after=1.0)
            return
        self.agent = known
        self._log = self._log.bind(agent=known.id, tenant=known.tenant)
        self._presence.arrived(self)
        ends = await self._store.stream_ends(known)
        self._session.send_welcome(
            session=self.id,
            positions={stream: end.seq for stream, end in ends.items()},
            hashes={stream: end.hash for stream, end in ends.items()},
            credit=self._settings.credit_batches,
            now=self._clock.monotonic(),
        )
        await self._store.saw_agent(known.id, hello.software, self._clock.utcnow())
        self._allow_batches()

    def _allow_batches(self) -> None:
        # Until now a peer could be anybody, and was held to control frames.
        self._socket.protocol.max_message_size = MAX_BATCH_BYTES

    async def _enrol(self, event: EnrollProved) -> None:
        now = self._clock.utcnow()
        code = await self._store.code(event.enroll.code_id, now)
        if not self._session.check_code(None if code is None else code.verifier):
            self._log.warning("code_refused", code=event.enroll.code_id)
            self._observer.turned_away("code")
            return
        enroll = event.enroll
        now_acting(Actor(ActorKind.CODE, enroll.code_id, _address(self._socket)))
        wanted = Enrolment(new_id("agt", now), enroll.name, self._session.public_key, enroll.software)
        agent = await self._store.enrol(enroll.code_id, wanted, now)
        if agent is None:
            self.end("code_refused", "the code is wrong, used or too old")
            return
        self._session.send_enrolled(agent=agent.id, tenant=agent.tenant)
        self._log.info("agent_enrolled", agent=agent.id, tenant=agent.tenant)

    async def _confirmed(self, epoch: int) -> None:
        agent = self._known()
        own = Own(agent, epoch, self.id)
        if not await self._members.confirm(own):
            self.supersede()
            return
        self.own = own
        self._log.info("agent_connected", epoch=epoch)
        if self._draining:
            self.drain()
            return
        await self.look_again()
        await self._commands.send_waiting(agent)

    async def _keep_progress(self) -> None:
        try:
            await self._commands.keep_progress()
        except GroundwireError as error:
            self._fail(error)

    def _fail(self, error: GroundwireError) -> None:
        self._log.error("session_failed", code=error.code, error=str(error), hint=error.hint)
        self.end("internal", "the relay cannot serve this session now", retry_after=10.0)

    def _known(self) -> Agent:
        if self.agent is None:
            raise GroundwireError("A frame that needs an identity came before one.")
        return self.agent

    def _epoch(self) -> int:
        if self.own is None:
            raise GroundwireError("A batch came before its session was confirmed.")
        return self.own.epoch

    async def _store_all(self) -> None:
        while True:
            batch = await self._to_store.get()
            # What waits here ends with the session; in the ingest's queue each reconnection would leave another.
            await self._ingest.room()
            new = await examine(self._new_batch(batch))
            self._ingest.submit(new).add_done_callback(partial(self._stored, new, batch.enqueued_at))

    def _new_batch(self, batch: Batch) -> NewBatch:
        agent = self._known()
        return NewBatch(
            tenant=agent.tenant,
            agent=agent.id,
            lineage=agent.lineage,
            epoch=self._epoch(),
            stream=batch.stream,
            entity=batch.entity,
            run=batch.run,
            kind=batch.kind,
            seq=batch.seq,
            prev=batch.prev,
            count=batch.count,
            hash=batch.hash,
            payload=batch.payload,
            received_at=self._clock.utcnow(),
        )

    def _stored(self, batch: NewBatch, enqueued_at: str, done: asyncio.Future[Appended]) -> None:
        self._unstored -= 1
        if not done.cancelled() and done.exception() is None:
            self._observer.settled(Settled(batch, done.result().outcome, enqueued_at))
        if done.cancelled() or done.exception() is not None:
            self.end("internal", "the batch could not be stored", retry_after=10.0)
        elif (outcome := done.result().outcome) in _STORED:
            if batch.damaged and outcome is AppendOutcome.APPENDED:
                self._log.error(
                    "batch_quarantined",
                    stream=batch.stream,
                    seq=batch.seq,
                    reason=batch.damaged,
                    **told_of_run(batch.run),
                )
            self._session.acknowledge(batch.stream, batch.seq)
            self._session.grant(1)
        elif outcome is AppendOutcome.SUPERSEDED:
            self.supersede()
        else:
            told = {"stream": batch.stream, "seq": batch.seq, **told_of_run(batch.run)}
            self._log.warning("batch_not_appended", outcome=outcome.value, **told)
            self.end(
                outcome.value, f"{batch.stream} {batch.seq} does not follow what is stored", retry_after=5.0
            )
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self._flush():
                return
            if self._session.closed:
                await self._socket.close(self._closing)
                return

    async def _flush(self) -> bool:
        async with self._writing:
            try:
                for message in self._session.messages_to_send():
                    await self._socket.send(parts_of(message) or message)
                    self._written.set()
            except ConnectionClosed:
                return False
            finally:
                self._written.set()
            return True

    async def _watch(self) -> None:
        """Ends the session when the agent has been silent for too long."""
        while (deadline := self._session.next_deadline()) is not None:
            # Looked at again each interval: with the welcome the deadline comes nearer.
            left = min(deadline - self._clock.monotonic(), self._settings.heartbeat_seconds)
            await self._clock.sleep(max(left, 0.01))
            for dead in self._session.tick(self._clock.monotonic()):
                self._log.info("link_dead", silent_seconds=round(dead.silent_seconds, 1))
                self._socket.transport.abort()

    async def _last_words(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._flush()
                await self._socket.close(self._closing)
        except TimeoutError:
            self._socket.transport.abort()

    async def _leave(self) -> None:
        if self.agent is None:
            return
        self._presence.left(self)
        await self._members.left(self.agent, self.id)
        self._log.info("agent_disconnected")

    def __repr__(self) -> str:
        return f"AgentLink({self.agent.id if self.agent else 'unknown'}, {self._session.phase})"


def _address(socket: ServerConnection) -> str:
    remote = getattr(socket, "remote_address", None)
    return str(remote[0]) if remote else ""
