"""TLS, proxy and connections of one client, and what their failures mean."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import httpcore
import httpx
import truststore

from drivers.contract import BadConfiguration, DriverError, Hop, SeenCertificate, Unreachable, unseen
from drivers.http.addresses import GuardedNetwork, refuse_closed
from drivers.http.handshakes import WatchedNetwork
from drivers.http.options import DEFAULT_PORTS, ClientCredentials, HttpOptions, SignedCredentials

_IDLE_SECONDS: Final = 30.0  # firewalls drop idle connections without a word, the shortest after a minute


class NotSent(Unreachable):
    """No connection came about: the request was not sent, so it has no effect."""


class Misconfigured(BadConfiguration):
    """TLS failed before anything was sent."""


def port_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or DEFAULT_PORTS[parts.scheme]


def hosts_of(options: HttpOptions) -> list[str]:
    """The URLs of everything that the client may connect to. Raises BadConfiguration."""
    urls = {"options.url": options.url}
    if isinstance(options.auth, ClientCredentials | SignedCredentials):
        urls["options.auth.token_url"] = options.auth.token_url
    if options.proxy is None:
        return list(urls.values())
    for where, url in urls.items():
        refuse_closed(port_of(url)[0], where=where)  # names are the proxy's to resolve
    return [options.proxy]


def handshakes_of(options: HttpOptions, url: str, leads_to: Hop) -> tuple[Hop, ...]:
    """With whom TLS begins on a connection made for this URL, in their order."""
    hops = [Hop.PROXY] if options.proxy and options.proxy.startswith("https:") else []
    if url.startswith("https:"):
        token_url = getattr(options.auth, "token_url", None)
        elsewhere = token_url is not None and port_of(url) == port_of(token_url) != port_of(options.url)
        hops.append(Hop.TOKEN if elsewhere else leads_to)
    return tuple(hops)


class Transport(httpx.AsyncBaseTransport):
    """httpx over one connection, kept open between requests, whose network connects to checked addresses only."""

    def __init__(
        self,
        options: HttpOptions,
        secrets: Mapping[str, str],
        tls: ssl.SSLContext,
        *,
        seen: SeenCertificate = unseen,
        leads_to: Hop = Hop.SOURCE,
    ) -> None:
        """`leads_to`: what answers at the options' own URL. `seen` is told of each certificate."""
        self._toward = httpx.URL(options.url)  # where the request under way goes
        guarded = GuardedNetwork(
            [port_of(url) for url in hosts_of(options)],
            where="options.proxy" if options.proxy else "options.url",
        )
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            proxy=_proxy(options, secrets),
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=_IDLE_SECONDS,
            http1=True,
            http2=False,
            retries=0,
            network_backend=WatchedNetwork(
                guarded, lambda: handshakes_of(options, str(self._toward), leads_to), seen
            ),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)  # noqa: S101 - what an async client makes
        self._toward = request.url
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Stream(answer), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


def _trusting(options: HttpOptions) -> ssl.SSLContext:
    if options.ca_file:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(options.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise BadConfiguration(
                f"the file of certificate authorities cannot be used: {error}",
                where="options.ca_file",
                hint="Name a PEM file that the agent may read.",
            ) from error
    else:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def tls_context(options: HttpOptions, secrets: Mapping[str, str]) -> ssl.SSLContext:
    context = _trusting(options)
    if options.certificate_file:
        try:
            context.load_cert_chain(
                options.certificate_file, options.key_file or None, secrets.get("key_password", "")
            )
        except (OSError, ssl.SSLError) as error:
            raise BadConfiguration(
                f"the client certificate cannot be used: {error}",
                where="options.certificate_file",
                hint="Name PEM files that belong together; a password of the key is the secret `key_password`.",
            ) from error
    return context


def _proxy(options: HttpOptions, secrets: Mapping[str, str]) -> httpcore.Proxy | None:
    """Only the proxy that is configured: those of the environment are for other programs."""
    if options.proxy is None:
        return None
    auth = None
    if options.proxy_user:
        auth = (options.proxy_user.encode(), secrets.get("proxy_password", "").encode())
    # The same authorities as the source's; the client's certificate is for the source alone.
    tls = _trusting(options) if options.proxy.startswith("https:") else None
    return httpcore.Proxy(options.proxy, auth=auth, ssl_context=tls)


def translate(error: BaseException, *, place: str, where: str) -> DriverError:
    """What a failure of the connection means. `place`: host and port, for the operator."""
    certificate = next(
        (each for each in _chain(error) if isinstance(each, ssl.SSLCertVerificationError)), None
    )
    if certificate is not None:
        return Misconfigured(
            f"the certificate of {place} is not accepted: {certificate.verify_message}",
            where=where,
            hint="Name the authority that signed it in options.ca_file, and the host as the certificate has it in options.url.",
        )
    if _is_refused_handshake(error):
        return Misconfigured(
            f"no TLS with {place}: {error}",
            where=where,
            hint="Check that the port speaks https, and whether the server asks for a client certificate.",
        )
    if isinstance(error, httpcore.ProxyError) and str(error).startswith("5"):
        return NotSent(
            f"the proxy did not reach {place}: {error}",
            where=where,
            hint="It is tried again by itself. If it lasts, ask whether the proxy may and can reach the host.",
        )
    if isinstance(error, httpcore.ProxyError):
        return Misconfigured(
            f"the proxy refused: {error}",
            where="options.proxy",
            hint="Check proxy, proxy_user and its password.",
        )
    if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout | httpcore.PoolTimeout):
        reason = "no answer in time" if isinstance(error, httpcore.TimeoutException) else str(error)
        return NotSent(
            f"nothing answers at {place}: {reason}",
            where=where,
            hint="Check host, port and firewall; `groundwire check` tests every hop.",
        )
    said = "was silent for too long" if isinstance(error, httpcore.TimeoutException) else "broke off"
    return Unreachable(
        f"{place} {said}: {type(error).__name__}",
        where=where,
        hint="It is tried again by itself. If it lasts, lower page_rows or raise silence_seconds.",
    )


def _is_refused_handshake(error: BaseException) -> bool:
    """TLS that failed before the request was taken. In TLS 1.3 a refused client certificate is told later than that."""
    # A line that ends amid the handshake says nothing: a server that restarts does so.
    failures = [
        each
        for each in _chain(error)
        if isinstance(each, ssl.SSLError) and not isinstance(each, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    ]
    late = any("ALERT" in str(each).upper() and "CERTIFICATE" in str(each).upper() for each in failures)
    return bool(failures) and (isinstance(error, httpcore.ConnectError) or late)


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
