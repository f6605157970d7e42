"""A caller over one connection at a time: what the two libraries of RFC have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from threading import RLock
from typing import Any, Final, Protocol

from drivers.rfc import interfaces
from drivers.rfc.abap import Interface
from drivers.rfc.caller import CallFailed, Reply, Session, Trouble, Value

# After these the session behind the connection lives on, and so does the connection.
_ALIVE: Final = frozenset({Trouble.EXCEPTION, Trouble.MISSING})


class Judge(Protocol):
    def __call__(self, error: BaseException, function: str, /, *, sent: bool) -> CallFailed: ...


class ConnectedCaller:
    """Opens its connection with the first call. Calls follow each other: a connection that two threads share breaks."""

    def __init__(
        self, way: str, connect: Callable[[], Any], judge: Judge, version: Callable[[], str]
    ) -> None:
        self.way = way
        self.version = version
        self._connect = connect
        self._judge = judge
        self._one_at_a_time = RLock()
        self._connection: Any = None
        self._product = ""

    @property
    def product(self) -> str:
        return self._product

    def call(self, function: str, /, **parameters: Value) -> Reply:
        with self._one_at_a_time:
            reused = self._connection is not None
            try:
                return self._called(function, parameters)
            except CallFailed as error:
                # An idle connection may have been closed by a firewall or a restart; that says nothing about now.
                # Outside a session a call only reads.
                if error.trouble is not Trouble.LOST or not reused:
                    raise
            return self._called(function, parameters)

    def interface(self, function: str, /) -> Interface | None:
        return interfaces.ask(self, function)

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self._one_at_a_time:
            self._drop()  # one that lay idle may be dead, and in it nobody could tell whether a call arrived
            try:
                yield _Pinned(self)
            finally:
                self._drop()  # what is not committed is undone with it

    def close(self) -> None:
        with self._one_at_a_time:
            self._drop()

    def _called(self, function: str, parameters: dict[str, Any]) -> Reply:
        if self._connection is None:
            try:
                self._connection = self._connect()
            except Exception as error:
                raise self._judge(error, "", sent=False) from error
        try:
            reply = self._connection.call(function, **_plain(parameters))
        except Exception as error:
            failed = self._judge(error, function, sent=True)
            if failed.trouble not in _ALIVE:
                self._drop()
            raise failed from error
        self._product = self._product or self.way
        return dict(reply)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception:  # noqa: BLE001 - a connection that is given up owes nothing more
                return


def _plain(value: Any) -> Any:
    """Dates and times as ABAP has them: neither library takes Python's."""
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, datetime):
        raise TypeError("a moment is a date and a time, in two fields")
    if isinstance(value, date):
        return value.strftime("%Y%m%d").rjust(8, "0")
    if isinstance(value, time):
        return value.strftime("%H%M%S")
    if isinstance(value, bool):
        return "X" if value else ""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(row) for row in value]
    return value


class _Pinned:
    """All calls on the one connection. One that broke is not replaced: what was done in it is undone."""

    def __init__(self, caller: ConnectedCaller) -> None:
        self._caller = caller
        self._connection: Any = None
        self._broken = False

    def call(self, function: str, /, **parameters: Value) -> Reply:
        # A question beside the session, to the dictionary, may have found the line broken and opened another.
        replaced = self._connection is not None and self._connection is not self._caller._connection  # noqa: SLF001
        if self._broken or replaced:
            raise CallFailed(Trouble.UNREACHED, "the session broke before this call", function=function)
        try:
            reply = self._caller._called(function, parameters)  # noqa: SLF001 - its caller's own session
        except CallFailed as error:
            self._broken = error.trouble not in _ALIVE
            raise
        finally:
            self._connection = self._connection or self._caller._connection  # noqa: SLF001
        return reply
