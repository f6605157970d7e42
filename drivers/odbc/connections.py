"""The connections that one read works with: a page each, and at most as many as pages are fetched at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from drivers.contract import DriverError, Unreachable
from drivers.odbc.bytewise import BytewiseConnection
from drivers.odbc.session import BulkConnection, Session

_Result = TypeVar("_Result")
Reading = BulkConnection | BytewiseConnection
_log: Final = logging.getLogger(__name__)  # its lines go into the agent's log


class ReadConnections:
    def __init__(self, session: Session, where: str) -> None:
        self._session = session
        self._where = where
        self._change = threading.Condition()
        self._free: list[BulkConnection] = []
        self._busy: list[Reading] = []
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
        connection = self._session.open_bulk()
        with self._change:
            self._busy.append(connection)
        return self._in_transaction(connection, work, connection)

    def run_bytewise(self, work: Callable[[Reading], _Result]) -> _Result:
        """Do `work` value by value, on a connection that is closed behind it."""
        return self._in_transaction(self._open_bytewise(), work, None)

    def _open_bytewise(self) -> BytewiseConnection:
        with self._change:
            while self._alone and self._busy:
                self._change.wait()
            if self._alone:  # nobody else may take the one connection in between
                self._free.clear()
                try:
                    connection = self._session.open_bytewise()
                finally:
                    self._change.notify_all()  # who waits looks for itself, also where this failed
                self._busy.append(connection)
                return connection
        try:
            connection = self._session.open_bytewise()
        except DriverError:
            with self._change:
                if self._alone or not (self._busy or self._free):
                    raise
                self._alone = True
            return self._open_bytewise()
        with self._change:
            self._busy.append(connection)
        return connection

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
        with self._change:
            while self._alone and self._busy and not self._free:
                self._change.wait()
            first = not self._busy
            # Of pages that were thrown away. One that was told to stop may hear of it only in its next statement.
            self._free = [free for free in self._free if not free.told_to_stop]
            if self._free:
                connection = self._free.pop()
                connection.stopped = False
                self._busy.append(connection)
                return connection, True
        try:
            connection, reused = self._session.borrow()
        except DriverError as error:
            if first:
                raise
            with self._change:
                self._alone = True
            _log.warning(
                "%s: one page at a time, for the source gives no second connection: %s", self._where, error
            )
            return self._take()
        with self._change:
            self._busy.append(connection)
        return connection, reused

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
            if isinstance(connection, BytewiseConnection):
                connection.close()  # before anybody opens another in its place
            with self._change:
                self._busy.remove(connection)
                if kept is not None and not failed:
                    self._free.append(kept)
                self._change.notify()
