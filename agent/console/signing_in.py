"""From a link to a session: the password, and the lines of the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from agent.audit.trail import Actor, AuditTrail, Origin
from agent.console.door import Door, LinkGone, Session
from agent.console.password import Password

COOKIE: Final = "groundwire"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page of a link has to say."""

    password: bool = False  # whether one is asked for
    wrong: bool = False  # whether the one that was given is not it
    gone: bool = False  # the link is good no longer
    ended: bool = False  # and the session that it had made was ended
    cookie: str | None = None  # whoever has it is in


class SigningIn:
    def __init__(
        self,
        door: Door,
        password: Password,
        trail: AuditTrail,
        denied: Callable[[Actor, str], Awaitable[None]],
    ) -> None:
        self._door = door
        self._password = password
        self._trail = trail
        self._denied = denied
        self._one_at_a_time = asyncio.Lock()  # a hash of a password takes 32 MiB and a tenth of a second

    async def asked(self, token: str) -> Asked:
        try:
            self._door.made_for(token)
        except LinkGone:
            return Asked(gone=True)
        return Asked(password=await asyncio.to_thread(self._password.is_set))

    async def enter(self, token: str, password: str) -> Asked:
        """Raises what the audit log and the file of the password raise; then nobody is in."""
        try:
            # One at a time from the look at the link on, else tries beside each other walk round their limit.
            async with self._one_at_a_time:
                actor = self._door.made_for(token)
                fits = await asyncio.to_thread(self._password.fits, password)
                if not fits:
                    self._door.wrong_password(token)
            if not fits:
                await self._denied(actor, "password")
                return Asked(password=True, wrong=True)
            cookie, session = self._door.enter(token)
        except LinkGone:
            return await self._used_again(token)
        try:
            await self._trail.record("console_signed_in", session.actor, {})
        except BaseException:
            self._door.leave(session)
            raise
        return Asked(cookie=cookie)

    async def leave(self, session: Session) -> None:
        self._door.leave(session)
        await self._trail.record("console_signed_out", session.actor, {"because": "asked"})

    async def _used_again(self, token: str) -> Asked:
        session = self._door.used_again(token)
        await self._denied(session.actor if session else Actor(Origin.CONSOLE, "unknown"), "link")
        if session is not None:
            await self._trail.record("console_signed_out", session.actor, {"because": "link_used_again"})
        return Asked(gone=True, ended=session is not None)
