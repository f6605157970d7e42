"""The two ways to one database: pyodbc for single answers, arrow-odbc for bulk. Everything here blocks.

A `Session` belongs to one driver; its small statements are serialised by a lock. A `BulkConnection` belongs to one
read at a time.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any, Final, TypeVar

import pyarrow as pa

from drivers.contract import BadConfiguration, DriverError, SourceBusy, SourceChanged
from drivers.odbc.bytewise import BytewiseConnection
from drivers.odbc.connection_string import driver_of, texts_of
from drivers.odbc.dialects import ANSI, DIALECTS, Dialect, dialect_of
from drivers.odbc.errors import NotText, is_lost, is_no_text, translate, without
from drivers.odbc.native import load_arrow_odbc, load_pyodbc
from drivers.odbc.options import KIB, ConnectionOptions
from drivers.odbc.queries import Sql
from drivers.odbc.shape import Kind
from drivers.odbc.tls import described
from drivers.odbc.values import DATETIMEOFFSET, datetimeoffset
from drivers.unreadable import is_raw

FETCH_ROWS: Final = 1_000  # rows in one transit buffer; more costs memory and was not faster
FIRST_TEXT_BYTES: Final = 4 * KIB  # what an unbounded column is given until a longer value is met
GROWTH: Final = 4
LONGEST_VALUE: Final = 1 << 30  # bytes sent in one piece; MariaDB's driver garbles values sent in several
IDLE_CONNECTIONS: Final = 2  # kept open between reads
_TOO_LONG: Final = re.compile(
    r"too large to be written into the allocated buffer.*?(?:Some\((\d+)\)|None)", re.DOTALL
)

_Result = TypeVar("_Result")
_log: Final = logging.getLogger(__name__)  # its lines go into the agent's log


class Session:
    def __init__(
        self,
        options: ConnectionOptions,
        connection_string: str,
        secrets: Sequence[str],
        dialect: Dialect | None = None,
    ) -> None:
        self._options = options
        self._connection_string = connection_string
        self.secrets = tuple(secrets)  # what must not be in any text
        self._lock = threading.Lock()
        self._connection: Any = None
        self._idle: list[BulkConnection] = []
        chosen = DIALECTS[options.dialect] if options.dialect else dialect
        self._dialect = chosen and _with_snapshot(chosen, asked=options.snapshot)
        self.product = ""
        self._said: set[str] = set()
        stated = texts_of(options.connection)
        self.tls = described(driver_of(stated), options.tls, stated)

    def __repr__(self) -> str:
        return f"Session({self.product or 'not connected'})"

    @property
    def dialect(self) -> Dialect:
        """Known from the first answer of the database on."""
        if self._dialect is None or not self.product:
            self.use(lambda _connection: None, where="options.connection")
        assert self._dialect is not None  # noqa: S101 - `use` connected, and connecting sets it
        return self._dialect

    def rows(self, sql: Sql, *, where: str) -> list[Any]:
        return self.use(
            lambda connection: connection.execute(sql.text, *sql.parameters).fetchall(), where=where
        )

    def value(self, sql: Sql, where: str) -> Any:
        """The one value that a statement gives; None where it gives no row."""
        rows = self.rows(sql, where=where)
        return rows[0][0] if rows else None

    def rows_within(self, seconds: int, sql: Sql, *, where: str) -> list[Any]:
        """As `rows`, under a time limit of its own. Raises SourceBusy where that is passed."""

        def work(connection: Any) -> list[Any]:
            self._limit(connection, seconds)
            try:
                return list(connection.execute(sql.text, *sql.parameters).fetchall())
            finally:
                with contextlib.suppress(Exception):  # a connection that is lost has no limit any more
                    self._limit(connection, self._options.query_seconds)

        return self.use(work, where=where)

    def _limit(self, connection: Any, seconds: int) -> None:
        if self._dialect is None or self._dialect.time_limit == "":
            try:
                connection.timeout = seconds
            except load_pyodbc().Error as error:
                self._say_once(f"the ODBC driver takes no time limit for statements: {error}")
        for statement in self._time_limit(seconds):
            connection.execute(statement)

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning("%s", without(self.secrets, sentence))

    def description(self, sql: Sql, *, where: str) -> list[tuple[Any, ...]]:
        return self.use(lambda connection: list(connection.execute(sql.text).description or ()), where=where)

    def use(self, work: Callable[[Any], _Result], *, where: str) -> _Result:
        """Run `work` with the pyodbc connection; once more on a new one if the old one turned out dead."""
        with self._lock:
            reused = self._connection is not None
            try:
                return self._attempt(work, where)
            except DriverError as error:
                if not (reused and is_lost(error)):
                    raise
            return self._attempt(work, where)

    def _attempt(self, work: Callable[[Any], _Result], where: str) -> _Result:
        pyodbc = load_pyodbc()
        try:
            if self._connection is None:
                self._connection = self._connect(pyodbc)
            return work(self._connection)
        except pyodbc.Error as error:
            fault = translate(error, where=where, hidden=self.secrets)
            if is_lost(fault):
                self._drop()
            raise fault from error

    def _connect(self, pyodbc: Any) -> Any:
        connection = pyodbc.connect(
            self._connection_string, autocommit=True, timeout=self._options.connect_seconds
        )
        connection.maxwrite = LONGEST_VALUE
        name = str(connection.getinfo(pyodbc.SQL_DBMS_NAME))
        if not self.product:
            _log.warning("connected to %s; TLS %s", name, self.tls)
        self.product = f"{name} {connection.getinfo(pyodbc.SQL_DBMS_VER)}"
        if self._dialect is None:
            self._dialect = _with_snapshot(dialect_of(name), asked=self._options.snapshot)
        if self._dialect.name == ANSI.name:
            quote = str(connection.getinfo(pyodbc.SQL_IDENTIFIER_QUOTE_CHAR)).strip()  # empty: there is none
            self._dialect = replace(self._dialect, quotes=(quote, quote))
        connection.add_output_converter(DATETIMEOFFSET, datetimeoffset)
        for statement in self._session_statements(self._dialect):
            connection.execute(statement)
        self._limit(connection, self._options.query_seconds)
        self._dialect = _with_moments(pyodbc, connection, self._dialect)
        return connection

    def _session_statements(self, dialect: Dialect) -> tuple[str, ...]:
        seconds = self._options.query_seconds
        return tuple(
            statement.replace("{milliseconds}", str(seconds * 1_000)) for statement in dialect.session
        )

    def open_writing(self) -> Any:
        """A new pyodbc connection in a transaction, with the limits of a write. Raises DriverError."""
        pyodbc = load_pyodbc()
        dialect = self.dialect
        seconds = self._options.lock_seconds
        try:
            connection = pyodbc.connect(
                self._connection_string, autocommit=True, timeout=self._options.connect_seconds
            )
            connection.maxwrite = LONGEST_VALUE
            connection.add_output_converter(DATETIMEOFFSET, datetimeoffset)
            for statement in dialect.write_session:
                connection.execute(
                    statement.replace("{seconds}", str(seconds)).replace(
                        "{milliseconds}", str(seconds * 1_000)
                    )
                )
            self._limit(connection, self._options.query_seconds)
            connection.autocommit = False
        except pyodbc.Error as error:
            raise translate(error, where="options.connection", hidden=self.secrets) from error
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()

    def _time_limit(self, seconds: int) -> tuple[str, ...]:
        if self._dialect is None or self._dialect.time_limit in {"", "-"}:
            return ()
        return (self._dialect.time_limit.format(seconds=seconds, milliseconds=seconds * 1_000),)

    def borrow(self) -> tuple[BulkConnection, bool]:
        """A bulk connection for one read, and whether it was used before. One that failed is not given back."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        return self.open_bulk(), False

    def stop(self, connection: BulkConnection | BytewiseConnection) -> None:
        """Have the source stop what the connection does, where it can be told so."""
        connection.stopped = True
        statement = self.dialect.stop.replace("{number}", connection.number)
        if statement and connection.number.isdigit():
            connection.told_to_stop = True
            # One that does not listen is left to its time limit.
            with contextlib.suppress(DriverError):
                self.use(lambda ours: ours.execute(statement).close(), where="options.connection")

    def give_back(self, connection: BulkConnection) -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)

    def open_bulk(self) -> BulkConnection:
        dialect = self.dialect
        settings = (*self._time_limit(self._options.query_seconds), *self._session_statements(dialect))
        return BulkConnection(self._options, dialect, self._open_arrow(), settings, self.secrets)

    def open_bytewise(self) -> BytewiseConnection:
        """For one page that bulk reading cannot give; its user closes it."""
        pyodbc = load_pyodbc()
        dialect = self.dialect
        try:
            raw = pyodbc.connect(
                self._connection_string, autocommit=True, timeout=self._options.connect_seconds
            )
            connection = BytewiseConnection(self._options, dialect, raw, self.secrets)
            for statement in self._session_statements(dialect):
                raw.execute(statement)
            self._limit(raw, self._options.query_seconds)
            connection.prepare()
        except pyodbc.Error as error:
            raise translate(error, where="options.connection", hidden=self.secrets) from error
        return connection

    def _open_arrow(self) -> Any:
        arrow_odbc = load_arrow_odbc()
        try:
            return arrow_odbc.connect(
                self._connection_string, autocommit=False, login_timeout_sec=self._options.connect_seconds
            )
        except arrow_odbc.Error as error:
            raise translate(error, where="options.connection", hidden=self.secrets) from error

    def close(self) -> None:
        with self._lock:
            self._drop()
            self._idle.clear()


