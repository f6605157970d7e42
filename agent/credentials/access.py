"""How connections sign in: their secrets resolved, their drivers made, and what became of their credentials remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog

from agent.audit.trail import AGENT, Actor
from agent.clock import Clock
from agent.credentials.refused import Offered, RefusedCredentials
from agent.credentials.rotations import Rotations
from agent.errors import CredentialsRefused, GroundwireError
from agent.hosting.driver import HostedDriver
from agent.hosting.limits import HostingLimits
from agent.settings import ConnectionSettings, LimitsTable
from agent.vault.references import resolve
from drivers.contract import HopCertificate

log = structlog.get_logger(__name__)


class Happenings(Protocol):
    """The audit log, for what has happened already."""

    async def happened(self, action: str, actor: Actor, facts: Mapping[str, Any]) -> None: ...


class Access:
    def __init__(
        self,
        limits: LimitsTable,
        state_dir: Path,
        clock: Clock,
        *,
        audit: Happenings | None = None,
        driver_command: tuple[str, ...] = (),
    ) -> None:
        """`driver_command` replaces the program of the drivers' processes, and is for tests alone."""
        self._limits = limits
        self._state_dir = state_dir
        self._clock = clock
        self._audit = audit
        self._driver_command = driver_command
        self._memory = RefusedCredentials(state_dir)
        self._rotations = Rotations(state_dir, clock, told=self._tell_rotated)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()  # one change of the memory at a time, in their order

    def secrets_of(
        self, settings: ConnectionSettings, instead: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """The values of a connection's secrets; `instead` holds those of references that are to be tried.

        Raises ConfigurationError for a secret that cannot be read.
        """
        return {
            name: (instead or {}).get(str(ref))
            or resolve(ref, state_dir=self._state_dir, where=f"{settings.where}: secrets.{name}").reveal()
            for name, ref in settings.secrets.items()
        }

    def driver(
        self,
        settings: ConnectionSettings,
        secrets: dict[str, str],
        *,
        on_refused: Callable[[CredentialsRefused], None] = lambda _: None,
        on_accepted: Callable[[], None] = lambda: None,
        on_certificates: Callable[[Sequence[HopCertificate]], None] = lambda _: None,
    ) -> HostedDriver:
        """A driver, not yet started. `secrets` follows what the source rotates."""

        def refused(error: CredentialsRefused) -> None:
            self._later(self._remember(Offered.of(settings, secrets), error))
            on_refused(error)

        return HostedDriver(
            settings.name,
            settings.driver,
            settings.options,
            secrets,
            hosting_limits(self._limits),
            clock=self._clock,
            keeper=self._rotations.of(settings, secrets),
            on_refused=refused,
            on_accepted=on_accepted,
            on_certificates=on_certificates,
            rows_per_call=settings.limits.rows_per_call,
            credentials_hint=where_to_set(settings),
            child_command=self._driver_command,
        )

    def trial(self, settings: ConnectionSettings, instead: Mapping[str, str]) -> HostedDriver:
        """A driver for one try with other values; what becomes of it is not remembered."""
        secrets = self.secrets_of(settings, instead)
        limits = hosting_limits(self._limits)
        return HostedDriver(
            settings.name,
            settings.driver,
            settings.options,
            secrets,
            limits,
            clock=self._clock,
            rows_per_call=settings.limits.rows_per_call,
            credentials_hint=where_to_set(settings),
            child_command=self._driver_command,
        )

    async def refusal(
        self, settings: ConnectionSettings, secrets: Mapping[str, str]
    ) -> CredentialsRefused | None:
        """The refusal of just these credentials, from before they were put in force."""
        return await asyncio.to_thread(self.find_refusal, settings, secrets)

    def find_refusal(
        self, settings: ConnectionSettings, secrets: Mapping[str, str]
    ) -> CredentialsRefused | None:
        """The same for who has a thread already; it takes some 50 ms where there was a refusal."""
        return self._memory.find(Offered.of(settings, secrets))

    def knows_refusal(self, settings: ConnectionSettings) -> bool:
        """Whether any credentials of the connection were refused, and none has worked since."""
        return self._memory.knows(settings.name)

    async def expect_refusal(
        self, settings: ConnectionSettings, secrets: Mapping[str, str], error: CredentialsRefused
    ) -> None:
        """Somebody puts credentials in force that were refused a moment ago: they are not tried at once."""
        await self._remember(Offered.of(settings, secrets), error)

    def tell_refused(self, connection: str, error: CredentialsRefused) -> None:
        self._tell("credentials_refused", {"connection": connection, "error": str(error)})

    def tell_restored(self, connection: str) -> None:
        self._later(self._forget(connection))
        self._tell("credentials_restored", {"connection": connection})

    def _tell_rotated(self, connection: str, name: str) -> None:
        self._tell("secret_rotated", {"connection": connection, "name": name})

    async def settled(self) -> None:
        """When everything that was to be remembered is."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _tell(self, action: str, facts: Mapping[str, Any]) -> None:
        if self._audit is not None:
            self._later(self._audit.happened(action, AGENT, facts))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="credentials")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _remember(self, offered: Offered, error: CredentialsRefused) -> None:
        await self._write(lambda: self._memory.remember(offered, error), offered.connection)

    async def _forget(self, connection: str) -> None:
        await self._write(lambda: self._memory.forget(connection), connection)

    async def _write(self, write: Callable[[], None], connection: str) -> None:
        try:
            async with self._writing:
                await asyncio.to_thread(write)
        except GroundwireError as error:  # at worst the next start of the agent tries once more
            log.warning(
                "credentials_not_remembered", connection=connection, code=error.code, error=str(error)
            )


def where_to_set(settings: ConnectionSettings) -> str:
    """What a person does to set the secrets of a connection anew, in a sentence; empty where it has none."""
    ways = {
        "secret": "`groundwire secret set {}`",
        "file": "the file {}",
        "env": "the variable {} and a restart",
    }
    told = dict.fromkeys(ways[ref.kind].format(ref.name) for ref in settings.secrets.values())
    return f"To set it anew: {', '.join(told)}." if told else ""


def hosting_limits(limits: LimitsTable) -> HostingLimits:
    return HostingLimits(
        seconds_without_page=limits.driver_seconds_without_page,
        idle_seconds=limits.driver_idle.total_seconds(),
        resident_bytes=limits.driver_memory,
    )
