"""The local control socket: how the command line talks to the running agent.

One request a connection, as one JSON line; the answer is any number of JSON lines, of which the last is a result or an
error:

    -> {"call": "sync", "args": {"streams": ["aw/orders"]}}
    <- {"progress": {...}}          any number; a slow reader may miss some
    <- {}                           a sign of life
    <- {"result": {...}}            or {"error": {"code", "message", "where", "hint"}}

It is a Unix socket in the state folder that only the agent's user may open. Where there are none, or the folder's path
is too long for one, it is a loopback port with a token, both named in a file of the state folder with the same guard.

A handler learns who asks from `caller()`. Somebody else than the agent's own user and root is sent away, and a request
that is sent away is told of to `denied`.

What the agent answers is in agent/calls/local.py and agent/calls/ (docs/cli.md has the documents).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import socket
import stat
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from agent.audit.trail import Actor, Origin
from agent.audit.who import actor_of, current_actor, peer_of
from agent.errors import (
    ERRORS_BY_CODE,
    AlreadyRunning,
    GroundwireError,
    StorageDamaged,
    Throttled,
    Unreachable,
)
from agent.secrets import redact

log = structlog.get_logger(__name__)

SOCKET_FILE: Final = "control.sock"
ADDRESS_FILE: Final = "control.json"
MAX_SOCKET_PATH: Final = 100  # bytes; the system's own limit is 104 to 108
MAX_REQUEST_BYTES: Final = 2 * 1024 * 1024  # the longest is a file of exported secrets
MAX_REPLY_BYTES: Final = (
    64 * 1024 * 1024
)  # the catalogue of an ERP with 100k tables and columns is about 10 MiB
MAX_CLIENTS: Final = 16  # at a time; each is a person or a script on this host
MAX_WAITING_PROGRESS: Final = 256  # messages kept for a reader that is slower than the work
REQUEST_SECONDS: Final = 10.0  # for a client to say what it wants
WRITE_SECONDS: Final = 30.0  # for a client to take a line; one that does not is let go
ALIVE_SECONDS: Final = 10.0  # between two signs of life
SILENCE_SECONDS: Final = 60.0  # a client gives up after so many without one

Progress = Callable[[Any], None]
Handler = Callable[[dict[str, Any], Progress], Awaitable[Any]]
Denied = Callable[[Actor, str], Awaitable[None]]

_CALLER: Final[ContextVar[Actor]] = ContextVar("caller")


def caller() -> Actor:
    """Who asked for the control call that is being handled; outside of one, whoever runs this process."""
    found = _CALLER.get(None)
    return found if found is not None else current_actor()


@contextlib.contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Inside, calls are handled as asked for by `actor`: for other doors to the same handlers than the socket."""
    token = _CALLER.set(actor)
    try:
        yield
    finally:
        _CALLER.reset(token)


async def _nobody_to_tell(_actor: Actor, _why: str) -> None: ...


class NoAgentRunning(GroundwireError):
    """No agent is running on this state folder."""

    code = "no_agent"
    default_hint = "Start it with `groundwire run`."


@dataclass(frozen=True, slots=True)
class Reply:
    """One line of an answer; the last one is the result."""

    value: Any
    is_result: bool = False


