"""The machine as a running agent acts on it for somebody at its console: as that person, and with lines of the audit log."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

from agent.audit.trail import AuditTrail
from agent.control import Handler, caller
from agent.errors import NotPermitted
from agent.secrets import Secret
from agent.setup.asking import Person
from agent.setup.conversation import Outcome, connect
from agent.setup.machine import ThisMachine
from agent.setup.sitting import Talk


class _Inside(ThisMachine):
    def __init__(self, config_dir: Path, handlers: Mapping[str, Handler], trail: AuditTrail) -> None:
        super().__init__(config_dir)
        self._handlers = handlers
        self._trail = trail

    async def write(self, name: str, text: str) -> None:
        await self._trail.record("local_action", caller(), {"call": "setup", "file": name})
        await super().write(name, text)

    async def store(self, name: str, value: Secret) -> None:
        self.deed()
        await self.call("secret_set", {"name": name, "value": value.reveal(), "force": True})

    async def call(self, name: str, args: Mapping[str, Any]) -> None:
        await self._handlers[name](dict(args), lambda _: None)

    def require_writable(self) -> None:
        """Said before anything is asked: as a service an agent often may not change its own configuration."""
        folder = self.path_of("connections")
        place = folder if folder.exists() else folder.parent
        if not os.access(place, os.W_OK | os.X_OK):
            raise NotPermitted(
                "the agent may not write its own configuration here, so no connection can be added in its console",
                where=str(place),
                hint="On its host, as somebody who may: `groundwire setup --web` asks the same in a browser, and "
                "`groundwire setup` in a terminal.",
            )


def adding(config_dir: Path, handlers: Callable[[], Mapping[str, Handler]], trail: AuditTrail) -> Talk:
    """The conversation that adds a connection to the agent that runs it."""

    async def talk(person: Person, deed: Callable[[], None]) -> Outcome:
        async with aclosing(_Inside(config_dir, handlers(), trail)) as machine:
            machine.require_writable()
            machine.deed = deed
            outcome = await connect(person, machine)
            if outcome.connections:
                await machine.call("reload", {})
            return outcome

    return talk
