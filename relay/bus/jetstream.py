"""The bus between relay processes: one stream of NATS JetStream, kept short in age and size.

Inside the process everything goes through a `MemoryBus`, at once and also while NATS is away. Each process has one
ephemeral consumer of the whole stream and takes from it what others published. Whenever it cannot be sure to have
seen all of it (NATS was away, the stream is another one, a gap in the numbers) its subscribers are told that they
may have missed some, and look at the store. A stream that is gone is made again, and who made it announces from the
store what is waiting.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from agent.clock import Clock
from agent.errors import ConfigurationError
from relay.bus.base import MAX_HINT_BYTES, Hint, Hints
from relay.bus.memory import MemoryBus
from relay.bus.subjects import check_subject

log = structlog.get_logger()

MIB: Final = 1024 * 1024
STREAM_AGE_SECONDS: Final = 600.0  # what is older was looked for in the store long ago
STREAM_BYTES: Final = 64 * MIB
STREAM_MESSAGES: Final = 200_000
MAX_UNSENT: Final = 10_000  # hints that wait for NATS; the oldest give way
MAX_UNREAD: Final = 10_000  # hints that came and were not looked at; what is beyond shows as a gap
MAX_UNREAD_BYTES: Final = 16 * MIB
CONNECT_SECONDS: Final = 5.0
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0  # between attempts to reach NATS
HEARTBEAT_SECONDS: Final = 2.0  # of the consumer, when nothing else comes
SILENT_SECONDS: Final = 3 * HEARTBEAT_SECONDS  # then the consumer is taken for gone
PING_SECONDS: Final = 5
ORIGIN: Final = "Groundwire-Relay"
_STATUS: Final = "Status"  # the header of what JetStream itself says
_LAST_DELIVERED: Final = "Nats-Last-Consumer"
_DELIVERED_FIELD: Final = 6  # of the reply subject: $JS.ACK.stream.consumer.times.stream_seq.consumer_seq...


@dataclass(frozen=True, slots=True)
class NatsAccess:
    """Where NATS is, and the files with what it takes to sign in."""

    servers: tuple[str, ...]
    stream: str = "groundwire"  # its name, and the first part of every subject on the wire
    user: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    replicas: int = 1


class _Broken(Exception):
    """The consumer has to be made anew; the text says why."""


class JetStreamBus:
    def __init__(self, access: NatsAccess, *, relay: str, clock: Clock) -> None:
        """`relay`: this process's id, by which it knows its own hints when they come back."""
        self._access = access
        self._relay = relay
        self._clock = clock
        self._local = MemoryBus(clock)
        self._unsent: deque[tuple[str, bytes]] = deque(maxlen=MAX_UNSENT)
        self._to_send = asyncio.Event()
        self._delivered = 0  # by the consumer in use
        self.connected = False
        self._to_refill = False
        self.refill: Callable[[], Awaitable[None]] = _nothing  # announces from the store what waits there

    def publish(self, subject: str, data: Mapping[str, Any] | None = None) -> None:
        self._local.publish(subject, data)
        body = orjson.dumps(data or {})
        if len(body) > MAX_HINT_BYTES:
            raise ValueError(f"a hint about {subject} of {len(body)} bytes")
        self._unsent.append((f"{self._access.stream}.{check_subject(subject)}", body))
        self._to_send.set()

    def subscribe(self, pattern: str) -> AbstractContextManager[Hints]:
        return self._local.subscribe(pattern)

    async def run(self) -> None:
        pause, told = FIRST_PAUSE_SECONDS, ""
        while True:
            reached = asyncio.Event()
            error = await _end_of(asyncio.create_task(self._connect(reached), name="bus-connection"))
            if reached.is_set():
                pause, told = FIRST_PAUSE_SECONDS, ""
            reason = f"{type(error).__name__}: {error}"
            if reason != told:
                log.warning("bus_away", error=reason, servers=self._access.servers)
            told = reason
            self.connected = False
            await self._clock.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _connect(self, reached: asyncio.Event) -> None:
        async with self._client() as client:
            reached.set()
            await self._carry(client)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.connect(
                    list(self._access.servers),
                    name=self._relay,
                    allow_reconnect=False,  # `run` comes again for ever, and knows then what it may have missed
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=int(CONNECT_SECONDS),
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=1,
                    error_cb=_quietly,
                    **await asyncio.to_thread(_credentials, self._access),
                )
            yield client
        finally:
            with suppress(Exception):  # it is given up; whatever it says to that
                async with asyncio.timeout(CONNECT_SECONDS):
                    await client.close()

    async def _carry(self, client: Client) -> None:
        made = await self._ensure_stream(client)
        inbox = client.new_inbox()
        incoming = await client.subscribe(
            inbox, pending_msgs_limit=MAX_UNREAD, pending_bytes_limit=MAX_UNREAD_BYTES
        )
        await self._make_consumer(client, inbox)
        self._delivered = 0
        self.connected = True
        log.info("bus_connected", stream=self._access.stream, stream_made=made)
        self._local.deliver(Hint(""))
        self._to_refill |= made
        if self._to_refill:
            await self.refill()
            self._to_refill = False
        _heed_cancellation()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(client), name="bus-send")
                group.create_task(self._receive(incoming), name="bus-receive")
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors

    async def _ensure_stream(self, client: Client) -> bool:
        """True: there was none, so what it held is gone."""
        jetstream = client.jetstream(timeout=CONNECT_SECONDS)
        try:
            await jetstream.stream_info(self._access.stream)
        except NotFoundError:
            await jetstream.add_stream(
                StreamConfig(
                    name=self._access.stream,
                    subjects=[f"{self._access.stream}.>"],
                    retention=RetentionPolicy.LIMITS,
                    discard=DiscardPolicy.OLD,
                    max_age=STREAM_AGE_SECONDS,
                    max_bytes=STREAM_BYTES,
                    max_msgs=STREAM_MESSAGES,
                    storage=StorageType.MEMORY,
                    num_replicas=self._access.replicas,
                )
            )
            return True
        return False

    async def _make_consumer(self, client: Client, inbox: str) -> None:
        await client.jetstream(timeout=CONNECT_SECONDS).add_consumer(
            self._access.stream,
            ConsumerConfig(
                deliver_subject=inbox,
                deliver_policy=DeliverPolicy.NEW,
                ack_policy=AckPolicy.NONE,
                idle_heartbeat=HEARTBEAT_SECONDS,
                mem_storage=True,
                num_replicas=1,
            ),
        )

    async def _send(self, client: Client) -> None:
        while True:
            while self._unsent:
                oldest = self._unsent[0]
                await client.publish(*oldest, headers={ORIGIN: self._relay})
                _heed_cancellation()
                if self._unsent and self._unsent[0] is oldest:  # it may have given way meanwhile
                    self._unsent.popleft()
            self._to_send.clear()
            await client.flush(int(CONNECT_SECONDS))
            _heed_cancellation()
            if not self._unsent:
                await self._to_send.wait()

    async def _receive(self, incoming: Subscription) -> None:
        while True:
            try:
                message = await incoming.next_msg(SILENT_SECONDS)
            except TimeoutError:
                raise _Broken("the consumer is silent") from None
            _heed_cancellation()
            self._take(message)

    def _take(self, message: Msg) -> None:
        headers = message.headers or {}
        if _STATUS in headers:
            if int(headers.get(_LAST_DELIVERED, self._delivered)) != self._delivered:
                raise _Broken("the consumer's numbers have a gap")
            return
        number = int(message.reply.split(".")[_DELIVERED_FIELD])
        if number != self._delivered + 1:
            raise _Broken("the consumer's numbers have a gap")
        self._delivered = number
        if headers.get(ORIGIN) == self._relay:
            return
        subject = message.subject.removeprefix(f"{self._access.stream}.")
        try:
            data = orjson.loads(message.data)
            hint = Hint(check_subject(subject), data if isinstance(data, dict) else {})
        except ValueError:
            log.warning("hint_not_understood", bytes=len(message.data))
            return
        self._local.deliver(hint)


