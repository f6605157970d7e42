"""The value behind a reference, with the vault among the places where `secret:NAME` is looked up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from agent import secrets
from agent.secrets import Secret, SecretRef
from agent.vault.store import Vault


def resolve(
    ref: SecretRef, *, state_dir: Path, where: str = "", environ: Mapping[str, str] | None = None
) -> Secret:
    """Raises ConfigurationError, with `where` as its place, when there is no value or others may read it."""
    variables = os.environ if environ is None else environ
    vault = Vault(state_dir, environ=variables)
    return secrets.resolve(ref, state_dir=state_dir, where=where, environ=variables, vault=vault.get)
