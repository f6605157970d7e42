"""One connection to the relay, from its handshake to its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from agent.clock import Clock, wait_at_most
from agent.errors import GroundwireError, StorageFull, Unreachable
from agent.identity import Identity, IdentityStore
from agent.model.run import rfc3339
from agent.outbox.journal import JournalFull
from agent.protocol.events import (
    Acked,
    AgentEvent,
    CommandReceived,
    GapReported,
    HeldBack,
    LinkDead,
    Refused,
    RelayDraining,
    ResultAcked,
    Warned,
    Welcomed,
)
from agent.protocol.faults import ProtocolFault
from agent.protocol.frames import Command
from agent.protocol.session import AgentSession
from agent.telemetry.deliveries import DeliveryTrace
from agent.telemetry.spans import Nowhere, SpanSink
from agent.tunnel.feed import BatchFeed, Gate, always
from agent.tunnel.ports import BatchQueue, CommandSink, StatusProvider
from agent.tunnel.refusals import translate_refusal
from agent.tunnel.results import ResultBox
from agent.tunnel.statuses import configured_frames, health_frames, status_frames
from agent.tunnel.transport import CLOSE_NORMAL, CLOSE_PROTOCOL, Channel
from agent.unbroken import to_its_end

FULL_DISK_SECONDS: Final = 5.0  # between attempts to note an ack or a command while the disk is full
WAITING_COMMANDS: Final = 64  # received and not yet taken by the sink; beyond it the relay is held back

log = structlog.get_logger(__name__)


def unsaid() -> None:
    """The health of an agent that does not say."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What every connection of one link shares."""

    clock: Clock
    queue: BatchQueue
    sink: CommandSink
    status: StatusProvider
    identities: IdentityStore
    results: ResultBox
    stopping: asyncio.Event
    drain_seconds: Callable[[], float]
    opened: Callable[[Identity], None]
    acked: Callable[[], None]
    held_back: Callable[[HeldBack], None]
    configured: Callable[[], Sequence[str] | None]
    gate: Gate = always
    health: Callable[[], Mapping[str, Any] | None] = unsaid  # the same object until there is something new
    spans: SpanSink = field(default_factory=Nowhere)


class _Ended(Exception):
    """Nothing is left to do on this connection: how its tasks end together."""