class ControlServer:
    """Answers local calls with `handlers`, by name, until `serve` is cancelled."""

    def __init__(
        self, handlers: Mapping[str, Handler], state_dir: Path, *, denied: Denied = _nobody_to_tell
    ) -> None:
        """`denied` is told who was sent away, and why in a word of docs/audit.md."""
        self._handlers = handlers
        self._denied = denied
        self._state_dir = state_dir
        self._clients = 0
        self._token = ""  # empty: the socket file itself keeps others out
        self.listening = asyncio.Event()

    async def serve(self) -> None:
        """Listen until cancelled. Raises AlreadyRunning when another agent answers in this state folder."""
        listener = await self._listen()
        try:
            async with asyncio.TaskGroup() as group:

                def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    group.create_task(self._client(reader, writer), name="control-client")

                async with await asyncio.start_server(
                    accept, sock=listener, limit=MAX_REQUEST_BYTES
                ) as server:
                    self.listening.set()
                    await server.serve_forever()
        finally:
            self.listening.clear()
            for name in (SOCKET_FILE, ADDRESS_FILE):
                with contextlib.suppress(OSError):
                    (self._state_dir / name).unlink()

    async def _listen(self) -> socket.socket:
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if await is_running(self._state_dir):
            raise AlreadyRunning(where=str(self._state_dir))
        path = self._state_dir / SOCKET_FILE
        if sys.platform != "win32" and _fits(path):
            return _listen_on_file(path)
        listener = socket.create_server(("127.0.0.1", 0))
        self._token = secrets.token_urlsafe(32)
        _write_address(self._state_dir / ADDRESS_FILE, listener.getsockname()[1], self._token)
        return listener

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. Whatever the other side does, nothing leaves here but cancellation."""
        self._clients += 1
        try:
            if self._clients <= MAX_CLIENTS:
                await self._answer(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.debug("control_client_left")
        except Exception:  # one client must not end the agent
            log.exception("control_client_failed")
        finally:
            self._clients -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(REQUEST_SECONDS):
            line = await reader.readuntil(b"\n")
        try:
            actor = await self._admit(writer, line)
            call, args = self._parse(line)
        except ValueError as error:
            await _send(
                writer, {"error": {"code": "bad_request", "message": str(error), "where": "", "hint": ""}}
            )
            return
        news = _News()
        _CALLER.set(actor)  # this client's task alone: the handler's copies it
        work = asyncio.ensure_future(self._handle(call, args, news.add))
        gone = asyncio.ensure_future(
            reader.read(1)
        )  # ends when the client leaves; it has nothing more to say
        try:
            await _pass_on(news, writer, work, gone)
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    async def _admit(self, writer: asyncio.StreamWriter, line: bytes) -> Actor:
        """Who asks. Raises ValueError for somebody who may not."""
        if self._token:
            if _has_token(line, self._token):
                return current_actor()  # the token lies in a file that only the agent's own user may read
            await self._denied(Actor(Origin.LOCAL, "unknown"), "token")
            raise ValueError("the request has no valid token")
        peer = peer_of(writer.get_extra_info("socket"))
        if peer is None:
            return current_actor()  # the socket's own guard is all there is
        actor = actor_of(peer)
        if sys.platform != "win32" and peer.uid not in {0, os.geteuid()}:
            await self._denied(actor, "user")
            raise ValueError("only the agent's own user and root may ask it")
        return actor

    def _parse(self, line: bytes) -> tuple[str, dict[str, Any]]:
        try:
            request = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise ValueError("the request is not JSON") from None
        if not isinstance(request, dict):
            raise ValueError("the request is not an object")  # noqa: TRY004 - one kind of answer for a bad request
        call, args = request.get("call"), request.get("args", {})
        if not isinstance(call, str) or call not in self._handlers or not isinstance(args, dict):
            raise ValueError("there is no such call")
        return call, args

    async def _handle(self, call: str, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        try:
            return {"result": await self._handlers[call](args, progress)}
        except GroundwireError as error:
            return {"error": error_document(error)}
        except Exception:
            log.exception("control_call_failed", call=call)
            return {
                "error": {
                    "code": "internal",
                    "message": "unexpected fault in the agent",
                    "where": call,
                    "hint": _BUG,
                }
            }


_BUG: Final = "The agent's log has the details; please report it."


class _News:
    """Progress that waits for a slow reader; of too much the oldest goes, for the newest says where the work is."""

    def __init__(self) -> None:
        self.lines: deque[Any] = deque(maxlen=MAX_WAITING_PROGRESS)
        self.came = asyncio.Event()

    def add(self, value: Any) -> None:
        self.lines.append(value)
        self.came.set()


async def _pass_on(
    news: _News,
    writer: asyncio.StreamWriter,
    work: asyncio.Future[dict[str, Any]],
    gone: asyncio.Future[bytes],
) -> None:
    """Send progress until the work is done, then its result; stop when the client has left."""
    while not gone.done():
        news.came.clear()
        while news.lines:
            await _send(writer, {"progress": news.lines.popleft()})
        if work.done():
            await _send(writer, work.result())
            return
        came = asyncio.ensure_future(news.came.wait())
        waiting: set[asyncio.Future[Any]] = {came, work, gone}
        try:
            done, _ = await asyncio.wait(waiting, timeout=ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            came.cancel()
        if not done:
            await _send(writer, {})


async def _send(writer: asyncio.StreamWriter, line: dict[str, Any]) -> None:
    text = _json(line)
    if len(text) > MAX_REPLY_BYTES:
        text = b'{"error":{"code":"too_large","message":"the answer is too large","where":"","hint":""}}'
    writer.write(text + b"\n")
    async with asyncio.timeout(WRITE_SECONDS):
        await writer.drain()


def _json(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:  # half a surrogate pair in a text of the source, or a number beyond 64 bits
        return json.dumps(line, default=str, ensure_ascii=False).encode("utf-8", "replace")


class ControlClient:
    """Calls the agent that runs on `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    async def call(self, name: str, args: Mapping[str, Any] | None = None) -> AsyncGenerator[Reply, None]:
        """Yield progress as it comes, then the result.

        Raises NoAgentRunning when none answers, and the agent's own error as the class of its code.
        """
        async with _connected(self._state_dir) as (reader, writer, token):
            request = {"call": name, "args": dict(args or {}), **({"token": token} if token else {})}
            writer.write(orjson.dumps(request) + b"\n")
            while True:
                line = await _receive(reader)
                if "error" in line:
                    raise error_from(line["error"])
                if "result" in line:
                    yield Reply(line["result"], is_result=True)
                    return
                if "progress" in line:
                    yield Reply(line["progress"])

    async def ask(
        self, name: str, args: Mapping[str, Any] | None = None, progress: Progress | None = None
    ) -> Any:
        """Make one call and return its result."""
        async with contextlib.aclosing(self.call(name, args)) as replies:
            async for reply in replies:
                if reply.is_result:
                    return reply.value
                if progress is not None:
                    progress(reply.value)
        return None


async def is_running(state_dir: Path) -> bool:
    try:
        async with _connected(state_dir):
            return True
    except (NoAgentRunning, StorageDamaged):
        return False


@asynccontextmanager
async def _connected(
    state_dir: Path,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, str]]:
    path = state_dir / SOCKET_FILE
    token = ""
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            if sys.platform != "win32" and _fits(path):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=MAX_REPLY_BYTES)
            else:
                port, token = _read_address(state_dir / ADDRESS_FILE)
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MAX_REPLY_BYTES)
    except (FileNotFoundError, ConnectionError) as error:
        raise NoAgentRunning(where=str(state_dir)) from error
    except (OSError, TimeoutError) as error:
        raise NoAgentRunning(f"the agent cannot be reached: {error}", where=str(path)) from error
    try:
        yield reader, writer, token
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            line = orjson.loads(await reader.readuntil(b"\n"))
    except (
        OSError,
        TimeoutError,
        asyncio.IncompleteReadError,
        asyncio.LimitOverrunError,
        ValueError,
    ) as error:
        raise Unreachable(
            "the agent broke off its answer", hint="Look at its log; it may be stopping."
        ) from error
    return line if isinstance(line, dict) else {}


def error_document(error: GroundwireError) -> dict[str, Any]:
    """An error as JSON, without secrets."""
    return {
        "code": error.code,
        "message": redact(error.message),
        "where": redact(error.where),
        "hint": redact(error.hint),
    }


def error_from(document: Mapping[str, Any]) -> GroundwireError:
    """The error that `error_document` wrote, as the class of its code."""
    code, message, where, hint = (
        str(document.get(name, "")) for name in ("code", "message", "where", "hint")
    )
    kind = ERRORS_BY_CODE.get(code, GroundwireError)
    if issubclass(kind, Throttled):
        return kind(message, retry_after=0.0, where=where, hint=hint)
    error = kind(message, where=where, hint=hint)
    error.code = code or error.code
    return error


def _has_token(line: bytes, token: str) -> bool:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    found = request.get("token", "") if isinstance(request, dict) else ""
    return isinstance(found, str) and hmac.compare_digest(found.encode(), token.encode())


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= MAX_SOCKET_PATH


if sys.platform != "win32":

    def _listen_on_file(path: Path) -> socket.socket:
        # Nobody answers there (`_listen` has asked), so this is what a killed agent left behind.
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise StorageDamaged("is not a socket", where=str(path), hint="Move the file away.")
            path.unlink()
        listener = socket.socket(socket.AF_UNIX)
        before = os.umask(
            0o177
        )  # the file is born private: a later chmod would leave a moment in which it is not
        try:
            listener.bind(str(path))
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(before)
        listener.listen(MAX_CLIENTS)
        return listener


def _write_address(path: Path, port: int, token: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"port": port, "token": token}, file)


def _read_address(path: Path) -> tuple[int, str]:
    try:
        document = json.loads(path.read_text("utf-8"))
        return int(document["port"]), str(document["token"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageDamaged("cannot be read", where=str(path)) from error
