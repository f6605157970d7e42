"""The child's side: one process, one driver, one request at a time.

Started by `agent.hosting.driver`; reads frames from stdin, answers on the pipe that was stdout. It imports nothing of
the agent but the wire, so that it starts quickly and stays small.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Final

import pyarrow as pa

from agent.hosting.codec import from_plain, to_plain
from agent.hosting.keeper import HostedKeeper
from agent.hosting.pages import encode_page
from agent.hosting.wire import LENGTHS, WireFault, decode_header, decode_lengths, encode_head
from drivers.contract import (
    Driver,
    DriverError,
    Hop,
    HopCertificate,
    Page,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from drivers.registry import create

MAX_TRACEBACK_CHARS: Final = 16_000  # for the agent's debug log
PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
CreateDriver = Callable[..., Driver]


def main(create_driver: CreateDriver = create) -> int:
    """Serve one driver until stdin ends. `create_driver` is the registry's everywhere but in tests of this room."""
    requests, replies = _claim_pipes()
    _survive_nothing_but_the_agent()
    faulthandler.enable()  # the place of a crash in native code goes to the agent's debug log
    asyncio.run(_Host(create_driver, requests, replies).serve())
    return 0


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the protocol's pipes out of reach: a native library that prints or reads would break the frames."""
    requests, replies = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        for descriptor in (requests, replies):
            msvcrt.setmode(descriptor, os.O_BINARY)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb", buffering=0)


def _survive_nothing_but_the_agent() -> None:
    """End with the agent and not before it: the end of stdin says so, and on Linux the kernel as well.

    Ctrl-C and a service manager's SIGTERM reach the whole group; the agent needs its children for an orderly end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only for this call

        with contextlib.suppress(
            OSError, AttributeError
        ):  # the end of stdin is enough where this is forbidden
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class _Host:
    def __init__(self, create_driver: CreateDriver, requests: BinaryIO, replies: BinaryIO) -> None:
        self._create_driver = create_driver
        self._requests = requests
        self._replies = replies
        self._writer = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="replies"
        )  # one: frames stay in order
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._pages_wanted = asyncio.Semaphore(0)
        self._driver: Driver | None = None
        self._keeper = HostedKeeper(self._send)
        self._certificates: dict[Hop, HopCertificate] = {}
        self._untold = False  # whether there are some that the agent has not heard of

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._receive, args=(loop,), name="requests", daemon=True).start()
        async with asyncio.TaskGroup() as group:
            task: asyncio.Task[None] | None = None
            while True:
                message = await self._inbox.get()
                match message["op"]:
                    case "more":
                        self._pages_wanted.release()
                    case "answer":
                        self._keeper.answered(message)
                    case "stop":
                        if task is not None:
                            group.create_task(self._cancel(task))
                    case "close":
                        break
                    case _:
                        task = group.create_task(self._answer(message))
            if task is not None:
                await self._cancel(task)
        if self._driver is not None:
            await self._driver.aclose()

    async def _cancel(self, task: asyncio.Task[None]) -> None:
        await self._keeper.until_safe()  # or a secret that the source has just changed would be lost
        task.cancel()

    def _receive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs in a thread of its own, so that the agent's end is seen while native code holds the event loop."""
        with contextlib.suppress(OSError, WireFault):
            while raw := self._requests.read(LENGTHS.size):
                header_bytes, _ = decode_lengths(raw)
                message = decode_header(self._requests.read(header_bytes))
                loop.call_soon_threadsafe(self._inbox.put_nowait, message)
                if message.get("op") == "close":
                    return
        os._exit(0)  # nobody is left to answer to, and a call into native code may never come back

    async def _answer(self, message: Mapping[str, Any]) -> None:
        number = message["id"]
        try:
            value = to_plain(await self._call(message))
            await self._reply({"id": number, "value": value})
        except asyncio.CancelledError:
            await self._reply({"id": number, "stopped": True})
        except DriverError as error:
            await self._reply({"id": number, "error": _describe(error)})
        except WireFault as error:
            await self._send({"id": number, "broken": str(error)})
        except Exception as error:  # noqa: BLE001 - a driver's own fault, whatever it is, is reported and not fatal
            await self._send({"id": number, "fault": _describe_fault(error)})

    async def _call(self, message: Mapping[str, Any]) -> Any:
        arguments = message.get("arguments", {})
        if message["op"] == "open":
            self._driver = self._create_driver(
                arguments["driver"],
                connection=arguments["connection"],
                options=from_plain(Any, arguments["options"]),
                secrets=arguments["secrets"],
                keeper=self._keeper,
                seen=self._note_certificate,
            )
            return None
        if self._driver is None:
            raise WireFault("a request before the driver was opened")
        if message["op"] == "read":
            return await self._read(
                self._driver, message["id"], from_plain(ReadRequest, arguments["request"])
            )
        return await _call_driver(self._driver, message["op"], arguments)

    async def _read(self, driver: Driver, number: int, request: ReadRequest) -> None:
        """Send a page when one is wanted; the page after it is fetched meanwhile, and waits in here."""
        self._pages_wanted = asyncio.Semaphore(1)
        pages = driver.read(request)
        async with _closing(pages):
            async for page in pages:
                await self._pages_wanted.acquire()
                await self._send_page(number, page)
                if page.complete:
                    return
                del page  # or two pages would lie in memory while the next one is fetched

    def _note_certificate(self, seen: HopCertificate) -> None:
        """In whatever thread; the next answer takes it along."""
        if self._certificates.get(seen.hop) != seen:
            self._certificates[seen.hop] = seen
            self._untold = True

    async def _reply(self, header: Mapping[str, Any], body: pa.Buffer | None = None) -> None:
        """An answer, and with it what certificates have been seen, where that is other than the last one said."""
        if self._untold:
            self._untold = False
            header = {**header, "certificates": to_plain(list(self._certificates.values()))}
        await self._send(header, body)

    async def _send_page(self, number: int, page: Page) -> None:
        header, body = encode_page(page)
        await self._reply({"id": number, "page": header}, body)

    async def _send(self, header: Mapping[str, Any], body: pa.Buffer | None = None) -> None:
        head = encode_head(header, 0 if body is None else body.size)
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write, head, body)

    def _write(self, head: bytes, body: pa.Buffer | None) -> None:
        try:
            _write_all(self._replies, memoryview(head))
            if body is not None:
                _write_all(self._replies, memoryview(body))
        except OSError:
            os._exit(0)  # the agent is gone


