"""The shared HTTP client for code that blocks: it has an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from threading import Lock, Thread
from typing import Any, TypeVar

from drivers.contract import SeenCertificate, unseen
from drivers.http.client import HttpClient
from drivers.http.messages import Answer, Request
from drivers.http.options import HttpOptions

_Result = TypeVar("_Result")


class HttpPost:
    def __init__(
        self, options: HttpOptions, secrets: Mapping[str, str], seen: SeenCertificate = unseen
    ) -> None:
        """Connects to nothing. Raises BadConfiguration for options that cannot work."""
        self._client = HttpClient(options, secrets, seen=seen)
        self._starting = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def send(self, request: Request) -> Answer:
        return self._run(self._client.send(request))

    def close(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._run(self._client.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=self._loop.run_forever, name="rfc-http", daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
