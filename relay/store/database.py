"""One SQLite file, one connection, one thread of its own.

SQLite calls block (a commit waits for the disk), so they run on the file's own thread. Work that was begun runs to
its end even when its caller is cancelled: nobody may be told less than what is on the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import apsw
import structlog

from agent.errors import GroundwireError
from relay.store.base import StoreClosed
from relay.store.faults import refusal_of, translated
from relay.store.opening import FileKind, close_quietly, in_transaction, open_file
from relay.store.waiting import to_its_end

T = TypeVar("T")

log = structlog.get_logger()

CHECKPOINT_PAGES: Final = (
    4_000  # 16 MiB of write-ahead log: few checkpoints under load, a quick start afterwards
)


class Database:
    def __init__(
        self, connection: apsw.Connection, executor: ThreadPoolExecutor, path: Path, kind: FileKind
    ) -> None:
        self._connection = connection
        self._executor = executor
        self._path = path
        self._durable = kind.durable
        self._refused: GroundwireError | None = None
        self._failed = asyncio.Event()
        self._log_pages = 0
        self._closed = False
        connection.set_wal_hook(self._note_log)

    @classmethod
    async def open(cls, path: Path, kind: FileKind, *, vfs: str | None = None) -> Database:
        executor = ThreadPoolExecutor(1, thread_name_prefix=path.name)
        opening = executor.submit(open_file, path, kind, vfs)
        try:
            connection = await to_its_end(asyncio.wrap_future(opening))
        except BaseException:
            if opening.exception() is None:
                # One that opened behind its caller's cancellation is nobody's, and nobody else could open the file.
                await cls(opening.result(), executor, path, kind).aclose()
            executor.shutdown(wait=False)
            raise
        return cls(connection, executor, path, kind)

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        return await self._on_thread(work)

    async def write(
        self, work: Callable[[apsw.Connection], T], behind: Callable[[], None] = lambda: None
    ) -> T:
        """Run `work` in one transaction; durable on return. `behind`: run then on the same thread, whatever came of it."""
        return await self._on_thread(partial(self._write, work=work, behind=behind))

    async def answers(self) -> bool:
        """True, once the thread of the file is through with what it was handed before; it hangs where that hangs."""
        await self._on_thread(lambda _: None)
        return True

    async def failure(self) -> GroundwireError:
        """Wait for the error of the disk after which nothing more is written, and return it; most wait in vain."""
        await self._failed.wait()
        assert self._refused is not None  # noqa: S101 - the event is set for nothing else
        return self._refused

    async def aclose(self) -> None:
        if self._closed:
            return
        try:
            closing = self._on_thread(self._close)
            self._closed = True
            await closing
        finally:
            self._executor.shutdown(wait=False)

    def _write(
        self, connection: apsw.Connection, work: Callable[[apsw.Connection], T], behind: Callable[[], None]
    ) -> T:
        if self._refused is not None:
            raise self._refused
        try:
            result = in_transaction(connection, work)
        except apsw.Error as error:
            self._refused = refusal_of(error, self._path)
            raise
        finally:
            behind()
        self._copy_log(connection)
        return result

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _copy_log(self, connection: apsw.Connection) -> None:
        """SQLite's own checkpoints hide their errors, so they are off and this is done instead.

        The commit before it stands whatever happens here, so its caller is told of none of it.
        """
        if self._log_pages < CHECKPOINT_PAGES:
            return
        try:
            connection.wal_checkpoint()
            self._log_pages = 0
        except apsw.FullError:
            log.warning("log_copied_later", file=self._path.name, reason="disk full")
        except apsw.Error as error:
            self._refused = refusal_of(error, self._path)
            log.error("log_not_copied", file=self._path.name, error=str(error))  # noqa: TRY400 - no traceback for operators

    def _close(self, connection: apsw.Connection) -> None:
        """Marked as clean only when everything is in the file. Without the mark the log stays: it is asked for."""
        marked = not self._durable
        if self._durable and self._refused is None:
            try:
                in_transaction(connection, _mark_closed)
                marked = True
            except apsw.Error as error:
                self._refused = refusal_of(error, self._path)
                log.warning("closing_not_noted", file=self._path.name, error=str(error))
        close_quietly(connection, keep_log=self._refused is not None or not marked)

    async def _on_thread(self, work: Callable[[apsw.Connection], T]) -> T:
        if self._closed and work != self._close:
            raise StoreClosed(where=str(self._path))
        loop = asyncio.get_running_loop()
        try:
            return await to_its_end(loop.run_in_executor(self._executor, self._translated, work))
        finally:
            if self._refused is not None:
                self._failed.set()

    def _translated(self, work: Callable[[apsw.Connection], T]) -> T:
        with translated(self._path):
            return work(self._connection)


def _mark_closed(connection: apsw.Connection) -> None:
    connection.execute("UPDATE state SET value = 1 WHERE name = 'closed_cleanly'")