class Connection:
    """`run` returns when drained and raises a GroundwireError otherwise.

    One task reads, one writes, one watches the time; all meet in the session, which never waits.
    """

    def __init__(self, parts: Parts, channel: Channel, session: AgentSession, identity: Identity) -> None:
        self._parts = parts
        self._channel = channel
        self._session = session
        self._identity = identity
        self._where = f"relay {identity.relay_url}"
        self._deliveries = DeliveryTrace(parts.spans, parts.clock)
        self._feed = BatchFeed(parts.queue, session, parts.gate, self._deliveries.sent)
        self._wake = asyncio.Event()  # for the writer
        self._timing = asyncio.Event()  # for the ticker: the next deadline may be sooner than it thinks
        self._leaving = asyncio.Event()
        self._acks: dict[str, int] = {}
        self._acks_waiting = asyncio.Event()
        self._settling = False
        self._commands: asyncio.Queue[Command] = asyncio.Queue(WAITING_COMMANDS)
        self._status_sent = ""
        self._status_due = True
        self._health_sent: Mapping[str, Any] | None = None

    async def run(self) -> None:
        # In a task of its own: a group one of whose tasks fails drops a cancellation that comes in the same moment.
        together = asyncio.ensure_future(self._run_together())
        try:
            await asyncio.wait({together})
        except asyncio.CancelledError:
            together.cancel()
            await asyncio.gather(together, return_exceptions=True)
            raise
        together.result()

    async def _run_together(self) -> None:
        error: GroundwireError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for work in (
                    self._read,
                    self._write,
                    self._watch_time,
                    self._watch_outbox,
                    self._watch_leaving,
                    self._settle_acks,
                    self._take_commands,
                ):
                    group.create_task(work(), name=f"tunnel{work.__name__}")
        except* _Ended:
            pass
        except* GroundwireError as errors:
            error = _first(errors)
        finally:
            self._session.close()
            await self._channel.close(CLOSE_PROTOCOL if isinstance(error, ProtocolFault) else CLOSE_NORMAL)
        if error is not None:
            raise error

    @property
    def beats_answered(self) -> int:
        return self._session.beats_answered

    def poke(self) -> None:
        """There is a result to send, or the status may have changed."""
        self._status_due = True
        self._wake.set()

    async def _read(self) -> None:
        while True:
            message = await self._channel.receive(self._heard)
            for event in self._session.receive(message, self._parts.clock.monotonic()):
                await self._handle(event)
            self._wake.set()
            self._timing.set()

    async def _handle(self, event: AgentEvent) -> None:  # noqa: C901 - one line per event is the clearest table
        match event:
            case Welcomed():
                await self._welcomed(event)
            case Acked(stream, seq):
                self._deliveries.acked(stream, seq)
                self._acks[stream] = seq
                self._acks_waiting.set()
            case GapReported(stream, last):
                self._feed.gap(stream, last)
            case CommandReceived(command):
                await self._commands.put(command)
            case ResultAcked(command_id, state):
                if self._parts.results.settle(command_id, state):
                    await self._parts.sink.result_acked(command_id, state)
            case RelayDraining():
                self._leaving.set()
            case HeldBack():
                self._parts.held_back(event)
                self._feed.taken_again()
            case Refused(error):
                raise translate_refusal(error, self._where)
            case Warned(error):
                log.warning("relay_warned", code=error.code)
            case _:
                pass

    async def _welcomed(self, event: Welcomed) -> None:
        # Durable before `confirm`: an epoch that the relay counts on and the agent forgot would shut it out.
        renewed = self._identity.with_epoch(event.welcome.epoch)
        await to_its_end(asyncio.to_thread(self._parts.identities.save, renewed))  # the file is old or new
        self._parts.opened(renewed)
        await self._feed.begin(event.positions, event.hashes)
        self._parts.results.begin_session()
        if not self._session.closed:
            self._session.confirm(self._parts.clock.monotonic())

    async def _write(self) -> None:
        while True:
            self._wake.clear()
            self._queue_reports()
            await self._flush()
            if self._finished():
                raise _Ended
            if not await self._feed.queue_next():
                await self._wake.wait()

    async def _flush(self) -> None:
        for message in self._session.messages_to_send():
            await self._channel.send(message)

    def _heard(self) -> None:
        self._session.heard(self._parts.clock.monotonic())

    def _queue_reports(self) -> None:
        if not self._session.live:
            return
        for result in self._parts.results.take_unsent():
            self._session.send_result(result)
        if self._status_due:
            self._status_due = False
            self._queue_status()
            self._queue_health()

    def _queue_status(self) -> None:
        connections = self._parts.status.connections()
        configured = self._parts.configured()
        shown = json.dumps([connections, configured], sort_keys=True, default=str)
        if shown == self._status_sent:
            return
        self._status_sent = shown
        for frame in [*status_frames(connections), *configured_frames(configured)]:
            self._session.send_status(frame)

    def _queue_health(self) -> None:
        health = self._parts.health()
        if health is None or health is self._health_sent:
            return
        self._health_sent = health
        ends = self._channel.certificate_ends
        certificates = {} if ends is None else {"relay": rfc3339(ends)}
        for frame in health_frames(health, rfc3339(self._parts.clock.utcnow()), certificates):
            self._session.send_status(frame)

    def _finished(self) -> bool:
        return (
            self._session.draining and self._session.in_flight == 0 and not self._acks and not self._settling
        )

    async def _watch_time(self) -> None:
        clock = self._parts.clock
        while (deadline := self._session.next_deadline()) is not None:
            self._timing.clear()
            await wait_at_most(self._timing, deadline - clock.monotonic(), clock)
            for event in self._session.tick(clock.monotonic()):
                if isinstance(event, LinkDead):
                    raise self._silent(event)
            self.poke()

    def _silent(self, dead: LinkDead) -> Unreachable:
        doing = "answer the handshake" if dead.handshake else "say anything"
        return Unreachable(f"the relay did not {doing} for {dead.silent_seconds:.0f} s", where=self._where)

    async def _watch_outbox(self) -> None:
        while True:
            await self._parts.queue.changed.wait()
            self._parts.queue.changed.clear()
            self._feed.more()
            self._wake.set()

    async def _watch_leaving(self) -> None:
        """Send nothing new, wait for the acks of what is on its way, but not for ever."""
        await _either(self._parts.stopping, self._leaving)
        if not self._session.open:
            raise _Ended
        self._session.drain()
        self._wake.set()
        await self._parts.clock.sleep(self._parts.drain_seconds())
        log.warning("drain_cut_short", in_flight=self._session.in_flight)
        raise _Ended

    async def _settle_acks(self) -> None:
        """Apart from reading, so that acks that arrive during one commit share the next."""
        while True:
            await self._acks_waiting.wait()
            self._acks_waiting.clear()
            acks, self._acks, self._settling = self._acks, {}, True
            for stream, seq in acks.items():
                await self._settle_ack(stream, seq)
            self._settling = False
            self._parts.acked()
            self._wake.set()

    async def _settle_ack(self, stream: str, seq: int) -> None:
        """Note the ack. While the disk is full sending goes on, and this waits; the next session learns it anyhow."""
        told = False
        while True:
            try:
                await self._parts.queue.mark_acked(stream, seq)
            except StorageFull as error:
                if not told:
                    log.warning("ack_not_noted_yet", stream=stream, code=error.code, hint=error.hint)
                told = True
                if self._session.draining:
                    return
                await self._parts.clock.sleep(FULL_DISK_SECONDS)
            else:
                return

    async def _take_commands(self) -> None:
        while True:
            command = await self._commands.get()
            try:
                await self._take(command)
            except GroundwireError as error:
                # It stays with the relay, which sends it again in the next session until its deadline.
                log.warning("command_not_taken", command=command.id, code=error.code)
            except Exception as error:  # whatever a command holds, it must not end the agent
                log.exception("command_not_taken", command=command.id, error=type(error).__name__)

    async def _take(self, command: Command) -> None:
        """Once there is room to write it down: the relay does not send it again in a session that lives.

        Raises StorageFull or JournalFull where so many wait behind it that the acks which bring room would wait too.
        """
        told = False
        while True:
            try:
                await self._parts.sink.handle(command)
            except (StorageFull, JournalFull) as error:
                if self._commands.full() or self._session.draining:
                    raise
                if not told:
                    log.warning("command_waits_for_room", command=command.id, code=error.code)
                told = True
                await self._parts.clock.sleep(FULL_DISK_SECONDS)
            else:
                return


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    both = {asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


def _first(errors: BaseExceptionGroup[GroundwireError]) -> GroundwireError:
    found: BaseException = errors
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, GroundwireError)  # noqa: S101 - `except*` made the group of nothing else
    return found