async def _end_of(connection: asyncio.Task[None]) -> BaseException | None:
    """What ended it; also what is no NATS, or speaks it wrongly, costs latency alone.

    It is a task of its own: one in which a task group failed counts as cancelled ever after.
    """
    try:
        await asyncio.wait({connection})
    finally:
        connection.cancel()
        await asyncio.wait({connection})
    return None if connection.cancelled() else connection.exception()


def _heed_cancellation() -> None:
    """After whatever waits inside the NATS client: it loses a cancellation that comes with what it waited for."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _credentials(access: NatsAccess) -> dict[str, Any]:
    """Read anew for each attempt: a password that was changed in its file is in force with the next."""
    found: dict[str, Any] = {}
    if access.user is not None and access.password_file is not None:
        found |= {"user": access.user, "password": _secret(access.password_file)}
    if access.token_file is not None:
        found["token"] = _secret(access.token_file)
    if access.ca_file is not None or access.certificate is not None:
        found["tls"] = _tls(access)
    return found


def _secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "The file with what signs in to NATS cannot be read.", where=str(path)
        ) from error


def _tls(access: NatsAccess) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=access.ca_file)
        if access.certificate is not None:
            context.load_cert_chain(access.certificate, access.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"The certificates for NATS cannot be read: {error}", where="bus") from error
    return context


async def _nothing() -> None:
    pass


async def _quietly(_error: Exception) -> None:
    """`run` tells what ended the connection, once."""
