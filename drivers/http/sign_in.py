"""How a client signs in: what it sends with each request, and what it does when that is refused."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from drivers.contract import CredentialsRefused, SourceBusy, SourceChanged
from drivers.http.assertions import load_key, signed_token
from drivers.http.messages import Answer, Request, masked
from drivers.http.oauth1 import Credentials, authorization
from drivers.http.options import (
    Basic,
    ClientCredentials,
    HttpOptions,
    SessionLogon,
    SignedCredentials,
    TokenBased,
    revealed,
    secret_of,
)

Send = Callable[[Request], Awaitable[Answer]]  # without signing in

_ASSERTION_SECONDS: Final = 300  # that a signed statement is good for
_CLOCKS_APART_SECONDS: Final = 120.0
_EARLY_SECONDS: Final = 60.0  # a token is renewed so long before it ends
_DEFAULT_LIFE_SECONDS: Final = 300.0
_LONGEST_LIFE_SECONDS: Final = 400 * 86_400.0
_SERVER_FAILED: Final = 500
_REFUSED: Final = (400, 401, 403)
_TOKEN: Final = re.compile(
    r"[\x21-\x7e]+"
)  # what a header holds; an empty one would be fetched with each request


class SignIn(Protocol):
    async def headers(self, send: Send) -> Mapping[str, str]:
        """What a request carries; signs in first where that is due."""
        ...

    def signature(self, method: str, url: str) -> Mapping[str, str]:
        """What one single sending of a request carries besides; another sending of it carries another."""
        ...

    def expire(self) -> bool:
        """The source refused what was sent. Whether signing in anew may help."""
        ...

    async def leave(self, send: Send) -> None: ...


def sign_in_of(
    options: HttpOptions,
    secrets: Mapping[str, str],
    monotonic: Callable[[], float],
    now: Callable[[], float],
) -> SignIn:
    """`now`: seconds since 1970, for what a signature says of its moment."""
    match options.auth:
        case Basic() as basic:
            return _Basic(basic, secrets)
        case ClientCredentials() as credentials:
            return _Tokens(_Secret(credentials, secrets), secrets, monotonic)
        case SignedCredentials() as credentials:
            return _Tokens(_Assertion(credentials, secrets, now), secrets, monotonic)
        case TokenBased() as tokens:
            return _Signatures(tokens, options.url, secrets, now)
        case SessionLogon() as session:
            return _Session(session, secrets)
        case _:
            return _Nothing()


class _Nothing:
    async def headers(self, send: Send) -> Mapping[str, str]:  # noqa: ARG002 - a protocol's member
        return {}

    def signature(self, method: str, url: str) -> Mapping[str, str]:  # noqa: ARG002 - a protocol's member
        return {}

    def expire(self) -> bool:
        return False

    async def leave(self, send: Send) -> None:
        """There is nothing to leave."""


class _Basic(_Nothing):
    def __init__(self, options: Basic, secrets: Mapping[str, str]) -> None:
        self._header = _basic(options.user, secret_of(options.secret, secrets, "options.auth.secret"))

    async def headers(self, send: Send) -> Mapping[str, str]:  # noqa: ARG002 - a protocol's member
        return {"Authorization": self._header}


class _Grant(Protocol):
    """How a client asks for a token."""

    token_url: str
    hint: str  # what to look at when the server refuses

    def request(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Headers and form."""
        ...

    def doubts(self, answer: Answer) -> str:
        """What makes a refusal likely, as far as the answer tells."""
        ...


