"""Where a connection's driver connects to, as far as its options tell: for whoever asks why a source is not reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from drivers.contract import BadConfiguration

GATEWAY_PORT: Final = 3300  # of an application server of SAP, and its system number
MESSAGE_SERVER_PORT: Final = 3600
ROUTER_PORT: Final = 3299
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SourceAddress:
    host: str
    port: int | None  # None: the driver asks for it, as of a named instance of SQL Server
    where: str  # the option that says so
    secure: bool = False  # TLS from the first byte
    path: str = ""  # of a server that speaks HTTP; empty where none does

    @property
    def speaks_http(self) -> bool:
        return bool(self.path)


def source_addresses(driver: str, options: Mapping[str, Any]) -> tuple[SourceAddress, ...]:
    """Each once. Of a host behind a proxy only the proxy: that one is connected to, and resolves the names behind it."""
    found = {(one.host, one.port): one for one in _all(driver, options)}
    return tuple(found.values())


def may_show_certificates(driver: str, options: Mapping[str, Any]) -> bool:
    """Whether a driver with these options can come to see a certificate: ODBC's and SAP's libraries keep theirs to themselves."""
    if driver == "netsuite":
        return True
    if driver == "rfc":
        options = options.get("http") or {}
    auth = options.get("auth") if isinstance(options, Mapping) else None
    urls = [options.get("url"), options.get("proxy")] if isinstance(options, Mapping) else []
    urls += [auth.get("token_url")] if isinstance(auth, Mapping) else []
    return any(isinstance(url, str) and url.startswith("https:") for url in urls)


def _all(driver: str, options: Mapping[str, Any]) -> Iterator[SourceAddress]:
    if driver == "odbc":
        yield from _odbc(options)
    if driver == "rfc":
        yield from _rfc(options)
        options = options.get("http") or {}
    if driver == "netsuite":
        yield from _netsuite(options)
    if isinstance(options, Mapping):
        yield from _http(options)


def _http(options: Mapping[str, Any]) -> Iterator[SourceAddress]:
    if options.get("proxy"):
        for one in _of_url(options["proxy"], "options.proxy"):
            yield SourceAddress(one.host, one.port, one.where)
        return
    auth = options.get("auth")
    yield from _of_url(options.get("url"), "options.url")
    if isinstance(auth, Mapping):
        yield from _of_url(auth.get("token_url"), "options.auth.token_url")


def _of_url(url: object, where: str) -> Iterator[SourceAddress]:
    if not isinstance(url, str):
        return
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return  # `config check` says so
    if host:
        yield SourceAddress(host, port, where, secure=parts.scheme == "https", path=parts.path or "/")


def _odbc(options: Mapping[str, Any]) -> Iterator[SourceAddress]:
    from drivers.odbc.checks import address  # noqa: PLC0415 - only where it is used

    stated = options.get("connection")
    if not isinstance(stated, Mapping):
        return
    host, port = address({str(name).lower(): str(value) for name, value in stated.items()})
    if host:
        yield SourceAddress(host, port, "options.connection")


def _netsuite(options: Mapping[str, Any]) -> Iterator[SourceAddress]:
    """Its host follows from the account."""
    from drivers.netsuite.options import parse_connection  # noqa: PLC0415 - only where it is used

    if options.get("url"):
        return
    try:
        yield from _http(parse_connection(options).model_dump())
    except BadConfiguration:
        return


def _rfc(options: Mapping[str, Any]) -> Iterator[SourceAddress]:
    number = str(options.get("system_number", "00"))
    offset = int(number) if number.isdigit() else 0
    router = str(options.get("router") or "")
    if router:
        yield from _router(router)
        return
    if options.get("host"):
        yield SourceAddress(str(options["host"]), GATEWAY_PORT + offset, "options.host")
    if options.get("message_server"):
        port = options.get("message_server_port")
        yield SourceAddress(
            str(options["message_server"]),
            port if isinstance(port, int) else MESSAGE_SERVER_PORT + offset,
            "options.message_server",
        )


def _router(router: str) -> Iterator[SourceAddress]:
    """The first hop of a SAProuter string, /H/host/S/port/...; what is behind it is reached by the router."""
    parts = router.strip("/").split("/")
    words = dict(zip(parts[0:4:2], parts[1:4:2], strict=False))
    port = words.get("S", "")
    if words.get("H"):
        yield SourceAddress(words["H"], int(port) if port.isdigit() else ROUTER_PORT, "options.router")
