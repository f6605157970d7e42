"""A platform as its developers would write it: it asks over the API, and waits for the outcome of what it asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from tests.deployment import POLL_SECONDS, READY_SECONDS, Deployment

_ROUNDS = 10  # of waiting for an outcome; each is as long as the API waits for one


class NotThere(AssertionError):
    """The API knows no such record, or not yet."""


class Platform:
    def __init__(self, site: Deployment, connection: str) -> None:
        self.connection = connection
        self._site = site
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{site.api}/api/v1",
            headers={"Authorization": f"Bearer {site.token}"},
            timeout=READY_SECONDS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self._client.request(
            method,
            path,
            json=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def start(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        """Ask, and return the command as it stands."""
        answer = self.request(method, path, body, Idempotency_Key=key or str(uuid4()))
        assert answer.status_code in (200, 202), f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        """Ask about the connection, and return the command when it has ended."""
        return self.ended(self.start(method, f"/connections/{self.connection}{path}", body, key))

    def ended(self, command: dict[str, Any]) -> dict[str, Any]:
        for _ in range(_ROUNDS):
            if command["state"] not in ("queued", "sent", "running"):
                return command
            answer = self.request("GET", f"/commands/{command['id']}", Prefer="wait=10")
            command = answer.json()
        raise AssertionError(f"{command['kind']} stays {command['state']}:\n{self._site.log_tail()}")

    def record(self, path: str, key: str) -> dict[str, Any]:
        answer = self.request("GET", f"/connections/{self.connection}/{path}/{quote(key, safe='')}")
        if answer.status_code == 404:
            raise NotThere(answer.text)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until(self, holds: Callable[[], bool]) -> None:
        """Until the API shows it: the index follows the stored batches a moment later."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._holds(holds):
            assert time.monotonic() < deadline, self._site.log_tail()
            time.sleep(POLL_SECONDS)

    @staticmethod
    def _holds(holds: Callable[[], bool]) -> bool:
        try:
            return holds()
        except NotThere:
            return False