class BulkConnection:
    """One arrow-odbc connection, in a transaction from `begin` to `end`."""

    def __init__(
        self,
        options: ConnectionOptions,
        dialect: Dialect,
        connection: Any,
        settings: Sequence[str],
        secrets: Sequence[str],
    ) -> None:
        self._options = options
        self._dialect = dialect
        self._connection = connection
        self._settings = tuple(settings)
        self._secrets = secrets
        self._prepared = False
        self.number = ""  # by which the source knows it
        self.stopped = False  # nobody waits for what it reads
        self.told_to_stop = False  # the source was told so as well, which may reach a later statement
        self._text_bytes: dict[str, int] = {}

    def begin(self, where: str) -> None:
        """Open the transaction that gives header and lines one state, where the product has such a thing."""
        arrow_odbc = load_arrow_odbc()
        try:
            if not self._prepared:
                for statement in self._settings:
                    self._connection.execute(statement)
                if self._dialect.number:
                    self.number = str(self.read(Sql(self._dialect.number), where=where).column(0)[0])
                self._connection.commit()
                self._prepared = True
            for statement in self._dialect.snapshot:
                self._connection.execute(statement)
        except arrow_odbc.Error as error:
            raise translate(error, where=where, hidden=self._secrets) from error

    def end(self) -> None:
        """Close the transaction. Nothing was written, so how it ends changes nothing."""
        with contextlib.suppress(load_arrow_odbc().Error):
            self._connection.rollback()

    def close(self) -> None:
        """Let go of the source's connection, whoever still holds this object: a thread that waits, an error."""
        self._connection = None

    def read(self, sql: Sql, *, where: str) -> pa.Table:
        """The whole answer. A value that does not fit the buffer is an error of the library, never cut; it grows."""
        if any(value is not None and is_raw(value) for value in sql.parameters):
            raise NotText("a value to look for is in no character set", where=where)
        size = self._text_bytes.get(where, min(FIRST_TEXT_BYTES, self._options.max_text_bytes))
        while True:
            if self.stopped:
                raise SourceBusy("the read was cancelled", where=where, hint="Nothing is to be done.")
            try:
                table = self._fetch(sql, size)
            except load_arrow_odbc().Error as error:
                longer = _TOO_LONG.search(str(error))
                if longer is None:
                    fault = translate(error, where=where, hidden=self._secrets)
                    if is_no_text(error):
                        raise NotText(fault.message, where=where, hint=fault.hint) from error
                    raise fault from error
                size = self._grown(size, int(longer.group(1) or 0), where, error)
                continue  # in the same transaction: the source saw no failure
            self._text_bytes[where] = size
            return table

    def _grown(self, size: int, needed: int, where: str, error: Exception) -> int:
        limit = self._options.max_text_bytes
        if 0 < needed < size:
            raise SourceChanged(
                f"a value of {needed} bytes is longer than the source declares its column to be",
                where=where,
                hint="Cast the column in the query to a type that is wide enough, or leave it out.",
            ) from error
        if size >= limit or needed > limit:
            raise SourceChanged(
                f"a value of {needed or f'over {size}'} bytes is longer than max_text_bytes ({limit})",
                where=where,
                hint="Raise options.max_text_bytes, or leave the column out of the query or shorten it there.",
            ) from error
        return min(max(size * GROWTH, needed + 1), limit)

    def _fetch(self, sql: Sql, text_bytes: int) -> pa.Table:
        reader = self._connection.read_arrow_batches(
            sql.text + self._dialect.reading,
            batch_size=FETCH_ROWS,
            parameters=list(sql.parameters) or None,
            max_bytes_per_batch=max(self._options.buffer_bytes, 2 * text_bytes),
            max_text_size=text_bytes,
            max_binary_size=text_bytes,
            map_schema=printed_schema if self._dialect.dates_as_text else exact_schema,
            fetch_concurrently=True,
            query_timeout_sec=self._options.query_seconds if self._dialect.time_limit == "" else None,
        )
        return pa.Table.from_batches(list(reader), schema=reader.schema)


