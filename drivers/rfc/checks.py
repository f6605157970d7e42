"""`groundwire check`, hop by hop: each step is tried only when the one before it worked."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from drivers.check_steps import tried
from drivers.contract import CheckStep, StreamSpec, Unreachable
from drivers.rfc.caller import CallFailed
from drivers.rfc.clock import local_time
from drivers.rfc.engine import Engine
from drivers.rfc.errors import translate
from drivers.rfc.options import ConnectionOptions

_PORT_SECONDS: Final = 5.0  # a closed port answers at once; only a firewall makes one wait
_GATEWAY: Final = 3300  # and the system number
_MESSAGE_SERVER: Final = 3600
_GATEWAY_HINT: Final = "Is {number} the system number? The gateway of system 00 listens on 3300, of 01 on 3301. Else a firewall may stand between."
_PORT_HINTS: Final = {
    "options.http.url": "See that the ICM listens on this port (transaction SMICM, Services) and that no firewall stands "
    "between.",
    "options.message_server": "The message server has a number of its own, which need not be the application servers': set "
    "options.message_server_port to the port of sapms and the system's name in SAP Logon's services (often 3600 or 3601). "
    "Else a firewall may stand between.",
}


def check(engine: Engine) -> list[CheckStep]:
    options, way = engine.options, engine.caller.way
    steps: list[tuple[str, Callable[[], str]]] = [
        ("SAP library" if way == "sdk" else "way", lambda: _called(engine.caller.version))
    ]
    place = _place(engine)
    if place is not None:
        host, port, where = place
        steps.append(("host name", lambda: _resolve(host, where)))
        steps.append(("port", lambda: _answer(host, port, where, options.system_number)))
    steps += [
        ("logon", engine.ask_product),
        ("clock", lambda: f"{local_time(engine.caller)} at the system"),
        ("table reader", lambda: _reader(engine)),
    ]
    return tried(steps)


def check_stream(engine: Engine, spec: StreamSpec) -> CheckStep:
    """What `check` is to the connection, for one stream. Raises the DriverError that it fails with."""
    engine.dictionary.forget()
    shape = engine.shape(replace(spec, columns=None))
    composer = engine.composer(replace(spec, columns=None))
    plan = composer.header_plan()
    found, _ = composer.reader.page(plan, None, 1)
    composer.page(found, contiguous=False)
    engine.signpost(spec)
    sources = ", ".join(source.table.name for source in shape.sources)
    parts = [
        f"{len(shape.header.outputs)} columns of {shape.header.table.name}",
        f"key {', '.join(shape.key)}",
        f"changes by {sources}" if sources else "no replication key",
    ]
    if shape.lines or shape.details:
        parts.append(f"{len(shape.lines) + sum(len(d.lines) for d in shape.details)} line sets")
    return CheckStep(f"stream {spec.name}", ok=True, detail=", ".join(parts), stream=spec.name)


def _called(work: Callable[[], str]) -> str:
    try:
        return work()
    except CallFailed as error:
        raise translate(error, where="options.way") from error


def _place(engine: Engine) -> tuple[str, int, str] | None:
    """Host, port and option; None where a router or a proxy is on the way, which resolves names itself.

    And where saprfclib asks a message server, over HTTP at a port that it takes from the services of this machine.
    """
    options = engine.options
    if engine.caller.way == "soap":
        if options.http is None or options.http.proxy:
            return None
        parts = urlsplit(options.http.url)
        return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80), "options.http.url"
    told = options.message_server_port
    if options.router or (options.message_server and engine.caller.way == "native" and told is None):
        return None
    if options.message_server:
        return options.message_server, told or _message_port(options), "options.message_server"
    return (options.host, _GATEWAY + int(options.system_number), "options.host") if options.host else None


def _message_port(options: ConnectionOptions) -> int:
    """As SAP's library finds it: in this machine's services, under the name of the system."""
    try:
        return socket.getservbyname(f"sapms{options.system_id}")
    except OSError:
        return _MESSAGE_SERVER + int(options.system_number)


def _resolve(host: str, where: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(
            f"the name {host!r} does not resolve: {error.strerror or error}",
            where=where,
            hint="Correct the name, or ask for the DNS server that knows it.",
        ) from error
    return ", ".join(sorted({str(entry[4][0]) for entry in found}))


def _answer(host: str, port: int, where: str, system_number: str) -> str:
    try:
        socket.create_connection((host, port), timeout=_PORT_SECONDS).close()
    except OSError as error:
        raise Unreachable(
            f"nothing answers at {host}:{port}: {error.strerror or error}",
            where=where,
            hint=_PORT_HINTS.get(where, _GATEWAY_HINT.format(number=system_number)),
        ) from error
    return f"{host}:{port} answers"


def _reader(engine: Engine) -> str:
    reader = engine.reader
    engine.decimals()
    return f"{reader.function}, {reader.form}, rows of {reader.width} characters" + (
        ", sorted" if reader.sorts else ""
    )
