"""One HTTP client for all drivers that speak HTTP.

It connects to the hosts of its options and nowhere else, follows no redirect, takes no proxy from the environment,
bounds every answer in bytes and time, and raises nothing but `DriverError`s. Signing in, and signing in anew when a
token or a session ended, happens inside.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from drivers.contract import (
    BadConfiguration,
    DriverError,
    Hop,
    SeenCertificate,
    SourceBusy,
    SourceChanged,
    Throttled,
    Unreachable,
    unseen,
)
from drivers.http.bodies import ACCEPTED, collect, pieces
from drivers.http.handshakes import own_certificate
from drivers.http.lanes import Lanes
from drivers.http.messages import Answer, Request, Sink
from drivers.http.options import HttpOptions, Windows, revealed
from drivers.http.sign_in import clock_doubt, sign_in_of
from drivers.http.transport import NotSent, Transport, port_of, tls_context, translate
from drivers.http.windows import WindowsSignIn, signed_exchange

OK: Final = 200
UNAUTHORIZED: Final = 401
TOO_MANY: Final = 429
UNAVAILABLE: Final = 503
_DEFAULT_PAUSE: Final = 30.0  # seconds; a source that says "too many" and not for how long
_LONGEST_PAUSE: Final = 3_600.0
_LEAVING_SECONDS: Final = 5.0  # of a connection that is closed, for its logout
_FAILURES: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,
)

Pause = Callable[[float], Awaitable[None]]


class Redirected(BadConfiguration):
    """The server sent the request elsewhere; whether it did something first is not known."""


class HttpClient:
    def __init__(
        self,
        options: HttpOptions,
        secrets: Mapping[str, str],
        *,
        agent: str = "Groundwire",
        transport: httpx.AsyncBaseTransport | None = None,
        pause: Pause = asyncio.sleep,  # noqa: TID251 - the driver's own pace; a test hands in its own
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,  # noqa: TID251 - the moment that signatures name
        seen: SeenCertificate = unseen,
        leads_to: Hop = Hop.SOURCE,
    ) -> None:
        """Connects to nothing. `seen` is told of certificates, and `leads_to` is what answers at the options' URL.

        Raises BadConfiguration for options and secrets that cannot work.
        """
        for name in ("httpx", "httpcore"):
            # They log URLs, and with them values of the source; at their finest level credentials too.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._options = options
        self._secrets = tuple(value for value in secrets.values() if value)
        headers = {
            name: _header_value(revealed(value, secrets, f"options.headers.{name}"), name)
            for name, value in options.headers.items()
        }
        self._client = httpx.AsyncClient(
            transport=transport or _transport(options, secrets, seen, leads_to),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": agent, **headers, "Accept-Encoding": ACCEPTED},
            timeout=httpx.Timeout(
                options.silence_seconds, connect=options.connect_seconds, pool=options.request_seconds
            ),
        )
        self._sign_in = sign_in_of(options, secrets, monotonic, now)
        self._signing_in = asyncio.Lock()
        self._epoch = 0  # of the credentials in use: those that were refused are expired once
        self._renewed = False  # whether the last ones that were refused could be
        self._slots = asyncio.Semaphore(options.parallel)
        self._pacing = asyncio.Lock()
        self._next_at = 0.0
        self._pause = pause
        self._monotonic = monotonic
        self._now = now

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not stand in an error."""
        return self._secrets

    def clock_doubt(self, answer: Answer) -> str:
        """What to say of a refused signature where this host's clock is far from the server's; else empty."""
        return clock_doubt(answer, self._now())

    async def send(self, request: Request, *, sink: Sink | None = None) -> Answer:
        """The answer, whatever its status but a redirect, 429 and 503.

        Raises NotSent (an Unreachable) where no connection came about, and Unreachable where a reply was lost. What
        goes into a sink is asked for once, whatever the request says.
        """
        for attempt in range(2):
            signed, epoch = await self._signed(request)
            answer = await self._exchange(signed, sink)
            if answer.status != UNAUTHORIZED or attempt or not await self._renew(epoch):
                break
        return answer

    async def sign_in(self) -> None:
        """Have what a request carries, so that a request that must not be doubted fails before it is sent."""
        async with self._signing_in:
            await self._sign_in.headers(self._exchange)

    async def aclose(self) -> None:
        try:
            async with asyncio.timeout(_LEAVING_SECONDS):
                await self._sign_in.leave(self._exchange)
        except (DriverError, TimeoutError):
            pass  # the source ends the session by itself
        finally:
            await self._client.aclose()

    async def _signed(self, request: Request) -> tuple[Request, int]:
        async with self._signing_in:
            headers = await self._sign_in.headers(self._exchange)
            epoch = self._epoch
        merged = {**request.headers, **headers}
        return (
            Request(request.method, request.target, merged, request.body, request.where, request.repeatable),
            epoch,
        )

    async def _renew(self, epoch: int) -> bool:
        async with self._signing_in:
            if epoch != self._epoch:
                return self._renewed  # another request was refused with the same ones, and saw to it
            self._epoch += 1
            self._renewed = self._sign_in.expire()
            return self._renewed

    async def _exchange(self, request: Request, sink: Sink | None = None) -> Answer:
        url = self._url_of(request)
        try:
            return self._judged(await self._try(request, url, sink), request)
        except NotSent:
            raise
        except Unreachable as error:
            # An idle connection may have been closed by a firewall or a restart; that says nothing about now.
            late = isinstance(error.__cause__, TimeoutError | httpcore.TimeoutException)
            if late or sink is not None or not request.repeatable:
                raise
        return self._judged(await self._try(request, url), request)

    async def _try(self, request: Request, url: str, sink: Sink | None = None) -> Answer:
        host, port = port_of(url)
        try:
            async with self._slots:
                await self._pace()
                async with asyncio.timeout(self._options.request_seconds):
                    return await self._answer(request, url, sink)
        except TimeoutError as error:
            raise Unreachable(
                f"{host}:{port} took longer than {self._options.request_seconds:g} seconds for one answer",
                where=request.where,
                hint="Lower sync.page_rows or raise options.request_seconds.",
            ) from error
        except _FAILURES as error:
            raise translate(error, place=f"{host}:{port}", where=request.where) from error

    async def _answer(self, request: Request, url: str, sink: Sink | None) -> Answer:
        headers = {**request.headers, **self._sign_in.signature(request.method, url)}
        made = self._client.build_request(request.method, url, headers=headers, content=request.body or None)
        if request.method in {"POST", "PUT", "PATCH", "MERGE"} and not request.body:
            made.headers["Content-Length"] = "0"
        response = await self._client.send(made, stream=True)
        try:
            encoding = response.headers.get("content-encoding", "")
            if sink is not None and response.status_code == OK:
                body = b""
                chunks = response.aiter_raw()
                async for piece in pieces(
                    chunks, encoding, limit=sink.limit, where=request.where, hint=sink.hint
                ):
                    sink.write(piece)
            else:
                body = await collect(
                    response.aiter_raw(), encoding, limit=self._options.max_body_bytes, where=request.where
                )
        finally:
            await response.aclose()
        return Answer(response.status_code, dict(response.headers.items()), body, url)

    async def _pace(self) -> None:
        """Space requests out evenly where the connection limits how many a minute may have."""
        if self._options.requests_per_minute is None:
            return
        async with self._pacing:
            wait = self._next_at - self._monotonic()
            if wait > 0:
                await self._pause(wait)
            self._next_at = max(self._next_at, self._monotonic()) + 60 / self._options.requests_per_minute

    def _url_of(self, request: Request) -> str:
        """Raises BadConfiguration for a place outside the connection's hosts."""
        try:
            url = urljoin(f"{self._options.url}/", request.target)
        except ValueError:
            url = ""
        allowed = {origin(self._options.url)}
        token_url = getattr(self._options.auth, "token_url", None)
        if token_url:
            allowed.add(origin(token_url))
        if origin(url) not in allowed:
            raise BadConfiguration(
                f"{'://'.join(str(part) for part in origin(url)[:2])} is not a host of this connection",
                where=request.where,
                hint="Only the hosts that the connection's options name are asked.",
            )
        return url

    def _judged(self, answer: Answer, request: Request) -> Answer:
        if 300 <= answer.status < 400 and answer.status != 304:  # noqa: PLR2004 - HTTP's own classes
            raise Redirected(
                f"the server redirects to {_shown(answer)}; redirects are not followed",
                where=request.where,
                hint="Name the final place in options.url. A redirect to a logon page means that the kind of sign-in is wrong.",
            )
        if answer.status in {TOO_MANY, UNAVAILABLE}:
            pause = retry_after(answer)
            if pause is None and answer.status == UNAVAILABLE:
                raise SourceBusy(
                    "the server answered 503: it is not available",
                    where=request.where,
                    hint="It is tried again by itself.",
                )
            raise Throttled(
                f"the server asked for a pause ({answer.status})",
                retry_after=_DEFAULT_PAUSE if pause is None else pause,
                where=request.where,
                hint="Lower options.parallel, or set options.requests_per_minute.",
            )
        return answer


