"""Transactions on threads of their own.

Writing ones run in lanes. In each lane one transaction runs at a time, of all relays together: it takes the lane's
advisory lock first, so it meets nobody between what it reads and what it writes, and never has to be run again for
another's sake. Works that wait while one runs go together into the next: one commit for all of them.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import psycopg
import structlog

from agent.errors import TransientError
from relay.store.base import OutcomeUnknown, StoreClosed
from relay.store.postgresql.address import Address
from relay.store.postgresql.faults import AGAIN, lost, translate
from relay.store.postgresql.session import Session
from relay.store.postgresql.sql import PostgresSql
from relay.store.sql import Sql
from relay.store.waiting import to_its_end

T = TypeVar("T")

log = structlog.get_logger()

GROUP: Final = 32  # works of one transaction; PostgreSQL tracks 64 parts of one well
ATTEMPTS: Final = 5  # of a transaction that the database gave up, or that went with its connection
PAUSE_SECONDS: Final = 0.05  # at most, before the next attempt
LOOKS: Final = 60  # for what became of a commit whose answer was lost
LOOK_SECONDS: Final = 0.5

pause = threading.Event().wait  # of a thread


@dataclass(frozen=True, slots=True)
class _Work:
    run: Callable[[Sql], Any]
    done: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _Outcome:
    result: Any = None
    failure: Exception | None = None

    def tell(self, done: Future[Any]) -> None:
        if self.failure is None:
            done.set_result(self.result)
        else:
            done.set_exception(self.failure)


class Lane:
    """`repeatable`: its works find by themselves what stands already, so after a lost commit they are run again."""

    def __init__(
        self, address: Address, name: str, *, repeatable: bool = False, durable: bool = True
    ) -> None:
        self._session = Session(address)
        self._name = name
        self._repeatable = repeatable
        self._begin = f"BEGIN; SELECT pg_advisory_xact_lock({address.key(name)})".encode()
        if not durable:
            self._begin += b"; SET LOCAL synchronous_commit = off"
        self._waiting: deque[_Work] = deque()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"store-{name}")
        self._closed = False

    async def write(self, work: Callable[[Sql], T]) -> T:
        if self._closed:
            raise StoreClosed(where=self._name)
        waiting = _Work(work)
        self._waiting.append(waiting)
        self._executor.submit(self._run)
        result: T = await to_its_end(asyncio.wrap_future(waiting.done))
        return result

    def abandon(self) -> None:
        """Before `aclose`, where the server does not answer: what waits for it fails."""
        self._session.abandon()

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        closing = asyncio.get_running_loop().run_in_executor(self._executor, self._session.close)
        await to_its_end(closing)
        self._executor.shutdown(wait=False)

    def _run(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP))]
        if not group:  # the one before took it along
            return
        try:
            outcomes = self._to_a_commit(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it
            outcomes = [_Outcome(failure=error)] * len(group)
        for work, outcome in zip(group, outcomes, strict=True):
            outcome.tell(work.done)

    def _to_a_commit(self, group: list[_Work]) -> list[_Outcome]:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(group)
            except psycopg.Error as error:
                self._session.settle()
                if attempt == ATTEMPTS or not (error.sqlstate in AGAIN or lost(error)):
                    raise translate(error, self._session.address) from error
                log.info(
                    "transaction_repeated", lane=self._name, attempt=attempt, reason=error.sqlstate or "lost"
                )
            except BaseException:
                self._session.settle()
                raise
            pause(random.uniform(0, PAUSE_SECONDS))  # noqa: S311 - no secret

    def _attempt(self, group: list[_Work]) -> list[_Outcome]:
        connection = self._session.connection()
        connection.execute(self._begin)
        if len(group) == 1:
            outcome = self._outcome(connection, group[0])
            if outcome.failure is None:
                self._commit(connection)
            else:
                connection.execute("ROLLBACK")
            return [outcome]
        outcomes = [self._apart(connection, work) for work in group]
        self._commit(connection)
        return outcomes

    def _apart(self, connection: psycopg.Connection[Any], work: _Work) -> _Outcome:
        """One of several: what fails in it leaves the others be."""
        connection.execute("SAVEPOINT work")
        outcome = self._outcome(connection, work)
        back = "" if outcome.failure is None else "ROLLBACK TO SAVEPOINT work; "
        connection.execute(f"{back}RELEASE SAVEPOINT work".encode())
        return outcome

    def _outcome(self, connection: psycopg.Connection[Any], work: _Work) -> _Outcome:
        try:
            return _Outcome(work.run(PostgresSql(connection)))
        except psycopg.Error as error:
            if error.sqlstate in AGAIN or lost(error):
                raise  # of the whole transaction
            failure = translate(error, self._session.address)
            failure.__cause__ = error
            return _Outcome(failure=failure)
        except Exception as error:  # noqa: BLE001 - it is told to whoever brought the work
            return _Outcome(failure=error)

    def _commit(self, connection: psycopg.Connection[Any]) -> None:
        number = None if self._repeatable else _number(connection)
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            if number is None or not lost(error):
                raise
            self._session.settle()
            if not self._stands(number):
                raise
            log.info("commit_found", lane=self._name)

    def _stands(self, number: int) -> bool:
        """Whether the transaction was committed; its answer went with the connection."""
        for _ in range(LOOKS):
            if self._session.abandoned:
                break
            with suppress(TransientError, psycopg.Error):
                rows = self._session.connection().execute(f"SELECT pg_xact_status('{number}'::xid8)".encode())
                (status,) = rows.fetchone() or ("",)
                if status != "in progress":
                    return bool(status == "committed")
            pause(LOOK_SECONDS)
        raise OutcomeUnknown(
            "The connection to the database broke at a commit, and the database does not tell what became of it.",
            where=str(self._session.address),
            hint="Ask again: what was stored is found, and a request with an Idempotency-Key is not carried out twice.",
        )


def _number(connection: psycopg.Connection[Any]) -> int | None:
    """Of the transaction; None: it changed nothing."""
    (number,) = connection.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchone() or (None,)
    return None if number is None else int(number)


class Readers:
    """Reading transactions, several at once."""

    def __init__(self, address: Address, count: int, *, locked: Sequence[str] = ()) -> None:
        """`locked`: tables that may be truncated.

        That is seen at once, also by who began to read before it: so they are locked before the state is chosen that
        the transaction sees.
        """
        self._begin = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        if locked:
            self._begin += f"; LOCK TABLE {', '.join(locked)} IN ACCESS SHARE MODE".encode()
        self._address = address
        self._own = threading.local()
        self._sessions: list[Session] = []
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="store-reader")
        self._closed = False
        self._abandoned = False

    async def read(self, work: Callable[[Sql], T]) -> T:
        if self._closed:
            raise StoreClosed(where="reading")
        return await to_its_end(asyncio.get_running_loop().run_in_executor(self._executor, self._read, work))

    def abandon(self) -> None:
        self._abandoned = True
        for session in list(self._sessions):
            session.abandon()

    async def aclose(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown)
        for session in self._sessions:
            session.close()

    def _session(self) -> Session:
        session: Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = Session(self._address)
            session.abandoned = self._abandoned
            self._sessions.append(session)
        return session

    def _read(self, work: Callable[[Sql], T]) -> T:
        session = self._session()
        attempt = 0
        while True:
            attempt += 1
            try:
                connection = session.connection()
                connection.execute(self._begin)
                result = work(PostgresSql(connection))
                connection.execute("COMMIT")
            except psycopg.Error as error:
                session.settle()
                if attempt == ATTEMPTS or not (error.sqlstate in AGAIN or lost(error)):
                    raise translate(error, self._address) from error
            except BaseException:
                session.settle()
                raise
            else:
                return result
