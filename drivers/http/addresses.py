"""Where a driver may connect to: the hosts that its options name, at addresses that are looked at before use.

A name is resolved once per connection, every address is checked, and the connection goes to the address that was
checked: an answer of the name server that changes in between leads nowhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Final

import httpcore

from drivers.contract import BadConfiguration, Unreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

# Private networks are where ERP systems live. What stays closed are addresses at which hosts and clouds talk to
# themselves: metadata services hand out credentials to whoever asks.
_CLOSED: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",
        "0.0.0.0/8",
        "::/128",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",  # of Alibaba, Azure and Oracle
    )
)


def is_open(text: str) -> bool:
    """Whether a driver may connect to the address."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    candidates: list[Address] = [address]
    # ::1 would be read as 0.0.0.1.
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        inner = (address.ipv4_mapped, address.sixtofour, address.teredo and address.teredo[1])
        candidates += [each for each in inner if each]
        if any(address in each for each in _IPV4_AT_THE_END):
            candidates.append(ipaddress.IPv4Address(address.packed[-4:]))
    return not any(
        each.is_multicast or any(each.version == net.version and each in net for net in _CLOSED)
        for each in candidates
    )


# NAT64 (well known and local), stateless translation and the old IPv4-compatible form.
_IPV4_AT_THE_END: Final = tuple(
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96", "::/96")
)


async def resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def open_addresses(host: str, port: int, *, where: str, resolver: Resolver = resolve) -> Sequence[str]:
    """The addresses of a host, none of which is closed. Raises a DriverError."""
    try:
        found = await resolver(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unreachable(
            f"the name {host!r} does not resolve: {reason}",
            where=where,
            hint="Correct the name, or ask for the DNS server that knows it.",
        ) from error
    closed = [address for address in found if not is_open(address)]
    if closed:
        raise _closed(host, closed[0], where)
    return found


def refuse_closed(host: str, *, where: str) -> None:
    """For a host that is written as an address and that somebody else, such as a proxy, will connect to."""
    try:
        address = socket.inet_ntoa(socket.inet_aton(host))  # takes 2852039166 and 0xa9fea9fe, as resolvers do
    except (OSError, UnicodeError):
        address = host
    is_address = address != host or address.replace(".", "").isdigit() or ":" in address
    if is_address and not is_open(address):
        raise _closed(host, address, where)


def _closed(host: str, address: str, where: str) -> BadConfiguration:
    return BadConfiguration(
        f"{host!r} is at {address}, an address that drivers never connect to",
        where=where,
        hint="It belongs to the machine's own network or to a cloud's metadata service. Name the ERP's host.",
    )


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    def __init__(
        self, allowed: Collection[tuple[str, int]], *, where: str, resolver: Resolver = resolve
    ) -> None:
        self._allowed = {(host.lower(), port) for host, port in allowed}
        self._where = where
        self._resolver = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if (host.lower(), port) not in self._allowed:
            raise BadConfiguration(
                f"{host}:{port} is not a host of this connection",
                where=self._where,
                hint="Only the hosts that the connection's options name are connected to.",
            )
        addresses = await open_addresses(host, port, where=self._where, resolver=self._resolver)
        failure: Exception = httpcore.ConnectError(f"{host!r} has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)
