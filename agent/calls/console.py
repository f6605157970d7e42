"""The calls of `groundwire console`: a link to it, and its password."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from agent.audit.trail import Actor, AuditTrail
from agent.console.password import Password
from agent.control import Handler, Progress, caller
from agent.errors import ConfigurationError


class Linking(Protocol):
    """The console, as far as its calls go."""

    async def link(self, actor: Actor) -> str: ...

    def end_sessions(self) -> None: ...


class ConsoleCalls:
    def __init__(self, console: Linking | None, password: Password, trail: AuditTrail) -> None:
        """`console` is None where no agent runs: then there is only the password."""
        self._console = console
        self._password = password
        self._trail = trail

    def handlers(self) -> Mapping[str, Handler]:
        own: dict[str, Handler] = {"console_password": self._set}
        return {**own, "console_link": self._link} if self._console is not None else own

    async def _link(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        assert self._console is not None  # noqa: S101 - else there is no such call
        url = await self._console.link(caller())
        return {"url": url, "password": await asyncio.to_thread(self._password.is_set)}

    async def _set(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """`password`: a text, or null for none."""
        password = args.get("password")
        if password is not None and not isinstance(password, str):
            raise ConfigurationError("the password is a text, or null for none")
        await self._trail.record("console_password_set", caller(), {"asked_for": password is not None})
        if password is None:
            changed = await asyncio.to_thread(self._password.remove)
        else:
            await asyncio.to_thread(self._password.keep, password)
            changed = True
        if self._console is not None:
            self._console.end_sessions()
        return {"asked_for": password is not None, "changed": changed}
