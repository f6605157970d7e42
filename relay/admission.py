"""Pure: when a newcomer may begin, how many of one address there may be, and which address a proxy speaks for."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from typing import Final

LONGEST_WAIT_SECONDS: Final = 5.0  # at the door; an agent gives its handshake 15 s
LATEST_SECONDS: Final = 60.0  # the latest that one who finds the queue full is told to come again
_HOME_BITS: Final = 64  # what one customer of a provider has of IPv6

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Admission:
    """A queue, so that a thousand agents that come at once come in one after the other.

    The gap is counted from when somebody really went in: a relay that was held up lets nobody in faster afterwards.
    Those who find the queue full are told each another time, at the same gap.
    """

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next = -math.inf  # when the next newcomer may begin
        self._queue = 0
        self._appointed = -math.inf  # until when others have been told to come again

    def join(self, now: float) -> bool:
        """False: too many wait already. Whoever has joined leaves, in whatever way it goes on."""
        if self.wait(now) + self._queue * self._gap > LONGEST_WAIT_SECONDS:
            return False
        self._queue += 1
        return True

    def appointment(self, now: float) -> float:
        """Seconds after which one that could not join comes again; another one's are others."""
        at = min(max(self._appointed, now + LONGEST_WAIT_SECONDS), now + LATEST_SECONDS)
        self._appointed = at + self._gap
        return at - now

    def leave(self) -> None:
        self._queue -= 1

    def wait(self, now: float) -> float:
        """Seconds until the first of the queue may begin."""
        return max(self._next - now, 0.0)

    def enter(self, now: float) -> None:
        self._next = now + self._gap


class Newcomers:
    """Who has come and not yet told who it is: of one place no more than `most` at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: dict[Hashable, str] = {}
        self._count: Counter[str] = Counter()

    def come(self, who: Hashable, place: str) -> bool:
        """False: there are too many of its place already; it is not counted."""
        if self._count[place] >= self._most:
            return False
        self._places[who] = place
        self._count[place] += 1
        return True

    def go(self, who: Hashable) -> None:
        """It has told who it is, or is gone; both may be said."""
        place = self._places.pop(who, None)
        if place is None:
            return
        self._count[place] -= 1
        if not self._count[place]:
            del self._count[place]


def place_of(address: str) -> str:
    """What one stranger may have many addresses of counts as one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _HOME_BITS), strict=False))


def address_behind(peer: str, forwarded: Sequence[str], proxies: Collection[Network]) -> str | None:
    """The address that a connection comes from; None: a proxy of ours has not said.

    `forwarded`: the values of X-Forwarded-For. They are read only where the peer is one of the proxies, and from their
    end: what stands before the first address that is no proxy of ours was written by whoever sent it.
    """
    if not _within(peer, proxies):
        return peer
    named = [name.strip() for value in forwarded for name in value.split(",")]
    return next((name for name in reversed(named) if not _within(name, proxies)), None)


def _within(address: str, networks: Collection[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(mapped in network for network in networks)
