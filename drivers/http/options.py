"""How a driver that speaks HTTP reaches its source: the options that all such drivers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from drivers.contract import BadConfiguration
from drivers.option_tables import Strict

MIB: Final = 1024 * 1024
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError('should be a URL such as "https://erp.example:44300"')
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError("should not hold a user or a password; write them into `auth` and [secrets]")
    if parts.query or parts.fragment:
        raise ValueError("should end with the path; constant parameters belong into `query`")
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_checked_url)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_|~-]{1,100}$")]


class Secret(Strict):
    """A value that stands under [secrets]: `{ secret = "name" }`."""

    secret: str = Field(min_length=1)


class Basic(Strict):
    kind: Literal["basic"]
    user: str = Field(min_length=1)
    secret: str = "password"  # noqa: S105 - its name under [secrets]


class ClientCredentials(Strict):
    """OAuth 2.0, grant `client_credentials`."""

    kind: Literal["oauth2"]
    token_url: Url
    client_id: str = Field(min_length=1)
    secret: str = "client_secret"  # noqa: S105 - its name under [secrets]
    scope: str = ""
    in_body: bool = False  # the client's id and secret in the form, not in the Authorization header
    parameters: dict[str, str] = Field(default_factory=dict)  # such as `resource`, for AD FS


class SignedCredentials(Strict):
    """OAuth 2.0, grant `client_credentials`: a statement signed with the client's key stands in a secret's place."""

    kind: Literal["oauth2_certificate"]
    token_url: Url
    client_id: str = Field(min_length=1)
    certificate_id: str = Field(min_length=1)  # by which the server knows the key's certificate
    scope: str = ""
    audience: str = ""  # whom the statement is meant for, where a proxy answers at token_url
    secret: str = "private_key"  # noqa: S105 - its name under [secrets]; PEM


class TokenBased(Strict):
    """OAuth 1.0: each request is signed, with the secrets `consumer_secret` and `token_secret`."""

    kind: Literal["oauth1"]
    realm: str = Field(min_length=1)
    signed_as: Url | None = None  # the server's own `url`, where a proxy answers in its place
    consumer_key: str | Secret
    token_id: str | Secret


class Certificate(Strict):
    """The client certificate alone signs in."""

    kind: Literal["certificate"]


class SessionLogon(Strict):
    """A POST that opens a session, which a cookie carries from then on."""

    kind: Literal["session"]
    path: str = Field(pattern=r"^/")  # below the host, such as /b1s/v2/Login
    body: dict[str, str | int | bool | Secret] = Field(min_length=1)
    logout: str = Field(default="", pattern=r"^(/.*)?$")  # posted to when the driver is closed


class Windows(Strict):
    """An account of Windows, by Negotiate (Kerberos, or NTLM inside it) or by NTLM alone."""

    kind: Literal["windows"]
    protocol: Literal["negotiate", "kerberos", "ntlm"] = "negotiate"
    # DOMAIN\\user or user@domain; without it the account that the agent runs as: its ticket, or on Windows itself
    user: str = ""
    secret: str = "password"  # noqa: S105 - its name under [secrets]; used with `user`
    service: str = Field(default="HTTP", pattern=r"^[A-Za-z0-9_.-]+$")  # of the service principal name
    host: str = ""  # of the service principal name, where it is not that of `url`


Auth = Annotated[
    Basic | ClientCredentials | SignedCredentials | TokenBased | Certificate | SessionLogon | Windows,
    Field(discriminator="kind"),
]


class HttpOptions(Strict):
    url: Url
    auth: Auth | None = None
    headers: dict[HeaderName, str | Secret] = Field(default_factory=dict)
    ca_file: str = ""  # PEM; without it the system's own authorities
    certificate_file: str = ""  # PEM of the client, with its chain
    key_file: str = ""
    proxy: Url | None = None
    proxy_user: str = ""  # its password: the secret `proxy_password`
    connect_seconds: float = Field(default=15, gt=0, le=600)
    silence_seconds: float = Field(default=120, gt=0, le=3_600)  # the longest wait for the next byte
    request_seconds: float = Field(default=300, gt=0, le=86_400)  # one request with its whole answer
    max_body_bytes: int = Field(default=64 * MIB, ge=MIB, le=1024 * MIB)  # of one answer, inflated
    parallel: int = Field(default=2, ge=1, le=32)  # requests under way at once
    requests_per_minute: int | None = Field(default=None, ge=1)


def revealed(value: str | int | bool | Secret, secrets: Mapping[str, str], where: str) -> str | int | bool:  # noqa: FBT001 - a value of a table
    return secret_of(value.secret, secrets, where) if isinstance(value, Secret) else value


def secret_of(name: str, secrets: Mapping[str, str], where: str) -> str:
    if name in secrets:
        return secrets[name]
    raise BadConfiguration(
        f"there is no secret {name!r}",
        where=where,
        hint=f'Add it under [secrets]: {name} = "secret:..." or "env:..." or "file:...".',
    )
