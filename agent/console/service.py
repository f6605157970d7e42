"""When the console listens: from the first link that somebody asks for until nobody has used it for an hour.

Light to import: what serves pages is loaded when it is first needed, so that an agent starts as fast without it.
"""

from __future__ import annotations

import asyncio
import importlib
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from agent.audit.trail import Actor, AuditTrail, Origin
from agent.clock import Clock
from agent.console.door import Door
from agent.console.password import Password
from agent.control import Handler
from agent.errors import GroundwireError, TransientError
from agent.settings import ConsoleTable

if TYPE_CHECKING:
    from agent.calls.setting_up import SetupCalls
    from agent.console.site import Site

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 30.0  # between two looks whether anybody is in, or whether a port is free by now


class ConsoleUnavailable(TransientError):
    """The console cannot listen."""

    code = "console_unavailable"
    default_hint = (
        "Another program may have its port: choose another one as `[console] port` in agent.toml, or take the line "
        "out for a free one, and start the agent again."
    )


@dataclass(slots=True)
class _Listening:
    site: Site
    root: str
    port: int
    server: asyncio.Task[None]
    setting_up: SetupCalls | None


class Console:
    def __init__(
        self,
        table: ConsoleTable,
        name: str,
        password: Password,
        handlers: Callable[[], Mapping[str, Handler]],
        trail: AuditTrail,
        denied: Callable[[Actor, str], Awaitable[None]],
        clock: Clock,
        *,
        setting_up: Callable[[], SetupCalls] | None = None,
        of_setup: bool = False,
    ) -> None:
        """`handlers` gives the agent's calls, of which asking for a link is one; `setting_up` those of a set-up here.

        `of_setup`: it is no agent's console, but the page of `groundwire setup --web`.
        """
        self._table = table
        self._name = name
        self._password = password
        self._handlers = handlers
        self._trail = trail
        self._denied = denied
        self._clock = clock
        self._setting_up = setting_up
        self._of_setup = of_setup
        self._door = Door(clock)
        self._listening: _Listening | None = None
        self._changing = asyncio.Lock()
        self._live: Callable[[], None] = lambda: None
        self._ended = False
        self._told = ""  # the trouble that was told of last and still goes on

    def changed(self) -> None:
        """Something that a page shows is no longer as it was."""
        self._live()

    @property
    def port(self) -> int | None:
        """Where it listens now, if it does."""
        return None if self._listening is None else self._listening.port

    @property
    def in_use(self) -> bool:
        """Whether somebody is in, or may still come in with a link."""
        return self._door.in_use

    async def run(self) -> None:
        """For ever: listens where it is to listen always, and stops where nobody needs it any more.

        Whatever goes wrong with it is told and tried again: no fault of the console ends the agent.
        """
        try:
            while True:
                await self._look()
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            self._ended = True
            await self.aclose()

    async def link(self, actor: Actor) -> str:
        """A link for this person, good once and for a short while. Raises ConsoleUnavailable."""
        for_console = Actor(Origin.CONSOLE, actor.name)
        await self._trail.record("console_link_made", actor, {})
        there = await self._open()
        token = self._door.make_link(for_console)
        return f"http://127.0.0.1:{there.port}/{there.root}/open?link={token}"

    def end_sessions(self) -> None:
        """Whoever is in has to come in anew: the password is another one."""
        self._door.close()

    async def _look(self) -> None:
        try:
            if self._table.always:
                await self._open()
            else:
                await self._close_unused()
            if self._listening is not None and self._listening.setting_up is not None:
                await self._listening.setting_up.look()
        except GroundwireError as error:
            if self._begins(error.code):
                log.warning("console_not_listening", code=error.code, error=str(error), hint=error.hint)
        except Exception as error:
            if self._begins(type(error).__name__):
                log.exception("console_failed")
        else:
            self._told = ""

    def _begins(self, trouble: str) -> bool:
        """Whether this is new: a trouble is told once, however long it goes on."""
        new, self._told = trouble != self._told, trouble
        return new

    async def _open(self) -> _Listening:
        async with self._changing:
            if self._ended:
                raise ConsoleUnavailable("the agent is stopping", hint="Ask again when it has started.")
            if self._listening is not None and self._listening.server.done():
                log.warning("console_closed", because="fault", exc_info=_fault_of(self._listening.server))
                await self._end(self._listening)
            if self._listening is None:
                self._listening = await self._begin()
            return self._listening

    async def _begin(self) -> _Listening:
        # In a thread: loading all of it takes a while, in which the tunnel and the runs go on.
        await asyncio.to_thread(importlib.import_module, "agent.console.site")
        await asyncio.to_thread(importlib.import_module, "agent.console.server")
        from agent.console.server import listen  # noqa: PLC0415 - heavy, and most agents never serve a page

        try:
            listening = listen(self._table.port)
        except OSError as error:
            where = f"127.0.0.1:{self._table.port}" if self._table.port else "127.0.0.1"
            raise ConsoleUnavailable(
                f"the console cannot listen: {error.strerror or 'unknown fault'}", where=where
            ) from error
        try:
            return await self._serve(listening)
        except BaseException:
            listening.close()
            raise

    async def _serve(self, listening: socket.socket) -> _Listening:
        from agent.console.live import Live  # noqa: PLC0415 - heavy, and most agents never serve a page
        from agent.console.server import serve  # noqa: PLC0415
        from agent.console.signing_in import SigningIn  # noqa: PLC0415
        from agent.console.site import Place, Site, of_setup  # noqa: PLC0415

        port, root = int(listening.getsockname()[1]), secrets.token_urlsafe(16)
        live = Live(self._clock)
        self._live = live.changed
        signing_in = SigningIn(self._door, self._password, self._trail, self._denied)
        place = of_setup(port, root) if self._of_setup else Place(port, root, self._name)
        setting_up = self._setting_up() if self._setting_up is not None else None
        calls = {**self._handlers(), **(setting_up.handlers() if setting_up is not None else {})}
        make = partial(Site, place, self._door, signing_in, live, calls, self._clock)
        site = await asyncio.to_thread(make)  # which compiles every template
        server = asyncio.create_task(serve(site.app(), listening), name="console")
        log.info("console_listening", port=port)
        return _Listening(site, root, port, server, setting_up)

    async def aclose(self) -> None:
        """Listen no more, end every session and what was begun; again changes nothing."""
        async with self._changing:
            if self._listening is not None:
                await self._end(self._listening)

    async def _close_unused(self) -> None:
        async with self._changing:  # inside it: a link that is being made counts as use
            if self._listening is not None and not self._door.in_use:
                await self._end(self._listening)
                log.info("console_closed", because="unused")

    async def _end(self, there: _Listening) -> None:
        self._live = lambda: None
        self._door.close()
        there.server.cancel()
        await asyncio.wait({there.server})
        await there.site.begun.aclose()
        if there.setting_up is not None:
            await there.setting_up.aclose()
        self._listening = None


def _fault_of(server: asyncio.Task[None]) -> BaseException | None:
    return None if server.cancelled() else server.exception()
