"""What is known of each database product, as data. A product that nobody foresaw is read with `ANSI`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from drivers.odbc.positions import INT64_MAX, UINT64_MAX
from drivers.odbc.shape import Kind


class Limit(StrEnum):
    LIMIT = "limit"
    TOP = "top"
    FETCH_FIRST = "fetch_first"


class Returning(StrEnum):
    """How an insert gives back what the database made up for the new row."""

    CLAUSE = "returning"  # INSERT ... RETURNING
    OUTPUT = "output"  # INSERT ... OUTPUT inserted.x ... VALUES
    ROW_ID = "row_id"  # a query for the row inserted last
    LAST_ID = "last_id"  # the automatic number only
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ChangeTracking:
    """How a product is asked for the changes that it keeps account of; each statement gives one version or nothing."""

    current: str  # of the newest change that is committed
    oldest: str  # ? is a table: all its changes behind this one are kept
    changes: str  # the changes of {table} behind version {since}, as a table with the columns of its key
    version: str  # the column with the version of each


@dataclass(frozen=True, slots=True)
class Finer:
    """Moments that are kept more finely than a microsecond, as keys and cursors have to hold them."""

    bind: str
    digits: int  # of a second, that are read and bound
    projection: str = ""  # empty: as the ODBC driver hands them over, to the billionth


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    products: tuple[str, ...]  # beginnings of what SQL_DBMS_NAME answers, lower case
    limit: Limit
    quotes: tuple[str, str] = ('"', '"')
    folds: str = ""  # "upper" or "lower": what becomes of the letters of a name without quotes
    row_values: bool = False  # (a, b) > (?, ?) is understood and uses an index
    snapshot: tuple[str, ...] = ()  # opens a transaction in which all statements see one state
    consistent: bool = False
    # Where one state for header and lines has a price at the source, so that somebody has to ask for it.
    snapshot_on_request: tuple[str, ...] = ()
    session: tuple[str, ...] = ()  # said once on each connection that reads; with {milliseconds} of a query
    reading: str = ""  # behind each SELECT of a page: how it locks
    time_limit: str = ""  # a statement with {seconds} and {milliseconds}; empty: the ODBC attribute
    # How a bound text becomes a value of the column's kind, and how a column is read so that nothing is lost.
    binds: Mapping[Kind, str] = field(default_factory=dict)
    projections: Mapping[Kind, str] = field(default_factory=dict)
    native_binds: Mapping[str, str] = field(default_factory=dict)
    # Native types whose texts are bound as the hex of their UTF-16: a parameter may come in the database's code page.
    bound_as_utf16: frozenset[str] = frozenset()
    native_projections: Mapping[str, str] = field(default_factory=dict)
    native_kinds: Mapping[str, Kind] = field(default_factory=dict)
    finer: Finer | None = None
    # Dates are fetched as the ODBC driver prints them: one that is none (2024-00-15) ends the process that takes it for
    # a date. For products of which nobody knows that they keep none.
    dates_as_text: bool = False
    # The same for moments, which drivers declare shorter than they print them: the first of these expressions that the
    # product understands and prints a moment exactly with. `moments` are what that is tried on.
    moments_as_text: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    # Rows travel as one text each (see packing.py); {items} is the select list. Only kinds in `own_text` may then go
    # without their projection: their printed form is exact.
    pack: str = ""
    own_text: frozenset[Kind] = frozenset()
    # Writing: places that differ from `binds`; what is said once on the connection; how a procedure is called ({call}
    # is its name and arguments) and whether an argument may be an expression; how an insert gives back the new row.
    write_binds: Mapping[Kind, str] = field(default_factory=dict)
    write_session: tuple[str, ...] = ()  # with {seconds} and {milliseconds} to wait for a lock
    call: str = "CALL {call}"
    plain_arguments: bool = False
    returning: Returning = Returning.NONE
    ends_unasked: bool = (
        False  # a procedure may end the transaction, and engines may have none, without an error
    )
    commit: str = ""  # the statement that commits, where the driver's own way cannot be trusted
    declared_types: str = ""  # the columns of a table with their declared types, where the driver hides them
    native_type: str = ""  # expression naming a column's type, for the query that learns them
    native_query: str = ""  # the types of the columns of a query, which is its one parameter, in their order
    now: Mapping[str, str] = field(default_factory=dict)  # "local", "utc", "zoned", "date"
    row_source: str = ""  # what a SELECT without table must read from
    max_parameters: int = 1_000
    most_digits: int = 38  # of a decimal
    largest_integer: int = INT64_MAX  # that a key, a mark or a written value may be
    nul_in_text: bool = True
    safe_rowversion: str = ""
    tracking: ChangeTracking | None = None
    # The number of a connection, and what another one says to stop its statement ({number}). Only where every account
    # may do so with its own connections; elsewhere the time limit of a statement ends it.
    number: str = ""
    stop: str = ""
    # A server that gives no text which is not in the connection's character set, and none of the rows beside it: what
    # makes it give the bytes as they are, and which of Python's names, or of its own, they are read by.
    bytes_session: tuple[str, ...] = ()
    bytes_encoding: str = ""
    encrypted: str = ""  # asks what encrypts this connection; an empty text or null: nothing


_STANDARD_BINDS: Final = {
    Kind.DATE: "CAST(? AS date)",
    Kind.TIMESTAMP: "CAST(? AS timestamp)",
    Kind.TIME: "CAST(? AS time)",
}

POSTGRESQL: Final = Dialect(
    name="postgresql",
    products=("postgresql", "edb", "greenplum", "cockroach"),
    limit=Limit.LIMIT,
    folds="lower",
    row_values=True,
    snapshot=("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",),
    consistent=True,
    session=("SET work_mem = '32MB'",),  # the sort of one page's lines stays in memory
    time_limit="SET statement_timeout = {milliseconds}",
    binds={
        **_STANDARD_BINDS,
        Kind.INTEGER: "CAST(? AS bigint)",
        Kind.DECIMAL: "CAST(? AS numeric)",
        Kind.FLOAT: "CAST(? AS double precision)",
        Kind.TIMESTAMP_TZ: "CAST(? AS timestamptz)",
        Kind.UUID: "CAST(? AS uuid)",
        Kind.BOOLEAN: "CAST(? AS boolean)",
        Kind.BINARY: "decode(?, 'hex')",
        Kind.TEXT: "CAST(? AS text)",
        Kind.OTHER: "CAST(? AS text)",
    },
    # bpchar compares without its padding, as the column itself does; a cast to text would not.
    native_binds={"character": "CAST(? AS bpchar)", "character varying": "CAST(? AS varchar)"},
    # psqlODBC turns NaN into 0, 'infinity' into today and 44 BC into AD 44, silently: read these as text.
    projections={
        Kind.DECIMAL: "CAST({c} AS varchar(1000))",
        Kind.DATE: "CAST({c} AS varchar(13))",
        Kind.TIMESTAMP: "CAST({c} AS varchar(32))",
        Kind.TIMESTAMP_TZ: "CAST({c} AT TIME ZONE 'UTC' AS varchar(32)) || '+00:00'",
        Kind.UUID: "CAST({c} AS varchar(36))",
        Kind.BINARY: "encode({c}, 'hex')",
        Kind.OTHER: "CAST({c} AS text)",
    },
    native_projections={
        "money": "CAST(CAST({c} AS numeric) AS varchar(40))",
        "oid": "CAST({c} AS varchar(10))",  # unsigned
    },
    native_kinds={
        "smallint": Kind.INTEGER,
        "integer": Kind.INTEGER,
        "bigint": Kind.INTEGER,
        "oid": Kind.INTEGER,
        "numeric": Kind.DECIMAL,
        "money": Kind.DECIMAL,
        "real": Kind.FLOAT,
        "double precision": Kind.FLOAT,
        "character": Kind.TEXT,
        "character varying": Kind.TEXT,
        "text": Kind.TEXT,
        "name": Kind.TEXT,
        "citext": Kind.OTHER,
        "uuid": Kind.UUID,
        "boolean": Kind.BOOLEAN,
        "date": Kind.DATE,
        "time without time zone": Kind.TIME,
        "timestamp without time zone": Kind.TIMESTAMP,
        "timestamp with time zone": Kind.TIMESTAMP_TZ,
        "bytea": Kind.BINARY,
    },
    pack="CAST(ROW(0, {items}, 0) AS text) || chr(10)",
    own_text=frozenset({Kind.DECIMAL, Kind.DATE, Kind.TIMESTAMP, Kind.UUID, Kind.INTEGER, Kind.OTHER}),
    native_type="CAST(pg_typeof({c}) AS varchar(200))",
    now={
        "local": "LOCALTIMESTAMP",
        "utc": "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'",
        "zoned": "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'",
        "date": "CURRENT_DATE",
    },
    max_parameters=10_000,
    nul_in_text=False,
    write_session=("SET lock_timeout = {milliseconds}",),
    write_binds={Kind.INTEGER: "?"},  # a procedure's smallint takes no bigint
    encrypted="SELECT CASE WHEN ssl THEN version ELSE '' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    number="SELECT CAST(pg_backend_pid() AS varchar(20))",
    stop="SELECT pg_cancel_backend({number})",
    bytes_session=("SET client_encoding = 'SQL_ASCII'",),
    bytes_encoding="SELECT current_setting('server_encoding')",
    commit="COMMIT",  # psqlODBC answers SQLEndTran with success on a connection that it knows to be dead
    returning=Returning.CLAUSE,
)

MARIADB: Final = Dialect(
    name="mariadb",
    products=("mariadb",),
    limit=Limit.LIMIT,
    quotes=("`", "`"),
    snapshot=("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",),
    consistent=True,
    time_limit="SET SESSION max_statement_time = {seconds}",
    binds={
        Kind.INTEGER: "CAST(? AS DECIMAL(20,0))",  # SIGNED would turn the upper half of an unsigned key negative
        Kind.DECIMAL: "CAST(? AS DECIMAL({size},{scale}))",
        Kind.DATE: "CAST(? AS DATE)",
        Kind.TIMESTAMP: "CAST(? AS DATETIME(6))",
        Kind.TIME: "CAST(? AS TIME(6))",
        Kind.FLOAT: "CAST(? AS DOUBLE)",
        Kind.BINARY: "UNHEX(?)",
    },
    # The connector hands over unsigned numbers as negative ones and bit(1) as NULL, silently; a time over 24 hours
    # ends its fetch, and a date that is none (2024-00-15) the whole process that reads it. Day zero stands for null.
    projections={
        Kind.DATE: "IF({c} = 0, NULL, CAST({c} AS CHAR(10)))",
        # Always with six digits, as a key of it has always been written.
        Kind.TIMESTAMP: "IF({c} = 0, NULL, DATE_FORMAT({c}, '%Y-%m-%d %H:%i:%s.%f'))",
        Kind.INTEGER: "CAST({c} AS CHAR(21))",
        Kind.BOOLEAN: "CAST({c} AS UNSIGNED)",
        Kind.BINARY: "LOWER(HEX({c}))",
        Kind.DECIMAL: "CAST({c} AS CHAR(80))",
        Kind.TIME: "CAST({c} AS CHAR(20))",
    },
    now={"local": "LOCALTIMESTAMP(6)", "utc": "UTC_TIMESTAMP(6)", "date": "CURRENT_DATE"},
    max_parameters=10_000,
    largest_integer=UINT64_MAX,  # of a column that is unsigned
    write_binds={
        Kind.INTEGER: "CAST(? AS DECIMAL({size},0))",
        Kind.BOOLEAN: "CAST(? AS UNSIGNED)",
    },
    write_session=(
        "SET SESSION innodb_lock_wait_timeout = {seconds}",
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",  # what does not fit is refused, not cut
    ),
    number="SELECT CAST(CONNECTION_ID() AS CHAR(20))",
    stop="KILL QUERY {number}",
    encrypted="SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_VERSION'",
    returning=Returning.CLAUSE,
    ends_unasked=True,
)

MYSQL: Final = replace(
    MARIADB,
    name="mysql",
    products=("mysql", "aurora"),
    returning=Returning.LAST_ID,
    encrypted="SELECT VARIABLE_VALUE FROM performance_schema.session_status WHERE VARIABLE_NAME = 'Ssl_version'",
    time_limit="SET SESSION max_execution_time = {milliseconds}",
)

SQLITE: Final = Dialect(
    name="sqlite",
    products=("sqlite",),
    limit=Limit.LIMIT,
    row_values=True,
    consistent=True,
    snapshot=(),  # with autocommit off, its first SELECT opens one
    time_limit="-",
    binds={
        Kind.INTEGER: "CAST(? AS INTEGER)",
        Kind.DECIMAL: "CAST(? AS NUMERIC)",
        Kind.FLOAT: "CAST(? AS REAL)",
        Kind.TEXT: "CAST(? AS TEXT)",
    },
    # The declared type binds nobody in SQLite, so everything is read as the text it is.
    projections={
        Kind.INTEGER: "CAST({c} AS TEXT)",
        Kind.DECIMAL: "CAST({c} AS TEXT)",
        Kind.DATE: "CAST({c} AS TEXT)",
        Kind.TIMESTAMP: "CAST({c} AS TEXT)",
        Kind.TIME: "CAST({c} AS TEXT)",
        Kind.TEXT: "CAST({c} AS TEXT)",
        Kind.OTHER: "CAST({c} AS TEXT)",
        Kind.BINARY: "LOWER(HEX({c}))",
    },
    now={
        "local": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        "utc": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        "date": "date('now')",
    },
    max_parameters=900,
    write_binds={Kind.DECIMAL: "?", Kind.BOOLEAN: "CAST(? AS INTEGER)"},
    declared_types="SELECT name, type FROM pragma_table_info(?)",
    returning=Returning.ROW_ID,
)

_WIDE: Final = frozenset({"nchar", "nvarchar", "sysname"})
SQLSERVER: Final = Dialect(
    name="sqlserver",
    products=("microsoft sql server", "sql server", "azure sql"),
    limit=Limit.TOP,
    quotes=("[", "]"),
    # Committed rows only, whatever the data source says, and never in the way: in a deadlock the reader gives way, and
    # it does not wait for a lock for ever.
    session=(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET DEADLOCK_PRIORITY LOW",
        "SET LOCK_TIMEOUT {milliseconds}",
    ),
    snapshot_on_request=("SET TRANSACTION ISOLATION LEVEL SNAPSHOT",),
    binds={
        Kind.INTEGER: "CAST(? AS bigint)",
        Kind.DECIMAL: "CAST(? AS decimal({size},{scale}))",
        Kind.DATE: "CONVERT(date, ?, 23)",
        Kind.TIMESTAMP: "CONVERT(datetime2(7), ?, 121)",
        Kind.TIMESTAMP_TZ: "CAST(? AS datetimeoffset(7))",
        Kind.TIME: "CAST(? AS time(7))",
        Kind.FLOAT: "CAST(? AS float)",
        Kind.UUID: "CAST(? AS uniqueidentifier)",
        Kind.BOOLEAN: "CAST(? AS bit)",
        Kind.BINARY: "CONVERT(varbinary(max), ?, 2)",
    },
    # A column is compared as it is ordered only by a value of its own type: a datetime of .003 is .00333 to a datetime2
    # (since 2016), and varchar sorts hyphens otherwise than nvarchar.
    native_binds={
        "datetime": "CONVERT(datetime, CONVERT(datetime2(3), ?, 121))",
        **dict.fromkeys(("timestamp", "rowversion"), "CONVERT(binary(8), ?, 2)"),
        **dict.fromkeys(("char", "varchar"), "CAST(? AS varchar(8000))"),
        **dict.fromkeys(_WIDE, "CONVERT(nvarchar(4000), CONVERT(varbinary(8000), ?, 2))"),
    },
    bound_as_utf16=_WIDE,
    projections={
        # Through decimal: money itself is printed with two of its four digits.
        Kind.DECIMAL: "CONVERT(varchar(60), CAST({c} AS decimal(38,{scale})))",
        Kind.BINARY: "LOWER(CONVERT(varchar(max), CONVERT(varbinary(max), {c}), 2))",
        Kind.TIMESTAMP: "CONVERT(varchar(27), {c}, 121)",
        Kind.TIMESTAMP_TZ: "CONVERT(varchar(27), CAST(SWITCHOFFSET({c}, '+00:00') AS datetime2(7)), 121) + '+00:00'",
        Kind.UUID: "CONVERT(varchar(36), {c})",
        Kind.OTHER: "CONVERT(nvarchar(max), {c})",
    },
    # Since SQL Server 2012; before it the ODBC driver's own word has to do.
    native_query="SELECT system_type_name FROM sys.dm_exec_describe_first_result_set(?, NULL, 0)"
    " WHERE is_hidden = 0 ORDER BY column_ordinal",
    native_kinds={
        **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), Kind.INTEGER),
        **dict.fromkeys(("decimal", "numeric", "money", "smallmoney"), Kind.DECIMAL),
        **dict.fromkeys(("float", "real"), Kind.FLOAT),
        **dict.fromkeys(("char", "varchar", "nchar", "nvarchar", "text", "ntext", "sysname"), Kind.TEXT),
        **dict.fromkeys(("datetime", "datetime2", "smalldatetime"), Kind.TIMESTAMP),
        **dict.fromkeys(("binary", "varbinary", "image", "timestamp", "rowversion"), Kind.BINARY),
        "datetimeoffset": Kind.TIMESTAMP_TZ,
        "uniqueidentifier": Kind.UUID,
        "bit": Kind.BOOLEAN,
        "date": Kind.DATE,
        "time": Kind.TIME,
    },
    now={
        "local": "SYSDATETIME()",
        "utc": "SYSUTCDATETIME()",
        "zoned": "SYSUTCDATETIME()",
        "date": "CAST(SYSDATETIME() AS date)",
    },
    # In bigint: with the plain number 1 the subtraction is one of int, which keeps the lower half alone.
    safe_rowversion="LOWER(CONVERT(varchar(16), CONVERT(binary(8), CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) - 1), 2))",
    tracking=ChangeTracking(
        current="SELECT CHANGE_TRACKING_CURRENT_VERSION()",
        oldest="SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID(?))",
        changes="CHANGETABLE(CHANGES {table}, {since})",
        version="SYS_CHANGE_VERSION",
    ),
    encrypted="SELECT CASE encrypt_option WHEN 'TRUE' THEN 'TLS' ELSE '' END FROM sys.dm_exec_connections"
    " WHERE session_id = @@SPID",
    max_parameters=2_000,
    # A datetime parameter reads 2026-02-03 by the language of the account otherwise: as the 2nd of March in German.
    write_session=("SET LOCK_TIMEOUT {milliseconds}", "SET DATEFORMAT ymd"),
    call="{CALL {call}}",
    plain_arguments=True,
    returning=Returning.OUTPUT,
)

ORACLE: Final = Dialect(
    name="oracle",
    products=("oracle",),
    limit=Limit.FETCH_FIRST,
    folds="upper",
    snapshot=("SET TRANSACTION READ ONLY",),
    consistent=True,
    session=(
        "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",  # else a German client prints 1,5
        # Else a German client orders texts as its language does, and compares them by their bytes.
        "ALTER SESSION SET NLS_SORT = BINARY NLS_COMP = BINARY",
    ),
    binds={
        Kind.INTEGER: "TO_NUMBER(?)",
        Kind.DECIMAL: "TO_NUMBER(?)",
        Kind.DATE: "TO_DATE(?, 'YYYY-MM-DD')",
        Kind.TIMESTAMP: "TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS.FF6')",
        Kind.BINARY: "HEXTORAW(?)",
    },
    projections={Kind.DECIMAL: "TO_CHAR({c}, 'TM9')", Kind.BINARY: "LOWER(RAWTOHEX({c}))"},
    now={"local": "LOCALTIMESTAMP", "utc": "SYS_EXTRACT_UTC(SYSTIMESTAMP)", "date": "TRUNC(SYSDATE)"},
    finer=Finer(
        "TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS.FF9')", 9, "TO_CHAR({c}, 'YYYY-MM-DD HH24:MI:SS.FF9')"
    ),
    row_source=" FROM DUAL",
    encrypted="SELECT CASE SYS_CONTEXT('USERENV', 'NETWORK_PROTOCOL') WHEN 'tcps' THEN 'TLS' END FROM DUAL",
    write_binds={Kind.BOOLEAN: "TO_NUMBER(?)"},
    write_session=("ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",),
    call="{CALL {call}}",
)

# NetSuite's SuiteAnalytics Connect. Its functions are a choice of Oracle's (docs.oracle.com, "SuiteQL Supported and
# Unsupported Functions"); it has no transactions.
SUITEQL: Final = Dialect(
    name="suiteql",
    products=("suiteanalytics", "netsuite"),
    limit=Limit.FETCH_FIRST,
    folds="upper",
    binds={
        Kind.INTEGER: "TO_NUMBER(?)",
        Kind.DECIMAL: "TO_NUMBER(?)",
        Kind.DATE: "TO_DATE(?, 'YYYY-MM-DD')",
        Kind.TIMESTAMP: "TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS.FF6')",
    },
    now={
        "local": "CURRENT_TIMESTAMP",
        "utc": "SYS_EXTRACT_UTC(CURRENT_TIMESTAMP)",
        "date": "CURRENT_DATE",
    },
    finer=Finer("TO_TIMESTAMP(?, 'YYYY-MM-DD HH24:MI:SS.FF9')", 9),
    row_source=" FROM dual",
)

DB2: Final = Dialect(
    name="db2",
    products=("db2", "ibm db2", "as/400", "qsq"),
    limit=Limit.FETCH_FIRST,
    folds="upper",
    reading=" FOR READ ONLY WITH CS",  # committed rows only, and no lock is kept behind them
    binds={
        **_STANDARD_BINDS,
        Kind.INTEGER: "CAST(? AS bigint)",
        Kind.DECIMAL: "CAST(? AS decimal({size},{scale}))",
        Kind.FLOAT: "CAST(? AS double)",
        Kind.BINARY: "VARBINARY_FORMAT(CAST(? AS varchar(8000)))",
    },
    projections={Kind.BINARY: "LOWER(HEX({c}))"},
    now={
        "local": "CURRENT TIMESTAMP",
        "utc": "CURRENT TIMESTAMP - CURRENT TIMEZONE",
        "date": "CURRENT DATE",
    },
    finer=Finer("CAST(? AS timestamp(12))", 12, "VARCHAR_FORMAT({c}, 'YYYY-MM-DD HH24:MI:SS.FF12')"),
    row_source=" FROM SYSIBM.SYSDUMMY1",
    most_digits=31,
)

HANA: Final = Dialect(
    name="hana",
    products=("hdb", "hana", "sap hana"),
    limit=Limit.LIMIT,
    folds="upper",
    snapshot=(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    ),  # in HANA the state that the transaction met
    consistent=True,
    binds={
        **_STANDARD_BINDS,
        Kind.INTEGER: "CAST(? AS bigint)",
        Kind.DECIMAL: "CAST(? AS decimal({size},{scale}))",
        Kind.FLOAT: "CAST(? AS double)",
        Kind.BINARY: "HEXTOBIN(?)",
    },
    projections={Kind.BINARY: "LOWER(BINTOHEX({c}))"},
    now={"local": "CURRENT_TIMESTAMP", "utc": "CURRENT_UTCTIMESTAMP", "date": "CURRENT_DATE"},
    finer=Finer("CAST(? AS timestamp)", 7, "TO_VARCHAR({c}, 'YYYY-MM-DD HH24:MI:SS.FF7')"),
    row_source=" FROM DUMMY",
    encrypted="SELECT CASE IS_ENCRYPTED WHEN 'TRUE' THEN 'TLS' END FROM M_CONNECTIONS"
    " WHERE CONNECTION_ID = CURRENT_CONNECTION",
    write_session=("SET TRANSACTION LOCK WAIT TIMEOUT {milliseconds}",),
)

ANSI: Final = Dialect(
    name="ansi",
    products=(),
    limit=Limit.FETCH_FIRST,
    folds="upper",
    binds={
        **_STANDARD_BINDS,
        Kind.INTEGER: "CAST(? AS bigint)",
        Kind.DECIMAL: "CAST(? AS decimal({size},{scale}))",
    },
    now={"local": "CURRENT_TIMESTAMP", "utc": "CURRENT_TIMESTAMP", "date": "CURRENT_DATE"},
    finer=Finer("CAST(? AS timestamp({scale}))", 9),
    dates_as_text=True,
    moments_as_text=("CAST({c} AS varchar(40))", "CAST({c} AS char(40))"),
    moments=("LOCALTIMESTAMP(6)", "CURRENT_TIMESTAMP(6)"),
)

DIALECTS: Final = {
    d.name: d for d in (POSTGRESQL, MARIADB, MYSQL, SQLITE, SQLSERVER, ORACLE, DB2, HANA, SUITEQL, ANSI)
}


def dialect_of(product: str) -> Dialect:
    wanted = product.lower()
    for dialect in DIALECTS.values():
        if any(wanted.startswith(beginning) for beginning in dialect.products):
            return dialect
    return ANSI
