"""The proxies that a machine names for an address: in the environment, in its files, in what the system keeps."""

from __future__ import annotations

import ipaddress
import os
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_VARIABLES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
_ASSIGNMENT: Final = re.compile(
    r"""^\s*(?:export\s+)?([A-Za-z_]+)\s*=\s*["']?([^"'\s#]+)["']?""", re.MULTILINE
)
_APT: Final = re.compile(r"""Acquire::https?::Proxy\s+"([^"]+)"\s*;""", re.IGNORECASE)


MAX_FILE_BYTES: Final = 256 * 1024
_FILES: Final = (
    "etc/environment",
    "etc/profile.d/proxy.sh",
    "etc/apt/apt.conf",
    "etc/apt/apt.conf.d/proxy.conf",
)


@dataclass(frozen=True, slots=True)
class Named:
    """A proxy as it is named somewhere."""

    url: str  # http://HOST:PORT
    where: str
    user: str = ""
    password: str = ""


def proxies_here(host: str, environ: Mapping[str, str], root: Path = Path("/")) -> list[Named]:
    """Those of this machine; `root` is where its files begin."""
    files = {f"/{name}": text for name in _FILES if (text := _read(root / name))}
    registered = urllib.request.getproxies() if os.name == "nt" else {}
    return proxies_for(host, environ, files, registered)


def proxies_for(
    host: str, environ: Mapping[str, str], files: Mapping[str, str], registered: Mapping[str, str]
) -> list[Named]:
    """Pure: the likeliest first, each once. `files` are texts by path; `registered` what the system itself keeps, by scheme.

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


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
