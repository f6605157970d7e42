"""Takes one request to a receiver and brings what came of it: never an exception, never longer than its time.

The name is resolved for each new connection, every address is checked, and the connection goes to an address that
was checked: a name server that answers otherwise a moment later leads nowhere. No proxy, no redirect, no cookie.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.clock import Clock
from agent.version import VERSION
from relay.webhooks.line import Answer, Line, LineBroken
from relay.webhooks.resolving import Lookup, Resolver, system_lookup
from relay.webhooks.targets import Rules, Target, TargetRefused, checked_addresses, parse_target

REQUEST_SECONDS: Final = 10.0  # for all of it: the name, the connection, TLS, the answer
MAX_IDLE: Final = 64  # connections kept open of all endpoints
IDLE_SECONDS: Final = 20.0
MAX_AGE_SECONDS: Final = 300.0  # then the name is looked at anew


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request: an answer, or why there is none."""

    seconds: float
    status: int | None = None
    excerpt: str = ""
    failure: str = ""
    retry_after: str | None = None


@dataclass(slots=True)
class _Kept:
    line: Line
    opened: float
    idle_since: float


class Courier:
    def __init__(
        self,
        rules: Rules,
        tls: ssl.SSLContext,
        *,
        clock: Clock,
        lookup: Lookup = system_lookup,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._rules = rules
        self._tls = tls
        self._clock = clock
        self._resolver = Resolver(lookup)
        self._seconds = request_seconds
        self._idle: OrderedDict[int, tuple[str, _Kept]] = OrderedDict()  # the longest idle first
        self._number = 0

    async def post(self, endpoint: str, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """`endpoint`: who may use the same connections; nobody else's are ever used."""
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._answer(endpoint, parse_target(url, self._rules), headers, body)
        except TimeoutError:
            return Outcome(
                self._clock.monotonic() - begun, failure=f"no answer within {self._seconds:g} seconds"
            )
        except (TargetRefused, LineBroken) as error:
            return Outcome(self._clock.monotonic() - begun, failure=str(error))
        return Outcome(
            self._clock.monotonic() - begun, answer.status, answer.excerpt, retry_after=answer.retry_after
        )

    def close(self) -> None:
        for _, kept in self._idle.values():
            kept.line.abort()
        self._idle.clear()

    async def _answer(self, endpoint: str, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        told = {"User-Agent": f"groundwire/{VERSION}", "Content-Type": "application/json", **headers}
        key = f"{endpoint} {target.scheme} {target.authority}"
        kept = self._take(key)
        if kept is not None:
            try:
                return await self._over(key, kept, target, told, body)
            except LineBroken:
                # It was closed while it was idle, as is anybody's right: no answer of the receiver's.
                pass
        return await self._over(key, await self._connect(target), target, told, body)

    async def _over(
        self, key: str, kept: _Kept, target: Target, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        try:
            answer = await kept.line.post(target, headers, body)
        except BaseException:
            kept.line.abort()
            raise
        if kept.line.reusable:
            self._keep(key, kept)
        return answer

    async def _connect(self, target: Target) -> _Kept:
        try:
            found = await self._resolver(target.host, target.port)
        except OSError as error:
            raise LineBroken(f"the name {target.host} does not resolve") from error
        failure: Exception = LineBroken("there is no address")
        for address in checked_addresses(target.host, found, self._rules):
            try:
                line = await Line.open(address, target, self._tls)
            except (OSError, ValueError) as error:
                failure = error
                continue
            now = self._clock.monotonic()
            return _Kept(line, now, now)
        raise LineBroken(_why(failure)) from failure

    def _take(self, key: str) -> _Kept | None:
        self._drop_old()
        number = next((number for number, (whose, _) in reversed(self._idle.items()) if whose == key), None)
        return None if number is None else self._idle.pop(number)[1]

    def _keep(self, key: str, kept: _Kept) -> None:
        kept.idle_since = self._clock.monotonic()
        self._number += 1
        self._idle[self._number] = (key, kept)
        while len(self._idle) > MAX_IDLE:
            self._idle.popitem(last=False)[1][1].line.abort()

    def _drop_old(self) -> None:
        now = self._clock.monotonic()
        old = [
            number
            for number, (_, kept) in self._idle.items()
            if now - kept.idle_since > IDLE_SECONDS or now - kept.opened > MAX_AGE_SECONDS
        ]
        for number in old:
            self._idle.pop(number)[1].line.abort()


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "no TLS: the port may not speak https"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return "no connection came about"