async def _call_driver(driver: Driver, verb: str, arguments: Mapping[str, Any]) -> Any:
    try:
        call = _VERBS[verb]
    except KeyError:
        raise WireFault(f"no verb {verb}") from None
    return await call(driver, arguments)


async def _describe_driver(driver: Driver, _: Mapping[str, Any]) -> Any:
    return driver.describe()


_VERBS: Final[Mapping[str, Callable[[Driver, Mapping[str, Any]], Awaitable[Any]]]] = {
    "describe": _describe_driver,
    "check": lambda driver, given: driver.check(from_plain(Sequence[StreamSpec], given["streams"])),
    "discover": lambda driver, _: driver.discover(),
    "signpost": lambda driver, given: driver.signpost(from_plain(StreamSpec, given["stream"])),
    "columns": lambda driver, given: driver.columns(from_plain(StreamSpec, given["stream"])),
    "plan": lambda driver, given: driver.plan(from_plain(ReadRequest, given["request"])),
    "operations": lambda driver, given: driver.operations(from_plain(Sequence[StreamSpec], given["streams"])),
    "execute": lambda driver, given: driver.execute(from_plain(WriteCommand, given["command"])),
    "find_effect": lambda driver, given: driver.find_effect(from_plain(WriteCommand, given["command"])),
}


def _write_all(pipe: BinaryIO, data: memoryview) -> None:
    while len(data) > 0:
        data = data[pipe.write(data) :]


@contextlib.asynccontextmanager
async def _closing(pages: AsyncIterator[Page]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        close = getattr(pages, "aclose", None)  # an async generator has it, another iterator need not
        if close is not None:
            await close()


def _describe(error: DriverError) -> dict[str, Any]:
    described = {"code": error.code, "message": error.message, "where": error.where, "hint": error.hint}
    retry_after = getattr(error, "retry_after", None)
    return described if retry_after is None else described | {"retry_after": retry_after}


def _describe_fault(error: Exception) -> dict[str, Any]:
    """Name the exception, which an operator reads, apart from what it says, which may hold values of the source."""
    text = "".join(traceback.format_exception(error))
    return {"type": type(error).__name__, "traceback": text[-MAX_TRACEBACK_CHARS:]}


if __name__ == "__main__":
    sys.exit(main())
