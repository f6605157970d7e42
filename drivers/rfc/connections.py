"""A caller over one connection at a time: what the two libraries of RFC have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, time
from threading import Lock, RLock, Timer
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
        self,
        way: str,
        connect: Callable[[], Any],
        judge: Judge,
        version: Callable[[], str],
        *,
        call_seconds: float | None = None,
    ) -> None:
        """`call_seconds`: after so long a call is cancelled; None: the library ends it by itself."""
        self.way = way
        self._call_seconds = call_seconds
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
                if error.trouble is not Trouble.LOST or not reused or isinstance(error, TookTooLong):
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
        limit = _Limit(self._connection, self._call_seconds)
        try:
            with limit:
                reply = self._connection.call(function, **_plain(parameters))
        except Exception as error:
            failed = self._judge(error, function, sent=True)
            if limit.exceeded:
                failed = TookTooLong(
                    Trouble.LOST,
                    f"no answer within {self._call_seconds} seconds; the call was cancelled",
                    function=function,
                    hint="See in SM50 what this user's call does; lower rows_per_call or raise options.call_seconds.",
                )
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


class TookTooLong(CallFailed):
    """A repeat would take as long."""


class _Limit:
    """Cancels the call within it that takes too long: the SDK itself waits for ever on a line that died silently."""

    def __init__(self, connection: Any, seconds: float | None) -> None:
        self.exceeded = False
        self._connection = connection
        self._over = False
        self._deciding = Lock()
        self._timer = None if seconds is None else Timer(seconds, self._cancel)

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            with self._deciding:  # a later call is not to be cancelled for this one
                self._over = True

    def _cancel(self) -> None:
        with self._deciding:
            if self._over:
                return
            self.exceeded = True
            with suppress(Exception):  # it ended by itself in this moment, or the system cannot be reached
                self._connection.cancel()


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
