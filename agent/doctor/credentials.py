"""Credentials: that every reference has a value, none was refused, and the vault opens. No value is shown or tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.beside import beside
from agent.credentials.access import Access
from agent.doctor.check import Check, Known, Told
from agent.doctor.files import agent_user
from agent.doctor.installation import Installation
from agent.errors import ConfigurationError, GroundwireError
from agent.findings import Level
from agent.secrets import SecretRef
from agent.settings import ConnectionSettings
from agent.vault.references import resolve
from agent.vault.store import Vault

KNOWN: Final = (
    Known(
        "credentials.missing",
        Level.PROBLEM,
        "A secret that the configuration refers to has no value, or one that cannot be read",
        "Set it with `groundwire secret set NAME`, or create the file that the reference names.",
    ),
    Known(
        "credentials.not_here",
        Level.NOTICE,
        "A secret comes from the environment or the service's credentials, which only the agent's process has",
        "Nothing to do: `groundwire secret list` and the running agent know whether it is there.",
    ),
    Known(
        "credentials.refused",
        Level.PROBLEM,
        "The system refused these credentials; nothing tries them again, so that no account is locked",
        "Set the right ones with `groundwire secret set NAME`; after an account was only unlocked, `groundwire check CONNECTION` tries once more.",
    ),
    Known(
        "credentials.vault",
        Level.PROBLEM,
        "The vault of secrets does not open",
        "Do what the finding says of it; docs/secrets.md has what protects it.",
    ),
    Known(
        "credentials.vault_older",
        Level.WARNING,
        "The vault's file comes from a backup: secrets that were set since then are the earlier ones",
        "Set the secrets that were changed since anew with `groundwire secret set NAME`.",
    ),
    Known(
        "credentials.vault_guard",
        Level.NOTICE,
        "This host could protect the vault better than it does",
        "`groundwire secret rekey` seals it with the best protection that the host has.",
    ),
)


async def check_credentials(installation: Installation, told: Told) -> None:
    if installation.state_dir is None:
        return
    await beside(lambda: _look(installation, told), name="credentials")


def _look(installation: Installation, told: Told) -> None:
    for connection in installation.connections:
        missing = [_resolve(installation, ref, where, told) for ref, where in _references(connection)]
        if not any(missing):
            _refused(installation, connection, told)
    relay = installation.settings.relay if installation.settings is not None else None
    if relay is not None and relay.proxy_password is not None:
        _resolve(installation, relay.proxy_password, "agent.toml: relay.proxy_password", told)
    _vault(installation, told)


def _references(connection: ConnectionSettings) -> Iterator[tuple[SecretRef, str]]:
    for name, ref in connection.secrets.items():
        yield ref, f"{connection.where}: secrets.{name}"


def _resolve(installation: Installation, ref: SecretRef, where: str, told: Told) -> bool:
    """Whether it is missing here. Read, and let go at once."""
    folder = installation.state_dir
    if folder is None:
        return True
    try:
        resolve(ref, state_dir=folder, where=where, environ=installation.environ)
    except ConfigurationError as error:
        if ref.kind == "env" and (installation.running or agent_user(installation) is not None):
            told.found("not_here", where, f"{ref} is not in this environment")
        else:
            told.found("missing", where, error.message, next_step=error.hint)
        return True
    except GroundwireError as error:
        told.found("missing", where, error.message, next_step=error.hint)
        return True
    told.fine(where, f"{ref} has a value")
    return False


def _refused(installation: Installation, connection: ConnectionSettings, told: Told) -> None:
    settings, folder = installation.settings, installation.state_dir
    if settings is None or folder is None:
        return
    access = Access(settings.limits, folder, installation.clock)
    if not access.knows_refusal(connection):
        return
    error = access.find_refusal(connection, access.secrets_of(connection))
    if error is not None:
        told.found(
            "refused", connection.name, f"the system refused them: {error.message}", evidence=error.where
        )


def _vault(installation: Installation, told: Told) -> None:
    folder = installation.state_dir
    if folder is None:
        return
    vault = Vault(folder, environ=installation.environ)
    try:
        facts = vault.facts()
    except GroundwireError as error:
        told.found("vault", error.where or str(vault.path), error.message, next_step=error.hint)
        return
    if not facts.exists:
        return
    if facts.older:
        told.found("vault_older", str(vault.path), "the vault's file is older than its last change")
    if facts.better:
        told.found(
            "vault_guard",
            str(vault.path),
            f"guarded by {facts.protection}",
            evidence=f"better: {facts.better}",
        )
    told.fine(str(vault.path), "the vault is there", facts.sentence)


CHECK: Final = Check(
    "credentials", "references to secrets, and credentials that were refused", check_credentials, KNOWN
)
