"""The connections that one read works with: a page each, and at most as many as pages are fetched at once.

A source that gives one connection alone is read one page after the other. It may notice a while later that this read
has closed that one, so the next is asked for again before it counts as refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from drivers.contract import CredentialsRefused, DriverError, SourceBusy, Unreachable
from drivers.odbc.bytewise import BytewiseConnection
from drivers.odbc.session import BulkConnection, Session

_Result = TypeVar("_Result")
Reading = BulkConnection | BytewiseConnection
_Connection = TypeVar("_Connection", BulkConnection, BytewiseConnection)
RELEASE_TRIES: Final = 10  # of a source that has its one connection back once it notices
RELEASE_SECONDS: Final = 0.2  # between two of them
# Who takes as long to refuse is not full: it is away, and ten times its time-out is minutes.
SLOW_SECONDS: Final = 5.0
_log: Final = logging.getLogger(__name__)  # its lines go into the agent's log


class ReadConnections:
    def __init__(
        self,
        session: Session,
        where: str,
        *,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._where = where
        self._pause = pause
        self._monotonic = monotonic
        self._change = threading.Condition()
        self._free: list[BulkConnection] = []
        self._busy: list[Reading] = []
        self._opening = 0  # connections that are being asked for
        self._alone = False  # the source gave no further connection

    def run(self, work: Callable[[Reading], _Result]) -> _Result:
        """Do `work` in a transaction; once more on a new connection where one that was used before is lost."""
        connection, reused = self._take()
        try:
            return self._in_transaction(connection, work, connection)
        except Unreachable:
            # An idle connection may have been closed by a firewall or a restart; that says nothing about now.
            if not reused:
                raise
        with self._change:
            self._await_a_place()
            self._opening += 1
        again = self._opened(self._session.open_bulk)
        return self._in_transaction(again, work, again)

    def run_bytewise(self, work: Callable[[Reading], _Result]) -> _Result:
        """Do `work` value by value, on a connection that is closed behind it."""
        return self._in_transaction(self._open_bytewise(), work, None)

    def _open_bytewise(self) -> BytewiseConnection:
        tries = RELEASE_TRIES
        while True:
            with self._change:
                self._await_a_place()
                while self._alone and self._free:
                    self._free.pop().close()
                others = bool(self._busy or self._free or self._opening)
                self._opening += 1
            began = self._monotonic()
            try:
                return self._opened(self._session.open_bytewise)
            except DriverError as error:
                tries = self._tries_left(error, tries, began, others=others)

    def _await_a_place(self) -> None:
        """With the lock. Of a source with one connection nobody asks for it while another has it, or is asking."""
        while self._alone and (self._busy or self._opening):
            self._change.wait()

    def _opened(self, open_: Callable[[], _Connection]) -> _Connection:
        """What `open_` gives, counted as busy without a moment in between in which it is neither."""
        connection: _Connection | None = None
        try:
            connection = open_()
        finally:
            with self._change:
                self._opening -= 1
                if connection is not None:
                    self._busy.append(connection)
                self._change.notify_all()
        return connection

    def _tries_left(self, error: DriverError, tries: int, began: float, *, others: bool) -> int:
        """Where another try is worth it, after the pause that it needs. Raises `error` where it is not."""
        if others and not isinstance(error, CredentialsRefused):
            self._be_alone(error)
            return tries
        at_once = self._monotonic() - began < SLOW_SECONDS
        if not (self._alone and tries > 1 and at_once and isinstance(error, SourceBusy | Unreachable)):
            raise error
        self._pause(RELEASE_SECONDS)
        return tries - 1

    def stop(self) -> None:
        """Nobody waits for what is read any more: the source need not go on with it."""
        with self._change:
            busy = list(self._busy)
        for connection in busy:
            self._session.stop(connection)

    def close(self) -> None:
        """Keep the connections for the next read. After a failure there is none to keep, and one that was told to stop
        may hear of it only in its next statement.
        """
        with self._change:
            free, self._free = self._free, []
        for connection in free:
            if not connection.told_to_stop:
                connection.stopped = False
                self._session.give_back(connection)

    def _take(self) -> tuple[BulkConnection, bool]:
        """A connection for one page, and whether it was used before."""
        tries = RELEASE_TRIES
        while True:
            with self._change:
                # Of pages that were thrown away. One that was told to stop may hear of it only in its next statement.
                while self._alone and (self._busy or self._opening) and not self._free:
                    self._change.wait()
                self._free = [free for free in self._free if not free.told_to_stop]
                if self._free:
                    connection = self._free.pop()
                    connection.stopped = False
                    self._busy.append(connection)
                    return connection, True
                others = bool(self._busy or self._opening)
                self._opening += 1
            began, reused = self._monotonic(), False

            def borrow() -> BulkConnection:
                nonlocal reused
                found, reused = self._session.borrow()
                return found

            try:
                return self._opened(borrow), reused
            except DriverError as error:
                tries = self._tries_left(error, tries, began, others=others)

    def _be_alone(self, error: DriverError) -> None:
        with self._change:
            told, self._alone = self._alone, True
        if not told:
            _log.warning(
                "%s: one page at a time, for the source gives no second connection: %s", self._where, error
            )

    def _in_transaction(
        self, connection: Reading, work: Callable[[Reading], _Result], kept: BulkConnection | None
    ) -> _Result:
        failed = True
        try:
            connection.begin(self._where)
            try:
                result = work(connection)
            finally:
                connection.end()
            failed = False
            return result
        finally:
            if failed or kept is None:
                connection.close()  # before anybody opens another in its place
            with self._change:
                self._busy.remove(connection)
                if kept is not None and not failed:
                    self._free.append(kept)
                self._change.notify_all()
