"""Keys, tenants and the audit log over the real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import orjson
import pytest

from agent.errors import ConfigurationError, GroundwireError
from relay.acting import Actor, ActorKind, acting_as
from relay.deeds import OPERATOR, Action, Check, Line
from relay.identities import (
    ALL_SCOPES,
    OVERLAP,
    Bearer,
    TenantDisabled,
    bearer_of,
    create_admin_key,
    create_code,
    create_tenant,
    create_token,
    rotate_key,
)
from relay.store import audited, keys
from relay.store.administration import Administration
from relay.store.audit import AuditFilter
from relay.store.base import Enrolment, TokenScope
from relay.store.keys import KEPT_REVOKED, MAX_KEYS, Kind
from relay.store.opening import _create
from relay.store.sql import Sql
from relay.store.sqlite import STORE_FILE, SqliteStore
from tests.unit.relay.making import NOW, Relay, opened

HOUR = timedelta(hours=1)
BY = Actor(ActorKind.ADMIN, "00ff", "192.0.2.1")


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Relay]:
    async with opened(tmp_path) as running:
        await create_tenant(running.store, "acme", NOW)
        yield running


def admin(relay: Relay) -> Administration:
    return Administration(relay.store.engine)


def id_of(text: str) -> str:
    return text.split("_")[1]


async def told(relay: Relay, chain: str) -> list[tuple[str, str]]:
    """What a chain says, oldest first: who did what."""
    lines = await admin(relay).chain(chain, 0, 1_000)
    bodies = [orjson.loads(line.text) for line in lines]
    return [(body["by"]["kind"], body["action"]) for body in bodies]


async def test_a_rotated_token_has_two_secrets_until_the_overlap_ends(relay: Relay) -> None:
    """G165."""
    old = await create_token(relay.store, "acme", "erp", NOW, scopes=ALL_SCOPES)
    rotated = await rotate_key(relay.store, Kind.TOKEN, "acme", id_of(old.text), NOW, OVERLAP)
    assert rotated is not None
    key, new = rotated

    before, after = NOW + OVERLAP - timedelta(seconds=1), NOW + OVERLAP
    assert [await bearer_of(relay.store, one.text, before) for one in (old, new)] == [
        Bearer("acme", ALL_SCOPES, key.id)
    ] * 2
    assert await bearer_of(relay.store, old.text, after) is None
    assert await bearer_of(relay.store, new.text, after) is not None


async def test_a_second_rotation_ends_the_oldest_secret_at_once(relay: Relay) -> None:
    first = await create_token(relay.store, "acme", "erp", NOW, scopes=ALL_SCOPES)
    for _ in range(2):
        assert await rotate_key(relay.store, Kind.TOKEN, "acme", id_of(first.text), NOW, OVERLAP)

    assert await bearer_of(relay.store, first.text, NOW) is None


async def test_a_token_ends_when_it_was_to_and_a_revoked_one_at_once(relay: Relay) -> None:
    """G165."""
    short = await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES, expires_at=NOW + HOUR)
    revoked = await create_token(relay.store, "acme", "b", NOW, scopes=ALL_SCOPES)
    await rotate_key(relay.store, Kind.TOKEN, "acme", id_of(revoked.text), NOW, OVERLAP)
    await admin(relay).revoke_key(Kind.TOKEN, "acme", id_of(revoked.text), NOW)

    assert await bearer_of(relay.store, short.text, NOW + HOUR - timedelta(seconds=1)) is not None
    assert await bearer_of(relay.store, short.text, NOW + HOUR) is None
    assert await bearer_of(relay.store, revoked.text, NOW) is None


async def test_one_tenants_keys_are_not_anothers_to_rotate_or_revoke(relay: Relay) -> None:
    """G166."""
    token = await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES)

    assert await rotate_key(relay.store, Kind.TOKEN, "globex", id_of(token.text), NOW, OVERLAP) is None
    assert await admin(relay).revoke_key(Kind.TOKEN, "globex", id_of(token.text), NOW) is None
    assert await admin(relay).key(Kind.TOKEN, "globex", id_of(token.text)) is None
    assert await bearer_of(relay.store, token.text, NOW) is not None


async def test_an_admin_key_is_no_token_and_a_token_no_admin_key(relay: Relay) -> None:
    """G165."""
    key = await create_admin_key(relay.store, "operator", NOW)
    found = await bearer_of(relay.store, key.text, NOW)

    assert found == Bearer("", frozenset(), id_of(key.text), Kind.ADMIN)
    assert await bearer_of(relay.store, key.text.replace("gwa_", "gwt_"), NOW) is None


async def test_the_last_use_is_noted_to_the_hour(relay: Relay) -> None:
    token = await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES)
    seen = []
    for minutes in (0, 30, 59, 60, 90):
        await bearer_of(relay.store, token.text, NOW + timedelta(minutes=minutes))
        kept = await admin(relay).key(Kind.TOKEN, "acme", id_of(token.text))
        assert kept is not None
        seen.append(kept.last_used_at)

    assert seen == [NOW] * 3 + [NOW + HOUR] * 2


async def test_a_disabled_tenants_tokens_open_nothing_until_it_is_enabled(relay: Relay) -> None:
    """G165."""
    token = await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES)
    await admin(relay).enable_tenant("acme", NOW, enabled=False)
    with pytest.raises(TenantDisabled):
        await bearer_of(relay.store, token.text, NOW)
    await admin(relay).enable_tenant("acme", NOW, enabled=True)

    assert await bearer_of(relay.store, token.text, NOW) is not None
    assert await told(relay, "acme") == [
        ("relay", "token_created"),
        ("relay", "tenant_disabled"),
        ("relay", "tenant_enabled"),
    ]


async def test_keys_are_bounded_and_revoked_ones_are_forgotten_in_time(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MAX_KEYS", 2)
    made = [await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES) for _ in range(2)]
    with pytest.raises(ConfigurationError, match=str(MAX_KEYS)):
        await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES)
    await admin(relay).revoke_key(Kind.TOKEN, "acme", id_of(made[0].text), NOW)
    await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES)
    assert len(await admin(relay).keys(Kind.TOKEN, "acme", "", 10)) == 3

    await admin(relay).revoke_key(Kind.TOKEN, "acme", id_of(made[1].text), NOW)
    await create_token(relay.store, "acme", "a", NOW + KEPT_REVOKED, scopes=ALL_SCOPES)
    assert len(await admin(relay).keys(Kind.TOKEN, "acme", "", 10)) == 2


async def test_each_action_leaves_its_line_with_who_it_was(relay: Relay) -> None:
    """G170."""
    with acting_as(BY):
        await create_tenant(relay.store, "globex", NOW)
        token = await create_token(relay.store, "globex", "erp", NOW, scopes=frozenset({TokenScope.READ}))
        code, _ = await create_code(relay.store, "globex", agent_name="plant", lifetime=HOUR, now=NOW)
        await rotate_key(relay.store, Kind.TOKEN, "globex", id_of(token.text), NOW, OVERLAP)
        await admin(relay).revoke_key(Kind.TOKEN, "globex", id_of(token.text), NOW)
        await admin(relay).revoke_key(Kind.TOKEN, "globex", id_of(token.text), NOW)  # done before
    with acting_as(Actor(ActorKind.CODE, code.id, "198.51.100.9")):
        for _ in range(2):  # the answer to the first was lost
            await relay.store.enrol(code.id, Enrolment("agt_1", "plant", b"k" * 32, "test"), NOW)
    with acting_as(BY):
        await relay.store.engine.write(lambda db: audited.revoke_agent(db, "globex", "agt_1", NOW, BY))

    assert (await told(relay, OPERATOR))[-1] == ("admin_key", "tenant_created")
    assert await told(relay, "globex") == [
        ("admin_key", "token_created"),
        ("admin_key", "code_created"),
        ("admin_key", "token_rotated"),
        ("admin_key", "token_revoked"),
        ("code", "agent_enrolled"),
        ("admin_key", "agent_revoked"),
    ]
    (newest, *_) = await admin(relay).audit_lines(AuditFilter("globex"), None, 1)
    assert orjson.loads(newest.line.text)["by"]["address"] == "192.0.2.1"


async def test_no_line_holds_a_secret(relay: Relay) -> None:
    """G170."""
    token = await create_token(relay.store, "acme", "a", NOW, scopes=ALL_SCOPES)
    code, _ = await create_code(relay.store, "acme", agent_name=None, lifetime=HOUR, now=NOW)
    rotated = await rotate_key(relay.store, Kind.TOKEN, "acme", id_of(token.text), NOW, OVERLAP)
    assert rotated is not None

    text = "".join(line.text for line in await admin(relay).chain("acme", 0, 100))
    for secret in (token.text.split("_", 2)[2], rotated[1].text.split("_", 2)[2], code.text, code.text[5:]):
        assert secret not in text


async def test_an_action_that_fails_leaves_no_line(relay: Relay) -> None:
    """G170: line and deed are one transaction."""
    before = await told(relay, "acme")
    with pytest.raises(GroundwireError):
        await relay.store.engine.write(_add_twice)

    assert await told(relay, "acme") == before


def _add_twice(db: Sql) -> None:
    from relay.store.base import Token

    for _ in range(2):
        audited.add_key(db, Kind.TOKEN, Token("1", "acme", "a", b"h", NOW), BY)


async def test_a_chain_that_was_tampered_with_on_the_disk_is_noticed(tmp_path: Path) -> None:
    """G170."""
    async with opened(tmp_path) as relay:
        await create_tenant(relay.store, "acme", NOW)
        for name in "abc":
            await create_token(relay.store, "acme", name, NOW, scopes=ALL_SCOPES)
        await relay.store.engine.write(
            lambda db: db.execute(
                'UPDATE audit SET line = replace(line, \'"name":"b"\', \'"name":"x"\') WHERE tenant = \'acme\''
            )
        )
        check = Check("acme")
        check.see(await admin(relay).chain("acme", 0, 100))
        check.end(await admin(relay).chain_head("acme"))

    assert check.faults == ["tenant acme: line 2 is not as it was written"]


async def test_the_audit_log_is_listed_newest_first_page_by_page(relay: Relay) -> None:
    for number in range(5):
        await create_token(relay.store, "acme", str(number), NOW + number * HOUR, scopes=ALL_SCOPES)
    for wanted in (AuditFilter("acme"), AuditFilter(), AuditFilter(action=Action.TOKEN_CREATED)):
        found, before = [], None
        while page := await admin(relay).audit_lines(wanted, before, 2):
            found += page
            before = page[-1].place
        names = [orjson.loads(one.line.text)["facts"].get("name") for one in found]
        assert names[:5] == ["4", "3", "2", "1", "0"]
        assert len(found) == len({one.place for one in found})
    assert {type(one.line) for one in found} == {Line}


async def test_tokens_of_an_older_store_keep_what_they_could(tmp_path: Path) -> None:
    """What could let agents in still can; nothing else is added."""
    path = tmp_path / "relay.db"
    older = tuple(step for step in STORE_FILE.migrations if step.number < 10)
    _create(path, replace(STORE_FILE, migrations=older))
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("INSERT INTO tenants (id, created_at) VALUES ('acme', 0)")
        for token_id, scopes in (("a", "read"), ("b", "command read")):
            connection.execute(
                "INSERT INTO tokens (id, tenant, name, secret_hash, created_at, scopes) "
                "VALUES (?, 'acme', 'x', x'00', 0, ?)",
                (token_id, scopes),
            )
    store = await SqliteStore.open(path)
    try:
        kept = await Administration(store.engine).keys(Kind.TOKEN, "acme", "", 10)
    finally:
        await store.aclose()

    assert [one.scopes for one in kept] == [
        {TokenScope.READ},
        {TokenScope.READ, TokenScope.COMMAND, TokenScope.ENROL},
    ]
