"""Changes of the vault as an operator makes them: tried, audited, stored, put in force.

The running agent and a command without one use the same; they differ in `apply`, which puts a new value in force.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Final, TypeVar

import structlog

from agent.audit.trail import Actor, AuditTrail
from agent.clock import Clock
from agent.credentials.access import Access
from agent.errors import ConfigurationError, CredentialsRefused, GroundwireError
from agent.policies.key import NAME as HASH_KEY
from agent.secrets import Secret, SecretRef, credential_file, is_secret_name, learn, plain_file
from agent.settings import ConnectionSettings, Settings
from agent.vault.store import Vault
from agent.vault.transfer import open_transfer, seal_for_transfer
from drivers.contract import CheckStep

log = structlog.get_logger(__name__)

T = TypeVar("T")

PROXY: Final = "the relay's proxy"  # among the users of a secret
HASHES: Final = "the policy's hashes"


class Tried(StrEnum):
    """What a connection's source said to a new value."""

    WORKS = "works"
    REFUSED = "refused"
    UNTESTED = "untested"  # it could not be reached, or is not enabled


class SecretChanges:
    def __init__(
        self,
        settings: Callable[[], Settings],
        access: Access,
        trail: AuditTrail,
        clock: Clock,
        *,
        apply: Callable[[Sequence[str]], Awaitable[None]],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`apply` puts the present values in force for what `users_of` named."""
        self._settings = settings
        self._access = access
        self._trail = trail
        self._clock = clock
        self._apply = apply
        self._environ = os.environ if environ is None else environ
        self._vault = Vault(settings().state_dir, environ=self._environ)
        self._one_at_a_time = asyncio.Lock()

    async def set(self, name: str, value: Secret, actor: Actor, *, force: bool = False) -> dict[str, Any]:
        """Try the value with every connection that uses it, and store it if none refuses.

        Raises CredentialsRefused, naming the connection, unless forced.
        """
        _refuse_bad_name(name)
        _refuse_hash_key(name)
        learn(value)
        async with self._one_at_a_time:
            self._refuse_shadowed(name)
            outcomes: dict[str, dict[str, str]] = {}
            for user in users_of(self._settings(), name):
                outcomes[user] = await self._try(user, name, value, force=force)
            tried = {user: outcome["outcome"] for user, outcome in outcomes.items()}
            await self._trail.record("secret_set", actor, {"name": name, "tried": tried, "forced": force})
            await self._store({name: value}, actor, tuple(outcomes))
        return {"name": name, "tried": outcomes}

    async def list(self) -> dict[str, Any]:
        settings = self._settings()
        entries, facts = await asyncio.to_thread(lambda: (self._vault.entries(), self._vault.facts()))
        kept = [
            {**asdict(entry), "place": "vault", "used_by": users_of(settings, entry.name)}
            for entry in entries
        ]
        missing = sorted(_names_in(settings) - {entry.name for entry in entries})
        known = kept + [
            {
                "name": name,
                "at": None,
                "by": None,
                "place": self._place_outside(name),
                "used_by": users_of(settings, name),
            }
            for name in missing
        ]
        return {"secrets": known, "vault": asdict(facts)}

    async def remove(self, name: str, actor: Actor, *, force: bool = False) -> bool:
        """Whether it was there. Raises ConfigurationError while something uses it, unless forced."""
        users = users_of(self._settings(), name)
        if users and not force:
            raise ConfigurationError(
                f"the secret {name} is in use by: {', '.join(users)}",
                hint="Repeat with --force; from the next start of the agent every hashed value then leaves with another hash."
                if name == HASH_KEY
                else "Take the reference out of its file first, or repeat with --force.",
            )
        async with self._one_at_a_time:
            if not any(entry.name == name for entry in await asyncio.to_thread(self._vault.entries)):
                return False
            await self._trail.record("secret_removed", actor, {"name": name, "used_by": users})
            return await self._put_in_force(lambda: self._vault.remove(name), users)

    async def export(self, passphrase: Secret, actor: Actor) -> tuple[bytes, Sequence[str]]:
        """All secrets of the vault, sealed for another machine."""
        values = await asyncio.to_thread(self._vault.values)
        content = await asyncio.to_thread(seal_for_transfer, values, passphrase)
        learn(passphrase)
        await self._trail.record("secrets_exported", actor, {"names": sorted(values)})
        return content, sorted(values)

    async def load(
        self, content: bytes, passphrase: Secret, actor: Actor, *, where: str, replace: bool = False
    ) -> Sequence[str]:
        """Store what an export holds. Raises ConfigurationError for names that are there, unless `replace`."""
        values = await asyncio.to_thread(open_transfer, content, passphrase, where=where)
        learn(
            passphrase
        )  # not a wrong one: it may be any word, which would be masked everywhere from then on
        async with self._one_at_a_time:
            there = {entry.name for entry in await asyncio.to_thread(self._vault.entries)} & values.keys()
            if there and not replace:
                raise ConfigurationError(
                    f"there are secrets of these names already: {', '.join(sorted(there))}",
                    where=where,
                    hint="Repeat with --replace to put those of the file in their place.",
                )
            await self._trail.record("secrets_imported", actor, {"names": sorted(values)})
            settings = self._settings()
            users = sorted({user for name in values for user in users_of(settings, name)})
            await self._store(values, actor, users)
        return sorted(values)

    async def rekey(self, actor: Actor) -> dict[str, Any]:
        async with self._one_at_a_time:
            await self._trail.record("secrets_rekeyed", actor, {})
            return asdict(await asyncio.to_thread(self._vault.rekey))

    async def _store(self, values: Mapping[str, Secret], actor: Actor, users: Sequence[str]) -> None:
        at = self._clock.utcnow()
        await self._put_in_force(lambda: self._vault.put(values, by=actor.name, at=at), users)

    async def _put_in_force(self, change: Callable[[], T], users: Sequence[str]) -> T:
        """Change the vault and what works with it, both: somebody who leaves in between ends neither."""

        async def both() -> T:
            result = await asyncio.to_thread(change)
            await self._apply(users)
            return result

        work = asyncio.ensure_future(both())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work})
            raise

    async def _try(self, user: str, name: str, value: Secret, *, force: bool) -> dict[str, str]:
        """One attempt, through a driver of its own."""
        connection = self._settings().connections.get(user)
        if connection is None or not connection.enabled:
            why = "it is not enabled" if connection is not None else "it is tried with the next connection"
            return {"outcome": Tried.UNTESTED, "why": why}
        instead = {str(SecretRef("secret", name)): value.reveal()}
        outcome, step = await self._ask_source(connection, instead)
        if outcome is Tried.REFUSED:
            if not force:
                raise CredentialsRefused(
                    f"the source refuses the new value: {step.detail}",
                    where=user,
                    hint="Nothing was stored. Correct the value, or repeat with --force to store it all the same.",
                )
            secrets = self._access.secrets_of(connection, instead)
            # The words are the connection's state from now on: what was stored was meant to be.
            error = CredentialsRefused(
                f"the source refused {name} when it was set: {step.detail}", where=user
            )
            await self._access.expect_refusal(connection, secrets, error)
        return {"outcome": outcome, "why": step.detail}

    async def _ask_source(
        self, connection: ConnectionSettings, instead: Mapping[str, str]
    ) -> tuple[Tried, CheckStep]:
        try:
            driver = self._access.trial(connection, instead)
        except GroundwireError as error:
            return Tried.UNTESTED, CheckStep("secrets", ok=False, detail=str(error), code=error.code)
        try:
            steps: Sequence[CheckStep] = await driver.check()
        except CredentialsRefused as error:
            return Tried.REFUSED, CheckStep("sign-in", ok=False, detail=str(error), code=error.code)
        except GroundwireError as error:
            return Tried.UNTESTED, CheckStep("check", ok=False, detail=str(error), code=error.code)
        finally:
            await driver.aclose()
        failed = next((step for step in steps if not step.ok), None)
        if failed is None:
            return Tried.WORKS, CheckStep("check", ok=True, detail="")
        refused = failed.code == CredentialsRefused.code
        return (Tried.REFUSED if refused else Tried.UNTESTED), failed

    def _refuse_shadowed(self, name: str) -> None:
        if credential_file(name, self._environ) is not None:
            raise ConfigurationError(
                f"the service has a systemd credential named {name}, which comes before the vault",
                where=f"secret:{name}",
                hint="Change the credential itself, or take it out of the unit first.",
            )

    def _place_outside(self, name: str) -> str:
        if credential_file(name, self._environ) is not None:
            return "systemd credential"
        return "plain file" if plain_file(name, self._settings().state_dir).is_file() else "missing"


def users_of(settings: Settings, name: str) -> list[str]:
    """The connections that refer to `secret:NAME`, the relay's proxy, and the policy whose key it is."""
    if name == HASH_KEY:
        return [HASHES]
    ref = SecretRef("secret", name)
    users = [one.name for one in settings.connections.values() if ref in one.secrets.values()]
    return [*users, PROXY] if settings.relay.proxy_password == ref else users


def _names_in(settings: Settings) -> set[str]:
    refs = [ref for one in settings.connections.values() for ref in one.secrets.values()]
    if settings.relay.proxy_password is not None:
        refs.append(settings.relay.proxy_password)
    return {ref.name for ref in refs if ref.kind == "secret"}


def _refuse_hash_key(name: str) -> None:
    if name == HASH_KEY:
        raise ConfigurationError(
            f"the agent makes {name} by itself",
            hint="`groundwire secret import` brings that of another machine.",
        )


def _refuse_bad_name(name: str) -> None:
    if not is_secret_name(name):
        raise ConfigurationError(
            "this is no name for a secret",
            hint="Letters, digits, dot, underscore and hyphen; it begins with a letter or a digit.",
        )