def _with_snapshot(dialect: Dialect, *, asked: bool) -> Dialect:
    if not asked or dialect.consistent:
        return dialect
    if not dialect.snapshot_on_request:
        raise BadConfiguration(
            f"{dialect.name} offers no snapshot that this driver could ask for",
            where="options.snapshot",
            hint="Remove it: pages that change while they are read are then read again.",
        )
    return replace(dialect, session=(*dialect.session, *dialect.snapshot_on_request), consistent=True)


def _with_moments(pyodbc: Any, connection: Any, dialect: Dialect) -> Dialect:
    """Of a product that nobody foresaw: moments as the texts that it prints, where those are exact."""
    if Kind.TIMESTAMP in dialect.projections:
        return dialect
    for projection, now in product(dialect.moments_as_text, dialect.moments):
        statement = f"SELECT {now}, {projection.replace('{c}', now)}{dialect.row_source}"
        with contextlib.suppress(pyodbc.Error, ValueError):
            moment, printed = connection.execute(statement).fetchone()
            if isinstance(moment, datetime) and datetime.fromisoformat(str(printed).strip()) == moment:
                return replace(dialect, projections={**dialect.projections, Kind.TIMESTAMP: projection})
    return dialect


def exact_schema(schema: pa.Schema) -> pa.Schema:
    """Types that hold what the source prints: no decimal is parsed on the way (a NaN would become 0), no float cut."""
    return pa.schema([pa.field(field.name, _exact(field.type)) for field in schema])


def printed_schema(schema: pa.Schema) -> pa.Schema:
    """As `exact_schema`, with dates as texts; `values.typed` makes dates of those that are some.

    Moments cannot be had so, for drivers declare them shorter than they print them: the product is asked to print them.
    """
    exact = exact_schema(schema)
    return pa.schema(
        [field.with_type(pa.string()) if pa.types.is_date(field.type) else field for field in exact]
    )


def _exact(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.string()
    if pa.types.is_fixed_size_binary(kind):
        return pa.binary()  # a value shorter than declared ends arrow-odbc's process otherwise
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_timestamp(kind) and kind.unit != "ns":
        return pa.timestamp("us")
    return kind


def refuse_unknown_driver(driver: str) -> None:
    names = load_pyodbc().drivers()
    if driver and "/" not in driver and "\\" not in driver and driver not in names:
        raise BadConfiguration(
            f"no ODBC driver named {driver!r} is registered on this machine",
            where="options.connection.Driver",
            hint=f"Registered here: {', '.join(sorted(names)) or 'none'}.",
        )
