"""The link to the relay: connects, keeps the connection alive, sends what is pending, and does so for ever."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import structlog

from agent.clock import Clock, wait_at_most
from agent.errors import GroundwireError, IdentityRefused, NeedsPersonError, Throttled
from agent.identity import Identity, IdentityStore
from agent.protocol.events import HeldBack
from agent.protocol.faults import PROTOCOL_MAX, PROTOCOL_MIN
from agent.protocol.frames import Hello, Result
from agent.protocol.session import AgentSession
from agent.telemetry.outages import Outage
from agent.telemetry.spans import Nowhere, SpanSink
from agent.tunnel.connection import Connection, Parts, unsaid
from agent.tunnel.endpoint import Endpoint
from agent.tunnel.feed import Gate, always
from agent.tunnel.ports import BatchQueue, CommandSink, StatusProvider
from agent.tunnel.reconnect import Backoff
from agent.tunnel.refusals import printable
from agent.tunnel.results import ResultBox
from agent.tunnel.transport import CLOSE_NORMAL, Channel, open_channel

CAPABILITIES: Final = ("records", "tombstones", "dead_letters", "run", "commands", "connections_refused")
DRAIN_SECONDS: Final = 20.0  # leaves 5 of the 25 s that a whole shutdown may take

Opener = Callable[[Endpoint], Awaitable[Channel]]
_RANDOM: Final = secrets.SystemRandom()  # agents that start together must not retry together
log = structlog.get_logger(__name__)


class LinkPhase(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"  # until `retry_at`
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class LinkState:
    """For `groundwire status`."""

    phase: LinkPhase
    since: datetime
    last_ack: datetime | None = None
    retry_at: datetime | None = None
    failures: int = 0  # tries in a row that did not last
    away_since: datetime | None = None  # when the first of them failed
    error_code: str = ""  # of the last failure, empty while connected
    error: str = ""
    hint: str = ""
    held_back: tuple[str, ...] = ()  # connections whose batches the relay does not take
    held_back_reason: str = ""  # in the relay's words
    beats_answered: int = 0  # heartbeats of the session that is open
    certificate_ends: datetime | None = None  # of the one that the relay showed last


class Link:
    """`run` ends when drained, and raises only what a retry cannot mend: IdentityRefused."""

    def __init__(
        self,
        endpoint: Endpoint,
        identities: IdentityStore,
        queue: BatchQueue,
        *,
        sink: CommandSink,
        status: StatusProvider,
        clock: Clock,
        software: str,
        opener: Opener = open_channel,
        fraction: Callable[[], float] = _RANDOM.random,
        gate: Gate = always,
        health: Callable[[], Mapping[str, Any] | None] = unsaid,
        spans: SpanSink | None = None,
        hold_back: Callable[[frozenset[str]], None] = lambda _: None,
        configured: Callable[[], Sequence[str] | None] = lambda: None,
    ) -> None:
        """`gate`: under which policy batches may be sent now; None while none may. `health`: see agent/health.py.

        `hold_back` is told of which connections the relay takes no batches; `configured`: every connection that the
        configuration names, whether or not it can run.
        """
        self.endpoint = endpoint  # a changed one counts from the next connection on
        self._identities = identities
        self._clock = clock
        self._software = software
        self._opener = opener
        self._fraction = fraction
        self._results = ResultBox()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._drain_seconds = DRAIN_SECONDS
        self._connection: Connection | None = None
        self._opened_at: float | None = None
        self._outage = Outage()
        self._state = LinkState(LinkPhase.CONNECTING, clock.utcnow())
        self._hold_back = hold_back
        self._parts = Parts(
            clock=clock,
            queue=queue,
            sink=sink,
            status=status,
            identities=identities,
            results=self._results,
            stopping=self._stopping,
            drain_seconds=lambda: self._drain_seconds,
            opened=self._note_opened,
            acked=self._note_acked,
            held_back=self._note_held_back,
            configured=configured,
            gate=gate,
            health=health,
            spans=spans or Nowhere(),
        )

    @property
    def state(self) -> LinkState:
        beats = 0 if self._connection is None else self._connection.beats_answered
        return replace(self._state, beats_answered=beats)

    async def run(self) -> None:
        backoff = Backoff()
        try:
            while not self._stopping.is_set():
                self._become(LinkPhase.CONNECTING)
                error = await self._one_connection()
                if self._stopping.is_set():
                    return
                wish = error.retry_after if isinstance(error, Throttled) else 0.0
                backoff = backoff.after(self._held_seconds(), appointed=wish > 0)
                await self._pause(backoff, error, wish)
        finally:
            self._become(LinkPhase.STOPPED)
            self._ended.set()

    async def send_result(self, result: Result) -> None:
        """Hand over a command's result; it is kept until the relay has acked it."""
        await self._results.put(result)
        if self._connection is not None:
            self._connection.poke()

    def status_changed(self) -> None:
        if self._connection is not None:
            self._connection.poke()

    async def drain(self, limit_seconds: float = DRAIN_SECONDS) -> None:
        """Send nothing new, wait for the acks of what is on its way, and end `run`."""
        self._drain_seconds = limit_seconds
        self._stopping.set()
        await self._ended.wait()

    async def _one_connection(self) -> GroundwireError | None:
        self._opened_at = None
        try:
            identity = await asyncio.to_thread(self._identities.load)
            channel = await self._open_unless_stopped()
            if channel is None:
                return None
            await self._converse(channel, identity)
        except IdentityRefused as error:
            self._note_failed(error)
            raise
        except GroundwireError as error:
            return error
        return None

    async def _open_unless_stopped(self) -> Channel | None:
        opening = asyncio.ensure_future(self._opener(self.endpoint))
        stopping = asyncio.ensure_future(self._stopping.wait())
        taken = False
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            taken = opening.done()
            return opening.result() if taken else None
        finally:
            opening.cancel()
            stopping.cancel()
            opened, _ = await asyncio.gather(opening, stopping, return_exceptions=True)
            if not taken and not isinstance(opened, BaseException):
                await opened.close(CLOSE_NORMAL)

    async def _converse(self, channel: Channel, identity: Identity) -> None:
        hello = Hello(
            PROTOCOL_MIN, PROTOCOL_MAX, identity.agent, identity.epoch, self._software, CAPABILITIES
        )
        session = AgentSession(hello, sign=identity.sign, now=self._clock.monotonic())
        self._state = replace(self._state, certificate_ends=channel.certificate_ends)
        self._connection = Connection(self._parts, channel, session, identity)
        try:
            await self._connection.run()
        finally:
            self._connection = None

    async def _pause(self, backoff: Backoff, error: GroundwireError | None, wish: float) -> None:
        patient = isinstance(error, NeedsPersonError)
        seconds = backoff.delay(self._fraction(), retry_after=wish, patient=patient)
        if error is not None:
            self._note_failed(error)
        self._become(
            LinkPhase.WAITING,
            retry_at=self._clock.utcnow() + timedelta(seconds=seconds),
            failures=backoff.failures,
        )
        await wait_at_most(self._stopping, seconds, self._clock)

    def _held_seconds(self) -> float:
        return 0.0 if self._opened_at is None else self._clock.monotonic() - self._opened_at

    def _note_opened(self, identity: Identity) -> None:
        self._opened_at = self._clock.monotonic()
        if self._state.held_back:  # a relay that holds something back says so again
            self._note_held_back(HeldBack(frozenset(), ""))
        self._become(LinkPhase.CONNECTED, error_code="", error="", hint="", failures=0, away_since=None)
        log.info(
            "relay_connected",
            relay=self.endpoint.authority,
            agent=identity.agent,
            epoch=identity.epoch,
            **self._outage.over(self._clock.utcnow()),
        )

    def _note_acked(self) -> None:
        self._state = replace(self._state, last_ack=self._clock.utcnow())

    def _note_held_back(self, told: HeldBack) -> None:
        names = tuple(sorted(told.connections))
        reason = printable(told.reason) if names else ""
        if names != self._state.held_back:
            log.warning(
                "connections_refused" if names else "connections_taken", connections=names, reason=reason
            )
        self._state = replace(self._state, held_back=names, held_back_reason=reason)
        self._hold_back(told.connections)

    def _note_failed(self, error: GroundwireError) -> None:
        if self._outage.is_news(error.code, self._clock.utcnow()):
            log.warning(
                "relay_unavailable",
                relay=self.endpoint.authority,
                code=error.code,
                error=str(error),
                hint=error.hint,
            )
        self._state = replace(
            self._state,
            error_code=error.code,
            error=str(error),
            hint=error.hint,
            away_since=self._outage.since,
        )

    def _become(
        self,
        phase: LinkPhase,
        *,
        retry_at: datetime | None = None,
        **changes: str | int | None,
    ) -> None:
        since = self._state.since if phase is self._state.phase else self._clock.utcnow()
        self._state = replace(self._state, phase=phase, since=since, retry_at=retry_at, **changes)  # type: ignore[arg-type]
