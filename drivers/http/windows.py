"""Signing in with an account of Windows: Negotiate (Kerberos, or NTLM inside it) and NTLM, over pyspnego.

Windows signs a connection in, not a request: the steps of a handshake have to travel on one connection, and what
follows on it is signed in. `drivers.http.lanes` gives each request a connection for itself, with its whole handshake.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any, Final

import httpx
import spnego
from cryptography import x509
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from drivers.contract import BadConfiguration, CredentialsRefused, SourceChanged, Unreachable
from drivers.http.options import Windows, secret_of

_UNAUTHORIZED: Final = 401
_MOST_STEPS: Final = 6  # Kerberos takes one or two, NTLM two
_MOST_BODY: Final = 1024 * 1024  # of a page that says 401
_WHERE: Final = "options.auth"
# What a server writes into WWW-Authenticate for each protocol, the wanted one first.
_SCHEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "negotiate": ("Negotiate", "NTLM"),
    "kerberos": ("Negotiate",),
    "ntlm": ("NTLM", "Negotiate"),
}


class WindowsSignIn(httpx.Auth):
    def __init__(self, options: Windows, secrets: Mapping[str, str]) -> None:
        self._options = options
        self._user = options.user or None
        self._password = secret_of(options.secret, secrets, "options.auth.secret") if options.user else None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Blocks while Kerberos asks for a ticket. Raises a DriverError."""
        response = yield request
        if response.status_code != _UNAUTHORIZED:
            return
        scheme = self._scheme(response)
        context = self._context(scheme, request.url.host)
        bound_to = channel_bindings(response)
        token = _stepped(context, None, bound_to)
        for _ in range(_MOST_STEPS):
            if token is None:
                return
            request.headers["Authorization"] = f"{scheme} {base64.b64encode(token).decode()}"
            response = yield request
            answer = _token_in(response, scheme)
            if response.status_code != _UNAUTHORIZED or answer is None:
                if answer is not None and not context.complete:
                    _proven(context, answer, bound_to)
                return
            token = _stepped(context, answer, bound_to)

    def _scheme(self, response: httpx.Response) -> str:
        offered = offered_schemes(response.headers.get_list("www-authenticate"))
        for scheme in _SCHEMES[self._options.protocol]:
            if scheme.lower() in {each.lower() for each in offered}:
                return scheme
        said = ", ".join(offered) or "nothing"
        raise BadConfiguration(
            f"the server does not take {' or '.join(_SCHEMES[self._options.protocol])}; it offers {said}",
            where=f"{_WHERE}.protocol",
            hint="Let the administrator turn Windows sign-in on (NAV: credential type Windows, and `NTLM authentication` "
            "for NTLM), or choose the kind that the server offers.",
        )

    def _context(self, scheme: str, host: str) -> Any:
        inside = {"Negotiate": "negotiate", "NTLM": "ntlm"}[scheme]
        if scheme == "Negotiate" and self._options.protocol == "kerberos":
            inside = "kerberos"
        try:
            return spnego.client(
                self._user,
                self._password,
                hostname=self._options.host or host,
                service=self._options.service,
                protocol=inside,
            )
        except (SpnegoError, ValueError, ImportError, OSError) as error:
            raise _no_ticket(error) from error


async def signed_exchange(
    account: WindowsSignIn, connection: httpx.AsyncBaseTransport, request: httpx.Request
) -> httpx.Response:
    """The answer behind the handshake. A connection that is signed in already is not asked again."""
    flow = account.auth_flow(request)
    response = await connection.handle_async_request(next(flow))
    while True:
        following = await asyncio.to_thread(_sent, flow, response)
        if following is None:
            return response
        await _emptied(response)
        response = await connection.handle_async_request(following)


def offered_schemes(headers: list[str]) -> list[str]:
    """The first words of WWW-Authenticate, which may be several headers or one with commas."""
    parts = [part.strip() for header in headers for part in header.split(",")]
    return [part.partition(" ")[0] for part in parts if part and "=" not in part.partition(" ")[0]]


def channel_bindings(response: httpx.Response) -> GssChannelBindings | None:
    """What ties a sign-in to this TLS connection, for servers with extended protection (RFC 5929)."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = tls.getpeercert(True) if tls is not None else None  # noqa: FBT003 - the library's own signature
    if not certificate:
        return None
    used = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    weak = used is None or used.name in {"md5", "sha1"}
    digest = hashlib.new("sha256" if weak or used is None else used.name, certificate).digest()
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest)


def _stepped(context: Any, token: bytes | None, bound_to: GssChannelBindings | None) -> bytes | None:
    try:
        answer: bytes | None = context.step(token, channel_bindings=bound_to)
    except (SpnegoError, OSError) as error:
        raise _no_ticket(error) from error
    except Exception as error:
        # What a server may send as a token is read by code of many kinds, and fails in as many ways.
        raise CredentialsRefused(
            f"the server's part of the sign-in cannot be understood: {type(error).__name__}",
            where=_WHERE,
            hint="See that options.url leads to the server itself, and not to a proxy that answers for it.",
        ) from error
    return answer


def _proven(context: Any, token: bytes, bound_to: GssChannelBindings | None) -> None:
    """Take the server's proof of who it is. It comes with the answer: what was asked for may have been done."""
    try:
        _stepped(context, token, bound_to)
    except CredentialsRefused as error:
        raise Unreachable(
            f"what answered did not prove to be the server: {error.message}",
            where=_WHERE,
            hint="See that options.url leads to the server itself, and not to a proxy that answers for it.",
        ) from error


def _no_ticket(error: BaseException) -> CredentialsRefused:
    return CredentialsRefused(
        f"Windows sign-in failed before the server was asked: {_first_line(error)}",
        where=_WHERE,
        hint="Write the user as DOMAIN\\user. For Kerberos the service principal name (options.auth.service and host) "
        "must be registered, and the agent needs a ticket or a password and the extra `pyspnego[kerberos]`.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _token_in(response: httpx.Response, scheme: str) -> bytes | None:
    for header in response.headers.get_list("www-authenticate"):
        for part in header.split(","):
            word, _, text = part.strip().partition(" ")
            if word.lower() == scheme.lower() and text:
                with suppress(binascii.Error, ValueError):
                    return base64.b64decode(text, validate=True)
    return None


def _sent(
    flow: Generator[httpx.Request, httpx.Response, None], response: httpx.Response
) -> httpx.Request | None:
    """The next request of the flow; None at its end, which cannot cross a thread as StopIteration."""
    try:
        return flow.send(response)
    except StopIteration:
        return None


async def _emptied(response: httpx.Response) -> None:
    """Read what a refusal says, so that its connection can be used for the next step."""
    taken = 0
    try:
        async for chunk in response.aiter_raw():
            taken += len(chunk)
            if taken > _MOST_BODY:
                raise SourceChanged("the page that asks for a sign-in does not end", where="options.url")
    finally:
        await response.aclose()
