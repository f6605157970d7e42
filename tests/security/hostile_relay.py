"""A relay in the hands of an attacker: real TLS with the certificate that the agent trusts, and any frame it likes."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any, Self

import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from agent.clock import SystemClock
from agent.model.payload import decode
from agent.protocol.events import AgentProved, BatchReceived, Confirmed, ResultReceived, StatusReceived
from agent.protocol.faults import ProtocolFault
from agent.protocol.frames import Batch, Result, Status
from agent.protocol.session import KnownAgent, RelaySession

PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.05


@dataclass
class HostileRelay:
    """Takes the agent in as an honest relay does, and then says whatever a test tells it to."""

    folder: Path
    heard: list[str | bytes] = field(default_factory=list)  # every message of the agent, as it came
    batches: list[Batch] = field(default_factory=list)
    results: dict[str, Result] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    sessions: int = 0
    connected: bool = False
    errors: list[str] = field(default_factory=list)  # frames with which the agent left
    url: str = ""
    known: KnownAgent | None = None

    def __enter__(self) -> Self:
        authority = trustme.CA()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self.ca_file = self.folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self._positions: dict[str, int] = {}
        self._socket: ServerConnection | None = None
        self._session: RelaySession | None = None
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def say(self, *messages: str | bytes) -> None:
        """Raw, past everything that a session would allow; nothing where the agent is away."""

        async def say() -> None:
            with suppress(ConnectionClosed):
                for message in messages:
                    if self._socket is not None:
                        await self._socket.send(message)

        self._await(say())

    def command(self, id_: str, name: str, args: Any, **more: Any) -> None:
        """As text: an attacker's frame need not fit its own class."""
        deadline = (SystemClock().utcnow() + timedelta(days=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
        frame = {"type": "command", "id": id_, "name": name, "args": args, "deadline": deadline, **more}
        self.say(json.dumps(frame))

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(POLL_SECONDS)

    def everything(self) -> str:
        """All that the agent ever sent, unpacked."""
        told = [message for message in self.heard if isinstance(message, str)]
        for batch in self.batches:
            found = decode(batch.kind, batch.payload)
            rows = [] if found.table is None else found.table.to_pylist()
            told.append(repr((found.meta, rows, found.keys, found.letters, found.report)))
        return "\n".join(told)

    def rows(self) -> list[dict[str, Any]]:
        tables = [decode(b.kind, b.payload).table for b in self.batches if b.kind == "records"]
        return [row for table in tables if table is not None for row in table.to_pylist()]

    def _await(self, work: Any) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(30)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with serve(
            self._serve_one,
            "127.0.0.1",
            0,
            ssl=self._tls,
            compression=None,
            max_size=2**25,
            ping_interval=None,
        ) as server:
            self.url = f"wss://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/agent"
            self._ready.set()
            await asyncio.to_thread(self._stop.wait)

    async def _serve_one(self, socket: ServerConnection) -> None:
        session = RelaySession(
            relay="hostile", nonce=token_bytes(32), now=time.monotonic(), heartbeat_seconds=15.0
        )
        # The agent has left an earlier one, also where the end of that has not been read yet.
        self.connected, self._socket = False, None
        self.sessions += 1
        try:
            async for message in socket:
                self.heard.append(message)
                if isinstance(message, str) and message.startswith('{"type":"error"'):
                    self.errors.append(message)
                with suppress(ProtocolFault):
                    for event in session.receive(message, time.monotonic()):
                        self._act(event, session, socket)
                for reply in session.messages_to_send():
                    await socket.send(reply)
        except ConnectionClosed:
            pass
        finally:
            if self._socket is socket:
                self.connected, self._socket = False, None

    def _act(self, event: Any, session: RelaySession, socket: ServerConnection) -> None:
        match event:
            case AgentProved(hello):
                assert self.known is not None
                self.known = KnownAgent(self.known.public_key, hello.epoch)
                session.authenticate(self.known)
                session.send_welcome(session="s", positions=self._positions, credit=64, now=time.monotonic())
            case Confirmed():
                self._socket, self._session, self.connected = socket, session, True
            case BatchReceived(batch):
                self.batches.append(batch)
                self._positions[batch.stream] = batch.seq
                session.acknowledge(batch.stream, batch.seq)
                session.grant(1)
            case ResultReceived(result):
                if result.state != "running":
                    self.results[result.command] = result
                session.send_result_ack(result.command, result.state)
            case StatusReceived(status):
                self.statuses.append(status)
