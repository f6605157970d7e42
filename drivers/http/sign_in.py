"""How a client signs in: what it sends with each request, and what it does when that is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from drivers.contract import CredentialsRefused, SourceBusy, SourceChanged
from drivers.http.messages import Answer, Request, masked
from drivers.http.options import Basic, ClientCredentials, HttpOptions, SessionLogon, revealed, secret_of

Send = Callable[[Request], Awaitable[Answer]]  # without signing in

_EARLY_SECONDS: Final = 60.0  # a token is renewed so long before it ends
_DEFAULT_LIFE_SECONDS: Final = 300.0
_LONGEST_LIFE_SECONDS: Final = 400 * 86_400.0
_SERVER_FAILED: Final = 500
_REFUSED: Final = (400, 401, 403)


class SignIn(Protocol):
    async def headers(self, send: Send) -> Mapping[str, str]:
        """What a request carries; signs in first where that is due."""
        ...

    def expire(self) -> bool:
        """The source refused what was sent. Whether signing in anew may help."""
        ...

    async def leave(self, send: Send) -> None: ...


def sign_in_of(options: HttpOptions, secrets: Mapping[str, str], monotonic: Callable[[], float]) -> SignIn:
    match options.auth:
        case Basic() as basic:
            return _Basic(basic, secrets)
        case ClientCredentials() as credentials:
            return _Tokens(credentials, secrets, monotonic)
        case SessionLogon() as session:
            return _Session(session, secrets)
        case _:
            return _Nothing()


class _Nothing:
    async def headers(self, send: Send) -> Mapping[str, str]:  # noqa: ARG002 - a protocol's member
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


class _Tokens(_Nothing):
    def __init__(
        self,
        options: ClientCredentials,
        secrets: Mapping[str, str],
        monotonic: Callable[[], float],
    ) -> None:
        self._options = options
        self._secret = secret_of(options.secret, secrets, "options.auth.secret")
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
        options = self._options
        form = {"grant_type": "client_credentials", **options.parameters}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if options.scope:
            form["scope"] = options.scope
        if options.in_body:
            form |= {"client_id": options.client_id, "client_secret": self._secret}
        else:
            headers["Authorization"] = _basic(quote(options.client_id, safe=""), quote(self._secret, safe=""))
        where = "options.auth.token_url"
        answer = await send(
            Request("POST", options.token_url, headers=headers, body=urlencode(form).encode(), where=where)
        )
        if answer.status in _REFUSED:
            raise CredentialsRefused(
                f"the token endpoint refused: {answer.status} {_oauth_words(answer.body, self._hidden)}".strip(),
                where=where,
                hint="Correct client_id, its secret and scope; see whether the client may use client_credentials.",
            )
        _refuse_failing(answer, "the token endpoint", where)
        content = _object(answer.body)
        token = content.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or not token.isprintable():  # noqa: PLR2004
            raise SourceChanged(
                f"the token endpoint answered {answer.status} without a token",
                where=where,
                hint="Check options.auth.token_url.",
            )
        self._token = token
        life = _life_of(content)
        self._until = self._monotonic() + max(life - _EARLY_SECONDS, life / 2)


class _Session:
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
                hint="Correct the fields of options.auth.body and the secrets that they name.",
            )
        _refuse_failing(answer, "the logon", where)
        if answer.status >= 300:  # noqa: PLR2004
            raise SourceChanged(
                f"the logon answered {answer.status}", where=where, hint="Check options.auth.path."
            )
        self._open = True


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


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
    except ValueError:
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
    return masked(str(text or "no reason given"), hidden)[:300]
