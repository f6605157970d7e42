"""Secrets that the source itself changes, such as refresh tokens: stored before the new value is used.

A driver begins a rotation, asks its source, hands the new value over, and goes on when it is durable. While one driver
rotates a secret, every other one that wants to waits, and then begins with the new value.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.secrets import Secret, SecretRef, credential_file
from agent.settings import ConnectionSettings
from agent.vault.references import resolve
from agent.vault.store import Vault

log = structlog.get_logger(__name__)


class Rotations:
    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        *,
        environ: Mapping[str, str] | None = None,
        told: Callable[[str, str], None] = lambda _connection, _name: None,
    ) -> None:
        """`told` hears of each secret that has been stored anew."""
        self._told = told
        self._state_dir = state_dir
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._turns: dict[
            str, asyncio.Lock
        ] = {}  # by the secret's name, for several connections may share one

    def of(self, settings: ConnectionSettings, secrets: dict[str, str]) -> ConnectionKeeper:
        """For one connection; `secrets`, the values its drivers are opened with, follows each rotation."""
        return ConnectionKeeper(self, settings, secrets)

    def turn(self, name: str) -> asyncio.Lock:
        return self._turns.setdefault(name, asyncio.Lock())

    def rotatable(self, ref: SecretRef, where: str) -> SecretRef:
        """Raises ConfigurationError for a secret that Groundwire cannot store."""
        if ref.kind != "secret":
            raise ConfigurationError(
                f"the source changes this secret from time to time, and {ref} cannot be written",
                where=where,
                hint='Store it with `groundwire secret set NAME` and refer to it as "secret:NAME".',
            )
        if credential_file(ref.name, self._environ) is not None:
            raise ConfigurationError(
                f"the source changes this secret from time to time, and the systemd credential {ref.name} cannot be written",
                where=where,
                hint=f"Take the credential out of the unit and store it with `groundwire secret set {ref.name}`.",
            )
        return ref

    async def prepare(self, ref: SecretRef, where: str) -> str:
        """The present value, after having seen that a new one could be stored."""

        def read() -> str:
            Vault(self._state_dir, environ=self._environ).probe()
            return resolve(ref, state_dir=self._state_dir, where=where, environ=self._environ).reveal()

        return await asyncio.to_thread(read)

    async def store(self, name: str, value: str, connection: str) -> None:
        vault, at = Vault(self._state_dir, environ=self._environ), self._clock.utcnow()
        await asyncio.to_thread(vault.put, {name: Secret(value)}, by=f"rotated by {connection}", at=at)
        self._told(connection, name)


class ConnectionKeeper:
    """What `agent.hosting` calls for a connection's drivers. Each method raises a GroundwireError."""

    def __init__(self, rotations: Rotations, settings: ConnectionSettings, secrets: dict[str, str]) -> None:
        self._rotations = rotations
        self._settings = settings
        self._secrets = secrets

    async def begin(self, name: str) -> str:
        """Wait for the sole right to rotate the secret; `end` gives it back."""
        ref, where = self._reference(name)
        turn = self._rotations.turn(ref.name)
        await turn.acquire()
        try:
            value = await self._rotations.prepare(ref, where)
        except BaseException:
            turn.release()
            raise
        self._secrets[name] = value
        return value

    async def keep(self, name: str, value: str) -> None:
        """Store the new value; it is durable when this returns."""
        ref, _ = self._reference(name)
        await self._rotations.store(ref.name, value, self._settings.name)
        self._secrets[name] = value
        log.info("secret_rotated", connection=self._settings.name, secret=ref.name)

    def end(self, name: str) -> None:
        self._rotations.turn(self._settings.secrets[name].name).release()

    def _reference(self, name: str) -> tuple[SecretRef, str]:
        where = f"{self._settings.where}: secrets.{name}"
        if name not in self._settings.secrets:
            raise ConfigurationError(
                "the connection has no such secret, and its source gave a new one", where=where
            )
        return self._rotations.rotatable(self._settings.secrets[name], where), where
