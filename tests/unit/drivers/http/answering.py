"""A client whose server is a function of the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json import dumps
from typing import Any

import httpx

from drivers.http.client import HttpClient
from drivers.http.options import HttpOptions

URL = "https://erp.example:44300/sap"
OAUTH = {"kind": "oauth2", "token_url": "https://login.example/token", "client_id": "me", "scope": "erp"}
Respond = Callable[[httpx.Request], httpx.Response]


def client(respond: Respond, secrets: Mapping[str, str] | None = None, **options: Any) -> HttpClient:
    made = HttpOptions.model_validate({"url": URL, **options})
    return HttpClient(made, secrets or {}, transport=httpx.MockTransport(respond))


def raw(body: bytes, **headers: str) -> httpx.Response:
    return answer(200, body, headers)


def answer(
    status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, json: Any = None
) -> httpx.Response:
    """Unread, as it comes off the wire."""
    content = body if json is None else dumps(json).encode()
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))
