"""`groundwire check`, hop by hop: each step is tried only when the one before it worked."""

from __future__ import annotations

import socket
from typing import Final

from drivers.check_steps import Step, tried
from drivers.contract import (
    BadConfiguration,
    CheckStep,
    NotPermitted,
    ReadMode,
    ReadRequest,
    SourceChanged,
    StreamSpec,
    Unreachable,
)
from drivers.odbc import queries
from drivers.odbc.dialects import ANSI
from drivers.odbc.learning import learn
from drivers.odbc.native import load_arrow_odbc, load_pyodbc
from drivers.odbc.options import ConnectionOptions
from drivers.odbc.queries import Sql
from drivers.odbc.session import Session, refuse_unknown_driver
from drivers.odbc.tracking import TrackedRead, tracked_tables

_HOST_ATTRIBUTES: Final = ("server", "servername", "host", "hostname")
_THIS_MACHINE: Final = frozenset({".", "(local)"})  # SQL Server's words
_STANDARD: Final = (
    "standard SQL alone, for the product is unknown here; options.dialect names one that it resembles"
)
_PORT_SECONDS: Final = 5.0  # a closed port answers at once; only a firewall makes one wait


def check(options: ConnectionOptions, session: Session) -> list[CheckStep]:
    return tried(_steps(options, session))


def _steps(options: ConnectionOptions, session: Session) -> list[Step]:
    attributes = {name.lower(): str(value) for name, value in options.connection.items()}
    host, port = address(attributes)
    steps: list[Step] = [
        ("driver manager", _driver_manager),
        ("odbc driver", lambda: _registered(attributes)),
    ]
    if host:
        steps.append(("host name", lambda: _resolve(host)))
    if host and port:
        steps.append(("port", lambda: _answer(host, port)))
    steps.append(("sign-in", lambda: _sign_in(session)))
    if host or options.tls is not None:
        steps.append(("tls", lambda: _tls(options, session)))
    steps.append(("bulk connection", lambda: _bulk(session)))
    return steps


def check_stream(session: Session, spec: StreamSpec) -> CheckStep:
    """What `check` is to the connection, for one stream. Raises the DriverError that it fails with."""
    return CheckStep(f"stream {spec.name}", ok=True, detail=_stream(session, spec), stream=spec.name)


def address(attributes: dict[str, str]) -> tuple[str, int | None]:
    """Host and TCP port, as far as the attributes tell; SQL Server writes `tcp:host,port`."""
    server = next((attributes[name] for name in _HOST_ATTRIBUTES if attributes.get(name)), "")
    server = server.removeprefix("tcp:")
    host, _, behind = server.partition(",")
    host, _, instance = host.partition("\\")
    port = behind or attributes.get("port", "")
    if instance and not behind:
        port = ""  # a named instance chooses its port itself
    host = host.strip().strip("[]")
    if host in _THIS_MACHINE or host.startswith(("/", "(localdb)", "np:", "lpc:")):
        return "", None  # a socket, a pipe or shared memory: there is no name to look up, and no port
    return host, int(port) if port.strip().isdigit() else None


def _driver_manager() -> str:
    load_arrow_odbc()
    return f"loaded; pyodbc {load_pyodbc().version}"


def _registered(attributes: dict[str, str]) -> str:
    driver = attributes.get("driver", "")
    refuse_unknown_driver(driver)
    return driver or f"data source {attributes.get('dsn', '')}"


def _resolve(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(
            f"the name {host!r} does not resolve: {error.strerror or error}",
            where="options.connection.Server",
            hint="Correct the name, or ask for the DNS server that knows it.",
        ) from error
    return ", ".join(sorted({str(entry[4][0]) for entry in found}))


def _answer(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=_PORT_SECONDS).close()
    except OSError as error:
        raise Unreachable(
            f"nothing answers at {host}:{port}: {error.strerror or error}",
            where="options.connection.Port",
            hint="See that the database listens on this address and that no firewall stands between.",
        ) from error
    return f"{host}:{port} answers"


def _sign_in(session: Session) -> str:
    session.use(lambda _connection: None, where="options.connection")
    known = f"{session.product}, read as {session.dialect.name}"
    return known if session.dialect.name != ANSI.name else f"{known}: {_STANDARD}"


def _tls(options: ConnectionOptions, session: Session) -> str:
    """What was chosen, and what the server says of this connection, where it tells."""
    chosen = session.tls
    if not session.dialect.encrypted:
        return f"{chosen}; {session.dialect.name} does not tell what it came to"
    try:
        found = session.value(Sql(session.dialect.encrypted), "options.tls")
    except (NotPermitted, SourceChanged, BadConfiguration):
        return f"{chosen}; the account may not see what it came to"
    if not found and options.tls in {"verify", "encrypt"}:
        raise BadConfiguration(
            f"{chosen} was asked for, and the server says that the connection is not encrypted",
            where="options.tls",
            hint="See that the server has TLS switched on, and that no proxy between ends it.",
        )
    return f"{chosen}; the server says {found or 'that the connection is not encrypted'}"


def _bulk(session: Session) -> str:
    connection = session.open_bulk()
    connection.begin("options.connection")
    connection.read(Sql(f"SELECT 1 AS one{session.dialect.row_source}"), where="options.connection")
    connection.end()
    return "one row read" + (", header and lines from one state" if session.dialect.consistent else "")


def _stream(session: Session, spec: StreamSpec) -> str:
    shape = learn(session, spec)
    where = f"streams.{spec.name}.read"
    session.rows(queries.null_key_probe(session.dialect, shape, ()), where=f"{where}.query")
    if shape.replication is not None:
        session.rows(queries.highest_mark(session.dialect, shape, shape.replication), where=where)
    tables = tracked_tables(session.dialect, shape)
    if tables is not None:
        tables.current(session.value)
        oldest = tables.oldest(session.value)
        read = TrackedRead(session.dialect, shape, tables, ReadRequest(spec, ReadMode.CHANGES))
        session.rows(queries.null_key_probe(session.dialect, read.shape(oldest), ()), where=where)
    for lines in shape.lines:
        statement = queries.lines_of(session.dialect, shape, lines, [Sql("1 = 0")], None)
        session.rows(statement, where=f"{where}.lines.{lines.name}.query")
    sets = f", {len(shape.lines)} line sets" if shape.lines else ""
    mark = f", changes by {shape.replication.name}" if shape.replication else ", no replication key"
    if tables is not None:
        mark = f", changes tracked in {', '.join(name for name, _ in tables.tables)}"
    return f"{len(shape.columns)} columns, key {', '.join(c.name for c in shape.key)}{mark}{sets}"
