"""The choice about TLS against a PostgreSQL that has it switched on, and against one that has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from drivers.contract import CheckStep
from drivers.odbc.driver import OdbcDriver
from tests.integration.odbc_sources import Source, listening
from tests.servers import PostgresServer

pytestmark = pytest.mark.integration
TRIES = 200  # questions to the server, which is slow enough about each


def put(server: PostgresServer, name: str, content: bytes) -> None:
    """Into the server's own folder, as its own user: nobody else's key would be taken."""
    lines = content.decode().strip()
    server.execute(
        f"copy (select line from unnest(string_to_array($pem${lines}$pem$, E'\\n')) line)"
        f" to program 'umask 077; cat > {name}';"
    )


@pytest.fixture
def authority(postgres_server: PostgresServer) -> Iterator[trustme.CA]:
    made = trustme.CA()
    certificate = made.issue_cert(postgres_server.host, "localhost")
    put(postgres_server, "server.crt", b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    put(postgres_server, "server.key", certificate.private_key_pem.bytes())
    postgres_server.execute("alter system set ssl = on;")
    switched(postgres_server, "on")
    yield made
    postgres_server.execute("alter system reset ssl;")
    switched(postgres_server, "off")


def switched(server: PostgresServer, state: str) -> None:
    server.execute("select pg_reload_conf();")
    for _ in range(TRIES):
        if server.execute("show ssl;").strip() == state:
            return
    raise AssertionError(f"ssl is not {state}")


async def steps_of(source: Source, **more: Any) -> dict[str, CheckStep]:
    options = {"connection": {**source.attributes, **more.pop("attributes", {})}, **more}
    driver = OdbcDriver("tls", options, source.secrets)
    try:
        return {step.name: step for step in await driver.check()}
    finally:
        await driver.aclose()


@pytest.fixture
def roots(tmp_path: Path, authority: trustme.CA) -> dict[str, str]:
    """By who is trusted, what PostgreSQL's client is told."""
    paths = {}
    for name, each in (("right", authority), ("wrong", trustme.CA())):
        path = tmp_path / f"{name}.pem"
        each.cert_pem.write_to_path(path)
        paths[name] = f"sslrootcert={path}"
    return paths


async def test_what_was_chosen_is_what_the_connection_is(
    postgres_source: Source, roots: dict[str, str]
) -> None:
    with listening("drivers.odbc.session") as said:
        encrypted = await steps_of(postgres_source, tls="encrypt")
        verified = await steps_of(postgres_source, tls="verify", attributes={"pqopt": roots["right"]})
        off = await steps_of(postgres_source, tls="off")

    assert encrypted["tls"].ok
    assert encrypted["tls"].detail.startswith(
        "encrypt: encrypted, but the server is not verified; the server says TLSv1."
    )
    assert verified["tls"].ok
    assert "certificate and name are verified; the server says TLSv1." in verified["tls"].detail
    assert "not encrypted; the server says that the connection is not encrypted" in off["tls"].detail
    assert [text.partition("TLS ")[2].partition(":")[0] for text in said] == ["encrypt", "verify", "off"]


async def test_a_server_that_nobody_vouches_for_is_not_signed_in_to(
    postgres_source: Source, roots: dict[str, str]
) -> None:
    steps = await steps_of(postgres_source, tls="verify", attributes={"pqopt": roots["wrong"]})

    assert not steps["sign-in"].ok
    assert "tls" not in steps


async def test_encryption_that_the_server_does_not_offer_is_not_gone_without(postgres_source: Source) -> None:
    steps = await steps_of(postgres_source, tls="encrypt")

    assert not steps["sign-in"].ok


async def test_what_nobody_chose_is_told(postgres_source: Source) -> None:
    steps = await steps_of(postgres_source)

    assert steps["tls"].detail == (
        "not chosen: psqlODBC encrypts if the server can, and verifies nothing;"
        " the server says that the connection is not encrypted"
    )
