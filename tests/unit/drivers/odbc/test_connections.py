"""A read's connections: one a page, kept while they work, and no more than the source gives."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from drivers.contract import CredentialsRefused, DriverError, SourceBusy, Unreachable
from drivers.odbc.bytewise import BytewiseConnection
from drivers.odbc.connections import RELEASE_TRIES, ReadConnections

WAIT = 30.0  # seconds until a test that hangs fails; none waits so long


class Connection:
    def __init__(self, session: Session) -> None:
        self._of, self._closed = session, False
        self.stopped = self.told_to_stop = False

    def begin(self, where: str) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._of.closed()


class Bytewise(BytewiseConnection):
    def __init__(self, session: Session) -> None:
        self._of = session
        self.stopped = self.told_to_stop = False

    def begin(self, where: str) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None:
        self._of.closed()


class Session:
    def __init__(self, idle: int = 0, most: int = 9) -> None:
        self.idle = [Connection(self) for _ in range(idle)]
        self.kept: list[Connection] = []
        self.opened = 0
        self.refused = threading.Event()
        self.passed = 0.0  # seconds that one look at a clock takes from the next
        self._now = 0.0
        self.slow_to_notice = 0  # so many more times it counts a connection that is closed
        self._most = most

    def monotonic(self) -> float:
        self._now += self.passed
        return self._now

    def borrow(self) -> tuple[Any, bool]:
        if self.idle:
            return self.idle.pop(), True
        return self.open_bulk(), False

    def open_bulk(self) -> Any:
        self._count()
        return Connection(self)

    def open_bytewise(self) -> Any:
        self._count()
        return Bytewise(self)

    def _count(self) -> None:
        if self.opened >= self._most or self.slow_to_notice:
            self.slow_to_notice = max(0, self.slow_to_notice - 1)
            self.refused.set()
            raise SourceBusy("too many connections")
        self.opened += 1

    def closed(self) -> None:
        self.opened -= 1

    def give_back(self, connection: Connection) -> None:
        self.kept.append(connection)

    def stop(self, connection: Connection) -> None:
        connection.stopped = connection.told_to_stop = True


def connections(session: Session, pauses: list[float] | None = None) -> ReadConnections:
    given: Any = session
    said = pauses if pauses is not None else []
    return ReadConnections(given, "streams.s.read", pause=said.append, monotonic=session.monotonic)


def test_a_page_uses_the_connection_of_the_page_before_it() -> None:
    session = Session()
    read = connections(session)

    used: list[Any] = [read.run(lambda connection: connection) for _ in range(3)]
    read.close()

    assert len(set(map(id, used))) == 1
    assert session.kept == [used[0]]


def test_a_kept_connection_that_is_lost_is_replaced_once() -> None:
    session = Session(idle=1)
    read = connections(session)
    met: list[Any] = []

    def work(connection: Any) -> str:
        met.append(connection)
        if len(met) == 1:
            raise Unreachable("closed by a firewall")
        return "read"

    assert read.run(work) == "read"
    read.close()
    assert session.kept == [met[1]]


def test_a_new_connection_that_is_lost_is_not_tried_again() -> None:
    read = connections(Session())

    def work(_connection: Any) -> None:
        raise Unreachable("gone")

    with pytest.raises(Unreachable):
        read.run(work)


def two_pages_at_once(session: Session, read: ReadConnections) -> list[Any]:
    """What each of them was read with, of a source that gives the second one nothing."""
    first_has_it = threading.Event()

    def first(connection: Any) -> Any:
        first_has_it.set()
        assert session.refused.wait(WAIT)
        return connection

    def second() -> Any:
        assert first_has_it.wait(WAIT)
        return read.run(lambda connection: connection)

    with ThreadPoolExecutor(2) as pool:
        pages = [pool.submit(read.run, first), pool.submit(second)]
        return [page.result(WAIT) for page in pages]


def test_a_source_with_a_single_connection_is_read_one_page_at_a_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = Session(most=1)

    used = two_pages_at_once(session, connections(session))

    assert used[0] is used[1]
    assert session.opened == 1
    assert "too many connections" in caplog.text


def test_a_source_with_a_single_connection_is_read_value_by_value_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(
        logging.ERROR, "drivers.odbc.connections"
    )  # an error kept in a line keeps the connection
    session = Session(most=1)
    read = connections(session)
    two_pages_at_once(session, read)

    used = read.run_bytewise(lambda connection: connection)

    assert isinstance(used, Bytewise)
    assert session.opened == 0
    assert isinstance(read.run(lambda connection: connection), Connection)


def test_a_page_that_is_to_be_read_value_by_value_waits_for_the_only_connection() -> None:
    session = Session(most=1)
    read = connections(session)
    has_it = threading.Event()

    def bulk(_connection: Any) -> None:
        has_it.set()
        assert session.refused.wait(WAIT)

    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(read.run, bulk)
        assert has_it.wait(WAIT)
        used = read.run_bytewise(lambda connection: connection)
        page.result(WAIT)

    assert isinstance(used, Bytewise)


@pytest.mark.parametrize("value_by_value", [True, False])
def test_the_only_connection_is_waited_for_until_the_source_notices_that_it_was_closed(
    value_by_value: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "drivers.odbc.connections")
    session, pauses = Session(most=1), list[float]()
    read = connections(session, pauses)
    two_pages_at_once(session, read)
    if not value_by_value:
        read.run_bytewise(lambda connection: connection)  # which leaves none to be taken again

    session.slow_to_notice = 3
    again = read.run_bytewise if value_by_value else read.run
    used = again(lambda connection: connection)

    assert isinstance(used, Bytewise if value_by_value else Connection)
    assert len(pauses) == 3


@pytest.mark.parametrize("refusal", [CredentialsRefused, SourceBusy])
def test_a_source_that_stays_full_is_not_asked_for_ever_and_refused_credentials_not_again(
    refusal: type[DriverError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "drivers.odbc.connections")
    session, pauses = Session(most=1), list[float]()
    read = connections(session, pauses)
    two_pages_at_once(session, read)
    read.run_bytewise(lambda connection: connection)

    def refuse() -> Any:
        raise refusal("no")

    session.borrow = refuse  # type: ignore[method-assign]
    with pytest.raises(refusal):
        read.run(lambda connection: connection)

    assert len(pauses) == (0 if refusal is CredentialsRefused else RELEASE_TRIES - 1)


def test_a_source_that_is_away_is_not_waited_for_as_one_that_is_full(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It refuses after its whole time-out, and ten of those are minutes in which nobody hears of it."""
    caplog.set_level(logging.ERROR, "drivers.odbc.connections")
    session, pauses = Session(most=1), list[float]()
    read = connections(session, pauses)
    two_pages_at_once(session, read)
    read.run_bytewise(lambda connection: connection)
    session.passed = 15.0

    def refuse() -> Any:
        raise Unreachable("timed out")

    session.borrow = session.open_bytewise = refuse  # type: ignore[method-assign]
    for asked in (read.run, read.run_bytewise):
        with pytest.raises(Unreachable):
            asked(lambda connection: connection)

    assert pauses == []


