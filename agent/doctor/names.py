"""Whether every name resolves that the installation connects to, how quickly, and to what."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from agent.doctor.check import Check, Known, Told
from agent.doctor.hosts import Host, relay_hosts, source_hosts
from agent.doctor.installation import Installation
from agent.doctor.reaching import addresses_of
from agent.errors import Unreachable
from agent.findings import Level
from agent.tunnel.dial import Address

SLOW_SECONDS: Final = 1.0  # a name server near by answers in a few milliseconds, one far away in under 0.3 s
NAME_SECONDS: Final = 4.0
_DOES_NOT_EXIST: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})

KNOWN: Final = (
    Known(
        "names.unknown",
        Level.PROBLEM,
        "The name servers of this host know no such name",
        "Correct the name, or ask the network's administrator for the name server that knows it.",
    ),
    Known(
        "names.unanswered",
        Level.PROBLEM,
        "No name server answered, or none could tell",
        "Check the name servers of this host and the way to them (port 53, UDP and TCP).",
    ),
    Known(
        "names.slow",
        Level.WARNING,
        "The name resolves, but slowly: mostly the first name server does not answer, and the next one is asked late",
        "Put a name server first that answers, or take the dead one out of this host's list.",
    ),
    Known(
        "names.short",
        Level.NOTICE,
        "A name without a dot depends on the search domains of this host",
        "Write the whole name, with its domain, into the connection's file: another host may have other search domains.",
    ),
    Known(
        "names.odd_address",
        Level.WARNING,
        "The name leads to an address that no host on the network has, as a name server does that blocks a name",
        "Ask the network's administrator whether this name is blocked; correct /etc/hosts if it stands there.",
    ),
)


async def check_names(installation: Installation, told: Told) -> None:
    hosts = {host.host: host for host in [*source_hosts(installation), *relay_hosts(installation)]}
    await asyncio.gather(*(_look_up(host, installation, told) for host in hosts.values()))


async def _look_up(host: Host, installation: Installation, told: Told) -> None:
    if _is_address(host.host):
        return
    began = installation.clock.monotonic()
    try:
        found = await addresses_of(host.host, host.port or 0, seconds=NAME_SECONDS)
    except Unreachable as error:
        _failed(host, error, installation, told)
        return
    seconds = installation.clock.monotonic() - began
    shown = ", ".join(dict.fromkeys(str(address[1][0]) for address in found))
    if seconds > SLOW_SECONDS:
        cause = f"the name {host.host} took {seconds:.1f} s to resolve"
        told.found("slow", host.where, cause, evidence=_servers(installation))
    if "." not in host.host and host.host != "localhost":
        told.found("short", host.where, f"the name {host.host} has no domain", evidence=f"it is {shown} here")
    if odd := _odd(host, found):
        told.found("odd_address", host.where, f"the name {host.host} leads to {odd}", evidence=shown)
    else:
        told.fine(host.where, "the name resolves", shown)


def _failed(host: Host, error: Unreachable, installation: Installation, told: Told) -> None:
    reason = error.__cause__
    number = reason.errno if isinstance(reason, socket.gaierror) else None
    evidence = _servers(installation)
    if number in _DOES_NOT_EXIST or isinstance(reason, UnicodeError):
        cause = f"there is no host named {host.host}"
        told.found("unknown", host.where, cause, evidence=evidence)
    else:
        cause = f"no name server could say where {host.host} is"
        told.found("unanswered", host.where, cause, evidence=evidence)


def _odd(host: Host, found: Sequence[Address]) -> str:
    """An address that cannot be the host's; loopback is one unless this very host is meant."""
    for _, address in found:
        text = str(address[0]).partition("%")[0]
        one = ipaddress.ip_address(text)
        if one.is_unspecified or (one.is_loopback and host.source is None and not _is_local(host.host)):
            return text
    return ""


def _is_local(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost") or name == socket.gethostname()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _servers(installation: Installation) -> str:
    """The name servers and search domains of this host, as resolv.conf has them."""
    try:
        text = (installation.root / "etc/resolv.conf").read_text("utf-8", "replace")
    except OSError:
        return "this host has no /etc/resolv.conf"
    words = [line.split() for line in text.splitlines()]
    servers = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver"]
    domains = [each for word in words if word and word[0] in {"search", "domain"} for each in word[1:]]
    return f"name servers: {', '.join(servers) or 'none'}; search domains: {', '.join(domains) or 'none'}"


CHECK: Final = Check("names", "the names of relay, proxy and systems", check_names, KNOWN)
