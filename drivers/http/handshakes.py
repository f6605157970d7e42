"""Tells of the certificate behind each TLS handshake of a client, once for each connection and never for a request."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpcore
from cryptography import x509

from drivers.contract import Hop, HopCertificate, SeenCertificate


class WatchedNetwork(httpcore.AsyncNetworkBackend):
    """The network beneath a transport; `hops` names what the next connection's handshakes will be with, in their order."""

    def __init__(
        self, network: httpcore.AsyncNetworkBackend, hops: Callable[[], Sequence[Hop]], seen: SeenCertificate
    ) -> None:
        self._network = network
        self._hops = hops
        self._seen = seen

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        hops = self._hops()
        return _Watched(stream, hops, self._seen) if hops else stream

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Watched(httpcore.AsyncNetworkStream):
    """A connection before its last handshake. Behind it nothing of ours stands in the way of its bytes."""

    def __init__(
        self, stream: httpcore.AsyncNetworkStream, hops: Sequence[Hop], seen: SeenCertificate
    ) -> None:
        self._stream = stream
        self._hops = hops
        self._seen = seen

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the stream's own signature
    ) -> httpcore.AsyncNetworkStream:
        secured = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        first, *further = self._hops
        ends = certificate_ends(secured)
        if ends is not None:
            self._seen(HopCertificate(first, ends))
        return _Watched(secured, further, self._seen) if further else secured

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def certificate_ends(stream: httpcore.AsyncNetworkStream) -> datetime | None:
    """Of the certificate that the other side showed, whoever signed it. None: it cannot be read, which TLS did not mind."""
    tls = stream.get_extra_info("ssl_object")
    shown = None if tls is None else tls.getpeercert(True)  # noqa: FBT003 - the library's own signature
    try:
        return x509.load_der_x509_certificate(shown).not_valid_after_utc if shown else None
    except (ValueError, x509.InvalidVersion):
        return None


def own_certificate(path: str) -> HopCertificate | None:
    """The one that the client shows, from its file, which has been used for TLS already."""
    try:
        first = x509.load_pem_x509_certificate(Path(path).read_bytes())
        return HopCertificate(Hop.CLIENT, first.not_valid_after_utc)
    except (OSError, ValueError, x509.InvalidVersion):
        return None
