"""Pure: the signature of one request by OAuth 1.0 with HMAC-SHA256 (RFC 5849), as token-based authentication asks for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from drivers.http.options import DEFAULT_PORTS


@dataclass(frozen=True, slots=True)
class Credentials:
    realm: str
    consumer_key: str
    consumer_secret: str
    token: str
    token_secret: str


def authorization(held: Credentials, method: str, url: str, *, moment: int, nonce: str) -> str:
    """The Authorization header. `url` as it is sent, with its query; `moment` in seconds since 1970."""
    own = [
        ("oauth_consumer_key", held.consumer_key),
        ("oauth_nonce", nonce),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(moment)),
        ("oauth_token", held.token),
        ("oauth_version", "1.0"),
    ]
    key = f"{encoded(held.consumer_secret)}&{encoded(held.token_secret)}".encode()
    digest = hmac.new(key, base_string(method, url, own).encode(), hashlib.sha256).digest()
    own.append(("oauth_signature", base64.b64encode(digest).decode("ascii")))
    # The realm is no part of what is signed (3.4.1.3.1).
    return "OAuth " + ", ".join(f'{name}="{encoded(value)}"' for name, value in [("realm", held.realm), *own])


def base_string(method: str, url: str, own: Sequence[tuple[str, str]]) -> str:
    """What is signed: the method, the place without its query, and all parameters in order (3.4.1)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    if port is not None and port != DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    place = f"{parts.scheme.lower()}://{host}{parts.path or '/'}"
    asked = parse_qsl(parts.query, keep_blank_values=True)
    pairs = sorted((encoded(name), encoded(value)) for name, value in (*asked, *own))
    parameters = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{method.upper()}&{encoded(place)}&{encoded(parameters)}"


def encoded(text: str) -> str:
    """Percent-encoding as it is signed: everything but letters, digits and `-._~` (3.6)."""
    return quote(text, safe="-._~")
