"""Whether this host's clock is right, by the clocks of the servers that it talks to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import datetime, timedelta
from typing import Final

from agent.doctor.check import Check, Known, Told
from agent.doctor.hosts import Host, relay_endpoint, source_hosts
from agent.doctor.installation import Installation
from agent.doctor.one_try import ask_once
from agent.doctor.patience import patient
from agent.doctor.reaching import Secured, addresses_of, connected, plain_date, secured
from agent.errors import GroundwireError, Unreachable
from agent.findings import Level
from agent.tunnel.dial import connect_through

NOTICED: Final = timedelta(seconds=60)  # a Date header has whole seconds, and an answer takes a few
WRONG: Final = timedelta(seconds=300)  # what Kerberos and most signed requests still take
PROXY_SECONDS: Final = 2.0

KNOWN: Final = (
    Known(
        "clock.wrong",
        Level.PROBLEM,
        "This host's clock is so far off that certificates and signed requests are refused",
        "Have this host's clock set by a time server (`timedatectl set-ntp true`, or the guest tools of the hypervisor).",
    ),
    Known(
        "clock.off",
        Level.WARNING,
        "This host's clock differs from that of a server it talks to by more than a minute",
        "Have this host's clock set by a time server; if only one server differs, tell its operator.",
    ),
    Known(
        "clock.unknown",
        Level.NOTICE,
        "No server that answers told its time, so the clock was held against none",
        "Nothing to do. `timedatectl` tells whether a time server sets this host's clock.",
    ),
    Known(
        "clock.certificate",
        Level.PROBLEM,
        "A server's certificate begins later than this host's today: mostly this host's clock is behind",
        "Correct this host's clock; if it is right, have the server's operator look at the certificate.",
    ),
)


async def check_clock(installation: Installation, told: Told) -> None:
    seen = await asyncio.gather(
        _relay(installation),
        *(_source(host) for host in source_hosts(installation)),
    )
    heard = 0
    for where, found in (one for one in seen if one is not None):
        now = installation.clock.utcnow()
        if found.shown is not None and found.shown.begins > now:
            cause = f"the certificate begins on {found.shown.begins:%Y-%m-%d %H:%M} UTC"
            told.found("certificate", where, cause, evidence=f"here it is {now:%Y-%m-%d %H:%M} UTC")
        if found.date is not None:
            heard += 1
            _compare(where, found.date, now, told)
    if any(one is not None for one in seen) and not heard:
        told.found("unknown", "this host", "no server that answers told its time")


def _compare(where: str, date: datetime, now: datetime, told: Told) -> None:
    off = abs(now - date)
    evidence = f"its Date header says {date:%Y-%m-%d %H:%M:%S} UTC, here it is {now:%Y-%m-%d %H:%M:%S} UTC"
    if off <= NOTICED:
        told.fine(where, "its clock and this host's agree", evidence)
        return
    which = "behind" if now < date else "ahead"
    code = "wrong" if off > WRONG else "off"
    told.found(code, where, f"this host's clock is {_words(off)} {which}", evidence=evidence)


def _words(off: timedelta) -> str:
    seconds = round(off.total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds} seconds"


async def _relay(installation: Installation) -> tuple[str, Secured] | None:
    sock: socket.socket | None = None
    try:
        endpoint = relay_endpoint(installation)
        if endpoint is None or not endpoint.secure:
            return None
        proxy = endpoint.proxy
        host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
        sock = await connected(host, port, await addresses_of(host, port))
        if proxy is not None:
            async with asyncio.timeout(patient(PROXY_SECONDS)):
                await connect_through(sock, proxy, endpoint, ask=ask_once)
        path = endpoint.url.partition(endpoint.authority)[2] or "/"
        handed, sock = sock, None
        context = ssl.create_default_context(
            cafile=None if endpoint.ca_file is None else str(endpoint.ca_file)
        )
        return f"relay: {endpoint.authority}", await secured(handed, context, endpoint.host, path=path)
    except (GroundwireError, OSError):
        return None  # the check of the relay says so
    finally:
        if sock is not None:
            sock.close()


async def _source(host: Host) -> tuple[str, Secured] | None:
    """Of a system that speaks HTTP; others tell no time before somebody signs in."""
    source = host.source
    if source is None or host.port is None or not source.speaks_http:
        return None
    try:
        sock = await connected(host.host, host.port, await addresses_of(host.host, host.port))
    except Unreachable:
        return None
    if not source.secure:
        return host.where, Secured(None, None, await plain_date(sock, host.host, source.path))
    context = ssl.create_default_context()
    return host.where, await secured(sock, context, host.host, path=source.path)


CHECK: Final = Check("clock", "this host's clock against those of relay and systems", check_clock, KNOWN, 7.0)