def test_credentials_that_are_refused_meanwhile_are_told_at_once_and_not_tried_again() -> None:
    session = Session()
    read = connections(session)
    asked: list[bool] = []

    def refuse() -> Any:
        asked.append(True)
        raise CredentialsRefused("no")

    def first(_connection: Any) -> None:
        session.borrow = refuse  # type: ignore[method-assign]
        with pytest.raises(CredentialsRefused):
            read.run(lambda connection: connection)

    read.run(first)

    assert len(asked) == 1


def test_while_the_only_connection_is_being_asked_for_nobody_else_asks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Who asks beside it would be refused until the first has done its work, and has too little patience for that."""
    caplog.set_level(logging.ERROR, "drivers.odbc.connections")
    session = Session(most=1)
    read = connections(session, pauses := list[float]())
    two_pages_at_once(session, read)
    asking, answered = threading.Event(), threading.Event()
    open_bytewise = session.open_bytewise

    def slowly() -> Any:
        found = open_bytewise()
        asking.set()
        assert answered.wait(WAIT)
        return found

    session.open_bytewise = slowly  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        bytewise = pool.submit(read.run_bytewise, lambda connection: connection)
        assert asking.wait(WAIT)
        bulk = pool.submit(read.run, lambda connection: connection)
        while not read._change._waiters:  # type: ignore[attr-defined]
            assert not bulk.done()
        answered.set()

        assert isinstance(bytewise.result(WAIT), Bytewise)
        assert isinstance(bulk.result(WAIT), Connection)
    assert pauses == []


def test_a_source_that_gives_no_connection_at_all_is_an_error() -> None:
    with pytest.raises(SourceBusy):
        connections(Session(most=0)).run(lambda connection: connection)


def test_a_connection_that_was_told_to_stop_is_not_kept() -> None:
    session = Session()
    read = connections(session)

    read.run(lambda _connection: read.stop())
    read.close()

    assert session.kept == []


@pytest.mark.parametrize("source_listens", [False, True])
def test_a_page_behind_one_that_was_thrown_away_is_read(source_listens: bool) -> None:
    """The page before it was read again and ended elsewhere, so the pages under way were stopped."""
    session = Session()
    read = connections(session)

    def stopped_too_late(connection: Any) -> Any:
        read.stop()
        connection.told_to_stop = source_listens
        return connection

    thrown_away = read.run(stopped_too_late)
    used = read.run(lambda connection: (connection, connection.stopped))

    assert used[1] is False
    assert (used[0] is thrown_away) is not source_listens
