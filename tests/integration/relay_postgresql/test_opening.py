"""A database that will not do is told as it is; one of an older relay is brought forward, one of a newer left alone."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.errors import (
    ConfigurationError,
    CredentialsRefused,
    GroundwireError,
    NotPermitted,
    Unreachable,
    VersionMismatch,
)
from relay.settings import parse_settings
from relay.store.migrating import Migration
from relay.store.postgresql import opening
from relay.store.postgresql.address import Address, check_url
from relay.store.postgresql.opening import MIGRATIONS, prepare
from relay.store.storage import address_of
from tests.canaries import canary
from tests.integration.relay_postgresql.databases import Databases
from tests.servers import free_port

SCHEMA = """
SELECT table_schema, table_name, column_name, data_type, is_nullable, collation_name FROM information_schema.columns
WHERE table_schema LIKE 'groundwire%' ORDER BY 1, 2, 3
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname LIKE 'groundwire%' ORDER BY 1"


def empty(databases: Databases, name: str) -> Address:
    databases.run(f"CREATE DATABASE {name}")
    return databases.address(name)


def schema(databases: Databases, name: str) -> list[Any]:
    return databases.run(SCHEMA, name) + databases.run(INDEXES, name)


@pytest.mark.parametrize("count", range(1, len(MIGRATIONS)))
def test_a_database_of_any_older_version_ends_with_the_same_schema(databases: Databases, count: int) -> None:
    address = empty(databases, f"older_{count}")
    prepare(address, MIGRATIONS[:count])

    prepare(address)

    assert schema(databases, f"older_{count}") == schema(databases, "relay_template")


def test_a_database_of_a_newer_relay_is_refused_and_left_as_it_is(databases: Databases) -> None:
    address = empty(databases, "newer")
    later = Migration(9_999, "later", "CREATE TABLE later (id BIGINT)")
    prepare(address, [*MIGRATIONS, later])
    before = schema(databases, "newer")

    with pytest.raises(VersionMismatch, match="format 9999"):
        prepare(address)

    assert schema(databases, "newer") == before


def test_a_migration_that_fails_leaves_nothing_of_itself(databases: Databases) -> None:
    address = empty(databases, "failing")
    broken = Migration(9_999, "broken", "CREATE TABLE half (id BIGINT); SELECT 1 / 0")

    with pytest.raises(GroundwireError):
        prepare(address, [*MIGRATIONS, broken])

    prepare(address)
    assert schema(databases, "failing") == schema(databases, "relay_template")


def test_an_index_of_another_version_is_made_anew(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = empty(databases, "index_version")
    with monkeypatch.context() as older:
        older.setattr(opening, "INDEX", "CREATE TABLE progress (complete_at BIGINT)")
        prepare(address)

    prepare(address)

    assert schema(databases, "index_version") == schema(databases, "relay_template")


def refusal(address: Address) -> GroundwireError:
    with pytest.raises(GroundwireError) as caught:
        prepare(address)
    assert address.password is None or address.password not in f"{caught.value!s}{caught.value.__cause__!r}"
    assert caught.value.hint
    return caught.value


def test_what_keeps_the_relay_out_is_told_with_what_to_do(databases: Databases) -> None:
    good = databases.address("relay_template")
    host = f"{databases.server.host}:{databases.server.port}"
    databases.run(f"CREATE ROLE guest LOGIN PASSWORD '{good.password}'")
    databases.run("CREATE DATABASE strange ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")

    wrong = refusal(replace(good, password=canary("-wrong")))
    down = refusal(replace(good, url=f"postgresql://groundwire@127.0.0.1:{free_port()}/relay"))
    absent = refusal(databases.address("absent"))
    forbidden = refusal(replace(good, url=f"postgresql://guest@{host}/postgres"))
    strange = refusal(databases.address("strange"))

    assert isinstance(wrong, CredentialsRefused)
    assert isinstance(down, Unreachable)
    assert isinstance(absent, ConfigurationError)
    assert isinstance(forbidden, NotPermitted)
    assert isinstance(strange, ConfigurationError)
    assert "createdb" in absent.hint
    assert "CREATE SCHEMA groundwire" in forbidden.hint


def test_a_server_that_is_too_old_is_refused(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "OLDEST_SERVER", 99)

    assert isinstance(refusal(databases.address("relay_template")), VersionMismatch)


def test_a_schema_made_for_the_account_is_enough(databases: Databases) -> None:
    password = secrets.token_hex(8)
    databases.run(f"CREATE ROLE tenant_of_it LOGIN PASSWORD '{password}'")
    address = empty(databases, "narrow")
    for schema_name in ("groundwire", "groundwire_index"):
        databases.run(f"CREATE SCHEMA {schema_name} AUTHORIZATION tenant_of_it", "narrow")

    prepare(replace(address, url=address.url.replace("groundwire@", "tenant_of_it@"), password=password))

    assert schema(databases, "narrow") == schema(databases, "relay_template")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://db/relay",
        "postgresql://relay:{secret}@db/relay",
        "postgresql://[{secret}/relay",
        "postgresql://db",
    ],
)
def test_an_address_that_will_not_do_is_refused_without_its_password(url: str) -> None:
    secret = canary("-in-url")

    with pytest.raises(ConfigurationError) as caught:
        check_url(url.replace("{secret}", secret))

    assert secret not in f"{caught.value!s}{caught.value.hint}{caught.value.__cause__!r}"


def test_the_password_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    secret = canary("-database")
    (tmp_path / "db.secret").write_text(f"{secret}\n")
    store = {"url": "postgresql://relay@db/relay"}

    def address(**more: str) -> Address | None:
        content = {"gateway": {"host": "127.0.0.1"}, "store": store | more}
        settings = parse_settings(content, base=tmp_path, where="relay.toml")
        return address_of(settings, {"GROUNDWIRE_STORE_PASSWORD": "other"})

    from_file, from_environment = address(password_file="db.secret"), address()

    assert from_file is not None
    assert from_environment is not None
    assert (from_file.password, from_environment.password) == (secret, "other")
    assert secret not in repr(from_file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        address(password_file="nowhere.secret")
