"""Names, connections and TLS as the checks try them: the product's own hops, each with little time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from agent.beside import beside
from agent.doctor.patience import patient
from agent.errors import Unreachable
from agent.tunnel.dial import Address, connect_tcp, resolve

HOP_SECONDS: Final = 2.0  # of each hop; a healthy one takes well under one
MAX_HEAD_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """The certificate that a server showed, whether it is trusted or not."""

    subject: str
    issuer: str
    fingerprint: str  # SHA-256
    begins: datetime
    ends: datetime
    names: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"certificate of {self.subject}, issued by {self.issuer}, "
            f"valid from {self.begins:%Y-%m-%d} to {self.ends:%Y-%m-%d}, SHA-256 {self.fingerprint}"
        )


@dataclass(frozen=True, slots=True)
class Secured:
    shown: Shown | None  # None: it broke before there was one
    error: ssl.SSLError | OSError | None  # why the handshake failed
    date: datetime | None = None  # of its answer


async def addresses_of(host: str, port: int, *, seconds: float = HOP_SECONDS) -> list[Address]:
    """Raises Unreachable."""
    seconds = patient(seconds)
    try:
        async with asyncio.timeout(seconds):
            return await resolve(host, port)
    except TimeoutError as error:
        raise Unreachable(
            f"the name server did not answer within {seconds:g} s", where=f"name {host}"
        ) from error


async def connected(
    host: str, port: int, found: list[Address], *, seconds: float = HOP_SECONDS
) -> socket.socket:
    """Raises Unreachable; `no_answer` tells a silent host from one that refuses."""
    seconds = patient(seconds)
    try:
        async with asyncio.timeout(seconds):
            return await connect_tcp(host, port, found)
    except TimeoutError as error:
        raise Unreachable(
            f"no TCP connection: no answer within {seconds:g} s", where=f"connection to {host}:{port}"
        ) from error


def no_answer(error: Unreachable) -> bool:
    """Whether nothing came back at all, as where a firewall drops packets; else somebody said no."""
    return isinstance(error.__cause__, TimeoutError)


async def secured(
    sock: socket.socket, context: ssl.SSLContext, host: str, *, path: str = "/", seconds: float = HOP_SECONDS
) -> Secured:
    """TLS over a connected socket, checked as always, and one HEAD request for the server's clock; closes the socket."""
    return await beside(lambda: _secured(sock, context, host, path, patient(seconds)), name="tls")


def _secured(sock: socket.socket, context: ssl.SSLContext, host: str, path: str, seconds: float) -> Secured:
    sock.settimeout(seconds)
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    inner: Any = tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - public from Python 3.13 on
    try:
        tls.do_handshake()
        return Secured(_first(inner), None, _date(tls, host, path))
    except OSError as error:  # every error of TLS is one
        return Secured(_first(inner), error)
    finally:
        tls.close()


def _first(inner: Any) -> Shown | None:
    """The server's own certificate, also where the handshake failed for it."""
    try:
        chain = inner.get_unverified_chain()
        return shown(ssl.PEM_cert_to_DER_cert(chain[0].public_bytes())) if chain else None
    except (AttributeError, ValueError, ssl.SSLError):
        return None


def shown(der: bytes) -> Shown:
    """Raises ValueError for what is no certificate."""
    try:
        one = x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error
    names: tuple[str, ...] = ()
    with suppress(x509.ExtensionNotFound):
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = (
            *found.get_values_for_type(x509.DNSName),
            *map(str, found.get_values_for_type(x509.IPAddress)),
        )
    return Shown(
        subject=one.subject.rfc4514_string() or ", ".join(names) or "nobody",
        issuer=one.issuer.rfc4514_string() or "nobody",
        fingerprint=one.fingerprint(hashes.SHA256()).hex(":").upper(),
        begins=one.not_valid_before_utc,
        ends=one.not_valid_after_utc,
        names=names,
    )


def _date(tls: socket.socket, host: str, path: str) -> datetime | None:
    """What the server's clock says, where it answers with a Date."""
    try:
        tls.sendall(f"HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return date_in(_head(tls))
    except (OSError, UnicodeError):
        return None


async def plain_date(
    sock: socket.socket, host: str, path: str, *, seconds: float = HOP_SECONDS
) -> datetime | None:
    """What the clock of a server without TLS says; closes the socket."""

    def ask() -> datetime | None:
        with sock:
            sock.settimeout(patient(seconds))
            return _date(sock, host, path)

    return await beside(ask, name="http")


def _head(sock: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD_BYTES:
        part = sock.recv(4096)
        if not part:
            break
        head += part
    return head


def date_in(head: bytes) -> datetime | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"date":
            try:
                found = parsedate_to_datetime(value.strip().decode("ascii"))
            except (ValueError, TypeError, UnicodeError):
                return None
            return found if found.tzinfo is not None else None
    return None
