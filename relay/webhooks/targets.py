"""Pure: where webhooks may go. Whoever can create an endpoint must not reach what only the relay's host can reach."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL: Final = 2_048
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
FIRST_FREE_PORT: Final = 1_024  # below it only those of the web: mail, shells and directories live there
_PRINTABLE: Final = re.compile(r"[!-~]+")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?")

# Everything that IANA lists as not for the open internet, and addresses at which clouds answer their own machines.
_CLOSED_V4: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",
    )
)  # fmt: skip
# Of IPv6 only global unicast is open: not what holds an IPv4 address inside (mapped, NAT64, 6to4, Teredo).
_OPEN_V6: Final = ipaddress.IPv6Network("2000::/3")
_CLOSED_V6: Final = tuple(
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


class TargetRefused(Exception):
    """Webhooks do not go there; the text says why, to the tenant."""


@dataclass(frozen=True, slots=True)
class Target:
    scheme: str
    host: str
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator of the relay allows beyond https to public addresses."""

    allow_http: bool = False
    networks: tuple[Network, ...] = ()

    def allows(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if any(address.version == net.version and address in net for net in self.networks):
            return True
        return is_public(address)


def is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in net for net in _CLOSED_V4)
    if address.scope_id is not None or address not in _OPEN_V6:
        return False
    return not any(address in net for net in _CLOSED_V6)


def parse_target(url: str, rules: Rules) -> Target:
    """Read the URL of an endpoint. Raises TargetRefused."""
    if len(url) > MAX_URL:
        raise TargetRefused(f"The URL is longer than {MAX_URL} characters.")
    if _PRINTABLE.fullmatch(url) is None or "\\" in url:
        raise TargetRefused("The URL holds a character that none may: write names as xn--, others as %XX.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetRefused("The URL cannot be read.") from error
    schemes = ("https", "http") if rules.allow_http else ("https",)
    if parts.scheme not in schemes:
        raise TargetRefused(f"The URL must begin with {' or '.join(f'{name}://' for name in schemes)}.")
    if "@" in parts.netloc:
        raise TargetRefused(
            "The URL holds credentials. Webhooks are signed; the receiver checks the signature."
        )
    if "#" in url:
        raise TargetRefused("The URL has a fragment, which is never sent.")
    target = Target(parts.scheme, _host_of(parts), _port_of(parts.scheme, port), _path_of(parts))
    literal = _literal(target.host)
    if literal is not None and not rules.allows(literal):
        raise closed(target.host)
    return target


def checked_addresses(host: str, addresses: Sequence[str], rules: Rules) -> Sequence[str]:
    """All of them, or TargetRefused: a name with one closed address among others is not to be trusted."""
    if not addresses:
        raise TargetRefused(f"The name {host} has no address.")
    if not all(rules.allows(address) for address in addresses):
        raise closed(host)
    return addresses


def closed(host: str) -> TargetRefused:
    """Does not name the address: it may be an answer of a name server inside."""
    return TargetRefused(
        f"{host} is not at a public address. The operator of the relay can allow networks (webhooks.allow_networks)."
    )


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host and "%" not in host:  # a zone is of this machine's own networks
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise TargetRefused("The URL's host is no address.") from error
    if _HOST.fullmatch(host) is None:
        raise TargetRefused("The URL names no host, or one that cannot be.")
    return host


def _port_of(scheme: str, port: int | None) -> int:
    if port is None:
        return DEFAULT_PORTS[scheme]
    if port not in DEFAULT_PORTS.values() and port < FIRST_FREE_PORT:
        raise TargetRefused(
            f"Port {port} is not one for webhooks: 80, 443, or any from {FIRST_FREE_PORT} on."
        )
    return port


def _path_of(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.path or '/'}{query}"


def _literal(host: str) -> str | None:
    """The address, where the host is written as one in any of the forms that resolvers take: 2130706433, 0x7f.1."""
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None
