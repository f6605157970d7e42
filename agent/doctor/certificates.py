"""Certificates of the systems and in files that the configuration names: those that end soon, or have ended."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.certificates import code_of
from agent.doctor.check import Check, Known, Told
from agent.doctor.hosts import Host, source_hosts
from agent.doctor.installation import Installation
from agent.doctor.reaching import Shown, addresses_of, connected, secured, shown
from agent.errors import Unreachable
from agent.findings import Level

MAX_PEM_BYTES: Final = 1024 * 1024
_VERBS: Final = {"ended": "ended", "urgent": "ends", "ending": "ends"}  # of what is found
_FILES: Final = ("ca_file", "certificate_file")

KNOWN: Final = (
    Known(
        "certificates.unreadable",
        Level.PROBLEM,
        "A file that should hold certificates is missing, cannot be read, or holds none",
        "Put a PEM file there that the agent's user may read, or correct the setting.",
    ),
    Known(
        "certificates.ended",
        Level.PROBLEM,
        "A certificate that this installation relies on has expired",
        "Have its owner renew it, and put the new one in its place.",
    ),
    Known(
        "certificates.urgent",
        Level.PROBLEM,
        "A certificate that this installation relies on expires within a week",
        "Have its owner renew it now: after that day nothing connects.",
    ),
    Known(
        "certificates.ending",
        Level.WARNING,
        "A certificate that this installation relies on expires within three weeks",
        "Have its owner renew it before that day.",
    ),
    Known(
        "certificates.refused",
        Level.PROBLEM,
        "This host does not trust the certificate of a system",
        "Name the authority's PEM file as options.ca_file of the connection, or add it to the system's trusted ones. If a proxy opens TLS on the way, have it leave that name alone.",
    ),
)


async def check_certificates(installation: Installation, told: Told) -> None:
    for where, path in _files(installation):
        _judge_file(where, path, installation, told)
    await asyncio.gather(
        *(_judge_host(host, installation, told) for host in source_hosts(installation) if _secure(host))
    )


def _secure(host: Host) -> bool:
    return host.source is not None and host.source.secure


def _files(installation: Installation) -> Iterator[tuple[str, Path]]:
    settings = installation.settings
    if settings is not None and settings.relay.ca_file is not None:
        yield "agent.toml: relay.ca_file", Path(settings.relay.ca_file)
    for connection in installation.connections:
        tables = (connection.options, connection.options.get("http"))
        for table in tables:
            for name in _FILES:
                if isinstance(table, dict) and isinstance(table.get(name), str) and table[name]:
                    yield f"{connection.where}: options.{name}", Path(table[name])


def _judge_file(where: str, path: Path, installation: Installation, told: Told) -> None:
    try:
        raw = path.read_bytes()[:MAX_PEM_BYTES]
        found = [shown(one.public_bytes(Encoding.DER)) for one in x509.load_pem_x509_certificates(raw)]
    except OSError as error:
        told.found("unreadable", where, f"{path}: {error.strerror or 'cannot be read'}")
        return
    except (ValueError, x509.InvalidVersion):
        told.found("unreadable", where, f"{path} holds no certificate in PEM form")
        return
    for one in found:
        _judge(f"{where}: {path}", one, installation, told)


def _judge(where: str, one: Shown, installation: Installation, told: Told) -> None:
    code = code_of(one.ends, installation.clock.utcnow())
    if code:
        told.found(code, where, f"the certificate {_VERBS[code]} on {one.ends:%Y-%m-%d}", evidence=str(one))
    else:
        told.fine(where, f"the certificate is valid until {one.ends:%Y-%m-%d}", str(one))


async def _judge_host(host: Host, installation: Installation, told: Told) -> None:
    try:
        sock = await connected(host.host, host.port or 0, await addresses_of(host.host, host.port or 0))
    except Unreachable:
        return  # `sources` says so
    settings = next((one for one in installation.connections if one.name == host.what), None)
    own = settings.options.get("ca_file") if settings is not None else None
    try:
        context = ssl.create_default_context(cafile=str(own) if own else None)
    except OSError:
        sock.close()
        return  # said of the file
    found = await secured(sock, context, host.host, path=host.source.path if host.source else "/")
    if isinstance(found.error, ssl.SSLCertVerificationError):
        said = found.error.verify_message
        if "expired" not in said:
            told.found("refused", host.where, said, evidence=str(found.shown or ""))
            return
    if found.shown is not None:
        _judge(host.where, found.shown, installation, told)


CHECK: Final = Check(
    "certificates", "certificates of systems and in files, and when they end", check_certificates, KNOWN, 7.0
)
