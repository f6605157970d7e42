"""The proxies that a machine names for an address: in the environment and in its files. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
_ASSIGNMENT: Final = re.compile(
    r"""^\s*(?:export\s+)?([A-Za-z_]+)\s*=\s*["']?([^"'\s#]+)["']?""", re.MULTILINE
)
_APT: Final = re.compile(r"""Acquire::https?::Proxy\s+"([^"]+)"\s*;""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """A proxy as it is named somewhere."""

    url: str  # http://HOST:PORT
    where: str
    user: str = ""
    password: str = ""


def proxies_for(
    host: str, environ: Mapping[str, str], files: Mapping[str, str], registered: Mapping[str, str]
) -> list[Named]:
    """The likeliest first, each once. `files` are texts by path; `registered` what the system itself keeps, by scheme.

    Empty where the host is one that no proxy is to be asked for.
    """
    if _is_near(host, environ.get("NO_PROXY") or environ.get("no_proxy") or ""):
        return []
    said = [(environ[name], f"${name}") for name in _VARIABLES if environ.get(name)]
    for path, text in files.items():
        said += [(value, path) for name, value in _ASSIGNMENT.findall(text) if name in _VARIABLES]
        said += [(value, path) for value in _APT.findall(text)]
    said += [
        (registered[scheme], "the system's settings")
        for scheme in ("https", "http")
        if registered.get(scheme)
    ]
    found: dict[str, Named] = {}
    for value, where in said:
        named = _named(value, where)
        if named is not None:
            found.setdefault(named.url, named)
    return list(found.values())


def _named(value: str, where: str) -> Named | None:
    """None for what is no HTTP proxy, such as SOCKS."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port or (80 if parts.scheme == "http" else None)
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.hostname or port is None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Named(f"http://{host}:{port}", where, unquote(parts.username or ""), unquote(parts.password or ""))


def _is_near(host: str, exceptions: str) -> bool:
    host = host.lower().strip("[]")
    try:
        if ipaddress.ip_address(host).is_loopback:
            return True
    except ValueError:
        if host == "localhost":
            return True
    parts: Sequence[str] = [part.strip().lower().lstrip(".*") for part in exceptions.split(",")]
    if "*" in exceptions.split(","):
        return True
    return any(part and (host == part or host.endswith(f".{part}")) for part in parts)