class _Secret:
    hint = "Correct client_id, its secret and scope; see whether the client may use client_credentials."

    def __init__(self, options: ClientCredentials, secrets: Mapping[str, str]) -> None:
        self._options = options
        self.token_url = options.token_url
        self._secret = secret_of(options.secret, secrets, "options.auth.secret")

    def request(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        options = self._options
        form = {"grant_type": "client_credentials", **options.parameters}
        if options.scope:
            form["scope"] = options.scope
        if options.in_body:
            return {}, form | {"client_id": options.client_id, "client_secret": self._secret}
        header = _basic(quote(options.client_id, safe=""), quote(self._secret, safe=""))
        return {"Authorization": header}, form

    def doubts(self, answer: Answer) -> str:  # noqa: ARG002 - a protocol's member
        return ""


class _Assertion:
    hint = (
        "Correct client_id and certificate_id, and see that the private key is that of the certificate, that the "
        "certificate has not ended, and that its integration, role and user are active."
    )

    def __init__(
        self, options: SignedCredentials, secrets: Mapping[str, str], now: Callable[[], float]
    ) -> None:
        self._options = options
        self.token_url = options.token_url
        where = "options.auth.secret"
        self._key = load_key(
            secret_of(options.secret, secrets, where), secrets.get("key_password", ""), where=where
        )
        self._now = now

    def request(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        moment = int(self._now())
        claims = {
            "iss": self._options.client_id,
            "scope": self._options.scope,
            "aud": self._options.audience or self.token_url,
            "iat": moment,
            "exp": moment + _ASSERTION_SECONDS,
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": signed_token(self._key, self._options.certificate_id, claims),
        }
        return {}, form

    def doubts(self, answer: Answer) -> str:
        return clock_doubt(answer, self._now())


class _Tokens(_Nothing):
    def __init__(self, grant: _Grant, secrets: Mapping[str, str], monotonic: Callable[[], float]) -> None:
        self._grant = grant
        self._hidden = tuple(secrets.values())
        self._monotonic = monotonic
        self._token = ""
        self._until = 0.0

    async def headers(self, send: Send) -> Mapping[str, str]:
        if not self._token or self._monotonic() >= self._until:
            await self._fetch(send)
        return {"Authorization": f"Bearer {self._token}"}

    def expire(self) -> bool:
        self._token = ""
        return True

    async def _fetch(self, send: Send) -> None:
        own, form = self._grant.request()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **own}
        where = "options.auth.token_url"
        answer = await send(
            Request(
                "POST", self._grant.token_url, headers=headers, body=urlencode(form).encode(), where=where
            )
        )
        if answer.status in _REFUSED:
            raise CredentialsRefused(
                f"the token endpoint refused: {answer.status} {_oauth_words(answer.body, self._hidden)}".strip(),
                where=where,
                hint=self._grant.doubts(answer) or self._grant.hint,
            )
        _refuse_failing(answer, "the token endpoint", where)
        content = _object(answer.body)
        token = content.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not _TOKEN.fullmatch(token):  # noqa: PLR2004
            raise SourceChanged(
                f"the token endpoint answered {answer.status} without a token",
                where=where,
                hint="Check options.auth.token_url.",
            )
        self._token = token
        life = _life_of(content)
        self._until = self._monotonic() + max(life - _EARLY_SECONDS, life / 2)


class _Signatures(_Nothing):
    def __init__(
        self, options: TokenBased, url: str, secrets: Mapping[str, str], now: Callable[[], float]
    ) -> None:
        where = "options.auth"
        self._held = Credentials(
            options.realm,
            str(revealed(options.consumer_key, secrets, f"{where}.consumer_key")),
            secret_of("consumer_secret", secrets, where),
            str(revealed(options.token_id, secrets, f"{where}.token_id")),
            secret_of("token_secret", secrets, where),
        )
        self._now = now
        self._url, self._signed_as = url, options.signed_as or url

    def signature(self, method: str, url: str) -> Mapping[str, str]:
        nonce = token_hex(16)
        url = self._signed_as + url.removeprefix(self._url) if url.startswith(self._url) else url
        return {"Authorization": authorization(self._held, method, url, moment=int(self._now()), nonce=nonce)}


class _Session(_Nothing):
    def __init__(self, options: SessionLogon, secrets: Mapping[str, str]) -> None:
        self._options = options
        self._body = {
            name: revealed(value, secrets, f"options.auth.body.{name}")
            for name, value in options.body.items()
        }
        self._hidden = tuple(secrets.values())
        self._open = False

    async def headers(self, send: Send) -> Mapping[str, str]:
        """The cookies of the logon's answer travel by themselves."""
        if not self._open:
            await self._logon(send)
        return {}

    def expire(self) -> bool:
        self._open = False
        return True

    async def leave(self, send: Send) -> None:
        if self._open and self._options.logout:
            await send(Request("POST", self._options.logout, where="options.auth.logout"))
        self._open = False

    async def _logon(self, send: Send) -> None:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        where = "options.auth"
        request = Request(
            "POST", self._options.path, headers=headers, body=json.dumps(self._body).encode(), where=where
        )
        answer = await send(request)
        if answer.status in _REFUSED:
            raise CredentialsRefused(
                f"the logon was refused with {answer.status}: {_session_words(answer.body, self._hidden)}",
                where=where,
                hint="Correct the fields of options.auth.body and the secrets that they name: of Business One CompanyDB, "
                "UserName and Password, in which small and capital letters differ. Its user may also be locked, without a "
                "licence, or with a password that has to be changed: log on with the client once, or see Setup > Users.",
            )
        _refuse_failing(answer, "the logon", where)
        if answer.status >= 300:  # noqa: PLR2004
            raise SourceChanged(
                f"the logon answered {answer.status}", where=where, hint="Check options.auth.path."
            )
        self._open = True


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def clock_doubt(answer: Answer, now: float) -> str:
    """What to say where the server's clock and this host's differ so much that no signature is taken."""
    try:
        told = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return ""
    apart = abs(told - now)
    if apart <= _CLOCKS_APART_SECONDS:
        return ""
    return f"This host's clock is {apart:.0f} seconds away from the server's: set it right first."


def _refuse_failing(answer: Answer, who: str, where: str) -> None:
    if answer.status >= _SERVER_FAILED:
        raise SourceBusy(f"{who} answered {answer.status}", where=where, hint="It is tried again by itself.")


def _life_of(content: Mapping[str, Any]) -> float:
    """Seconds that a token is good for."""
    try:
        life = float(content.get("expires_in", _DEFAULT_LIFE_SECONDS))
    except (TypeError, ValueError, OverflowError):
        return _DEFAULT_LIFE_SECONDS
    return life if 0 < life < _LONGEST_LIFE_SECONDS else _DEFAULT_LIFE_SECONDS


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _oauth_words(body: bytes, hidden: Iterable[str]) -> str:
    content = _object(body)
    words = " ".join(str(content.get(name, "")) for name in ("error", "error_description"))
    return masked(words.strip(), hidden)[:300]


def _session_words(body: bytes, hidden: Iterable[str]) -> str:
    error = _object(body).get("error")
    message = error.get("message") if isinstance(error, dict) else ""
    text = message.get("value", "") if isinstance(message, dict) else message
    code = error.get("code") if isinstance(error, dict) else None
    words = f"{text or 'no reason given'}{'' if code is None else f' [{code}]'}"
    return masked(words, hidden)[:300]
