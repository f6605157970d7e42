from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.protocol.auth import parse_code
from relay.identities import (
    MAX_CODE_LIFETIME,
    Bearer,
    bearer_of,
    create_code,
    create_tenant,
    create_token,
    new_id,
)
from relay.store.base import TokenScope
from tests.unit.relay.making import NOW, opened

READ = frozenset({TokenScope.READ})


async def test_a_token_opens_its_tenant_and_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        for name in ("acme", "globex"):
            await create_tenant(relay.store, name, NOW)
        acme = await create_token(relay.store, "acme", "first", NOW, scopes=READ)
        globex = await create_token(relay.store, "globex", "first", NOW, scopes=READ)

        assert await bearer_of(relay.store, acme.text, NOW) == Bearer("acme", READ, acme.text.split("_")[1])
        mixed = acme.text[:20] + globex.text[20:]
        assert await bearer_of(relay.store, mixed, NOW) is None


@pytest.mark.parametrize("presented", ["", "gwt_", "gwt_0000000000000000_" + "A" * 43, "x" * 10_000, "gwt_é"])
async def test_anything_else_opens_nothing(tmp_path: Path, presented: str) -> None:
    async with opened(tmp_path) as relay:
        assert await bearer_of(relay.store, presented, NOW) is None


async def test_no_secret_is_in_the_store_or_in_a_repr(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        await create_tenant(relay.store, "acme", NOW)
        token = await create_token(relay.store, "acme", "first", NOW, scopes=READ)
        code, _ = await create_code(
            relay.store, "acme", agent_name=None, lifetime=timedelta(hours=1), now=NOW
        )

    secrets = [token.text.split("_", 2)[2], code.text, code.text[5:]]
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert not [secret for secret in secrets if secret.encode() in stored]
    assert "***" in repr(token)


async def test_a_code_does_not_live_for_ever(tmp_path: Path) -> None:
    async with opened(tmp_path) as relay:
        await create_tenant(relay.store, "acme", NOW)
        code, kept = await create_code(
            relay.store, "acme", agent_name=None, lifetime=timedelta(days=999), now=NOW
        )

    assert kept.expires_at == NOW + MAX_CODE_LIFETIME
    assert parse_code(code.shown) == code


@pytest.mark.parametrize("name", ["", "Acme", "a b", "../x", "a" * 64])
async def test_a_strange_tenant_name_is_refused(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path) as relay:
        with pytest.raises(ConfigurationError):
            await create_tenant(relay.store, name, NOW)


def test_ids_sort_by_creation() -> None:
    assert new_id("cmd", NOW) < new_id("cmd", NOW + timedelta(microseconds=1))
