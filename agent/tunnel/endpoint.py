"""Where the relay is and how to get there, checked before the first packet."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import SplitResult, urlsplit

from agent.errors import ConfigurationError
from agent.secrets import Secret

DEFAULT_PATH: Final = "/agent"  # where a relay takes agents, when the address names no path
_WHERE: Final = "relay address"


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP CONNECT proxy."""

    host: str
    port: int
    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    url: str  # normalised, for the websocket handshake
    host: str
    port: int
    secure: bool
    ca_file: Path | None = None  # trust this authority and no other; None: what the system trusts
    proxy: Proxy | None = None

    @property
    def authority(self) -> str:
        return join_host(self.host, self.port)


def make_endpoint(
    url: str,
    *,
    ca_file: Path | None = None,
    proxy: Proxy | None = None,
    allow_plain_loopback: bool = False,
) -> Endpoint:
    """Plain `ws://` only to this very host and only when asked for; nothing ever falls back to it."""
    parts = _split(url, _WHERE)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        _refuse("the address must be wss://HOST or wss://HOST:PORT")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        _refuse("the address must hold neither user, password, query nor fragment")
    secure = parts.scheme == "wss"
    host = parts.hostname or ""
    if not secure and not (allow_plain_loopback and _is_loopback(host)):
        _refuse("ws:// is not encrypted and is refused")
    port = _port(parts) or (443 if secure else 80)
    path = parts.path if parts.path not in ("", "/") else DEFAULT_PATH
    whole = f"{parts.scheme}://{join_host(host, port)}{path}"
    return Endpoint(whole, host, port, secure, ca_file, proxy)


def make_proxy(url: str, *, user: str = "", password: Secret | None = None) -> Proxy:
    parts = _split(url, "relay.proxy")
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise ConfigurationError(
            "a proxy is written http://HOST:PORT, without user and password", where="relay.proxy"
        )
    if ":" in user:
        raise ConfigurationError("a proxy's user cannot hold a colon", where="relay.proxy_user")
    return Proxy(parts.hostname, _port(parts) or 80, user, password)


def join_host(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(url: str, where: str) -> SplitResult:
    if any(ch.isspace() or not ch.isprintable() for ch in url):
        raise ConfigurationError("an address holds neither spaces nor control characters", where=where)
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ConfigurationError("this is not an address", where=where) from error


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise ConfigurationError("the port must be 1 to 65535", where=_WHERE) from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(
        message, where=_WHERE, hint="Use the address that the relay's operator gave you."
    )
