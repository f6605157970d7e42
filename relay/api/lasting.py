"""A key counts when the answer is given, not only when the request came: one that waits may outlive its key."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.clock import Clock
from relay.api.context import CHALLENGE, NOT_KNOWN, PRESENTED, ApiContext, known_bearer
from relay.api.problems import Problem, response

LOOKED_AT_AGAIN_SECONDS: Final = 0.5  # a request that takes longer has waited for something


class KeyRevoked(Exception):
    """In the middle of an answer: it is cut off."""


class StillKnown:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(scope, receive, send).take)


class _Answer:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._context: ApiContext = scope["app"].state.context
        self._clock: Clock = self._context.clock
        self._looked_at = self._clock.monotonic()
        self._begun = False
        self._refused = False

    async def take(self, message: Message) -> None:
        if self._refused:
            return
        problem = await self._problem()
        if problem is None:
            self._begun = True
            await self._send(message)
            return
        self._refused = True
        if self._begun:
            raise KeyRevoked
        refused = response(problem.status, problem.detail, headers=problem.headers)
        await refused(self._scope, self._receive, self._send)

    async def _problem(self) -> Problem | None:
        presented = self._scope.get("state", {}).get(PRESENTED)
        now = self._clock.monotonic()
        if presented is None or now - self._looked_at < LOOKED_AT_AGAIN_SECONDS:
            return None
        self._looked_at = now
        try:
            known = await known_bearer(self._context, presented)
        except Problem as problem:
            return problem
        return None if known is not None else Problem(HTTPStatus.UNAUTHORIZED, NOT_KNOWN, headers=CHALLENGE)