def _transport(
    options: HttpOptions, secrets: Mapping[str, str], seen: SeenCertificate, leads_to: Hop
) -> httpx.AsyncBaseTransport:
    tls = tls_context(options, secrets)
    if options.certificate_file and (own := own_certificate(options.certificate_file)) is not None:
        seen(own)

    def connect() -> Transport:
        return Transport(options, secrets, tls, seen=seen, leads_to=leads_to)

    if isinstance(options.auth, Windows):
        return Lanes(
            connect, options.parallel, partial(signed_exchange, WindowsSignIn(options.auth, secrets))
        )
    return Lanes(connect, options.parallel)


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; a URL that has none of them is like no other."""
    try:
        scheme, (host, port) = urlsplit(url).scheme, port_of(url)
    except (KeyError, ValueError):
        return "", url[:100], 0
    return scheme, host.lower(), port


def _shown(answer: Answer) -> str:
    try:
        target = urlsplit(urljoin(answer.url, answer.headers.get("location", "")))
    except ValueError:
        return "what is no URL"
    return f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path[:100]}"


def _header_value(value: str | int | bool, name: str) -> str:  # noqa: FBT001 - a value of a table
    text = str(value)
    if not text.isascii() or not text.isprintable():
        raise BadConfiguration(
            "a header holds printable ASCII characters only",  # not which: it may be a secret
            where=f"options.headers.{name}",
            hint="Correct the value, or the secret that it names: a line end at its end is a usual cause.",
        )
    return text


def server_time(answer: Answer) -> datetime | None:
    """The source's own present time, to the second."""
    try:
        found = parsedate_to_datetime(answer.headers.get("date", ""))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def told_time(now: datetime | None, *, whose: str, where: str, hint: str) -> datetime:
    """What `server_time` found. Raises SourceChanged where it found nothing."""
    if now is None:
        raise SourceChanged(
            f"{whose} answers carry no Date, so nothing says what time it is there", where=where, hint=hint
        )
    return now


def retry_after(answer: Answer) -> float | None:
    """Seconds; a date is counted from the server's own clock."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_PAUSE)
    now = server_time(answer)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if now is None or until.tzinfo is None:
        return None
    return min(max((until - now).total_seconds(), 0.0), _LONGEST_PAUSE)
