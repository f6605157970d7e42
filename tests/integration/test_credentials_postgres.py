"""The life of credentials against a real PostgreSQL, which counts the failed sign-ins itself."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import tomlkit

from agent.errors import CredentialsRefused
from agent.secrets import Secret
from tests.canaries import canary
from tests.integration.test_credentials import ANNA, Agent, Site
from tests.servers import PostgresServer

OLD, NEW = canary("-old-3"), canary("-new-4")


class PostgresSite(Site):
    driver_command = ()

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.server, self.role = server, f"erp_{secrets.token_hex(4)}"
        server.psql(f"create role {self.role} login password '{OLD}'")
        super().__init__(folder)

    def change_password(self, password: str) -> None:
        self.server.psql(f"alter role {self.role} password '{password}'")

    def connect(self, ref: str, mode: str = "") -> None:
        attributes = dict(self.server.odbc_attributes("postgres"))
        for name in [name for name in attributes if name.lower() in ("pwd", "password", "uid", "user")]:
            del attributes[name]
        stream = {
            "entity": "vendor",
            "read": {"query": "select rolname as name from pg_roles", "key": ["name"]},
            "map": {"name": "name"},
        }
        document = {
            "driver": "odbc",
            "sync": {"manual": True},
            "options": {"connection": {**attributes, "Uid": self.role}},
            "secrets": {"Pwd": ref},
            "streams": {"roles": stream, "others": stream},
        }
        (self.folder / "connections").mkdir(exist_ok=True)
        (self.folder / "connections" / "erp.toml").write_text(tomlkit.dumps(document))

    @property
    def failed_sign_ins(self) -> int:
        text = "".join(path.read_text(errors="replace") for path in self.server.folder.glob("*.log"))
        return text.count(f'password authentication failed for user "{self.role}"')


async def errors_of(agent: Agent) -> list[type[BaseException] | None]:
    return [type(result.error) if result.error else None for result in await agent.sync()]


async def test_a_password_changed_at_the_source_costs_one_failed_sign_in_until_the_new_one_is_set(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    site = await asyncio.to_thread(PostgresSite, tmp_path, postgres_server)
    async with site.agent() as agent:
        stored = await agent.changes.set("erp-pw", Secret(OLD), ANNA)
        assert stored["tried"]["erp"]["outcome"] == "works"
        assert await errors_of(agent) == [None, None]
    site.change_password(NEW)

    async with site.agent() as agent:
        assert await errors_of(agent) == [CredentialsRefused, CredentialsRefused]
        assert agent.status == "needs_reauthorisation"
    async with site.agent() as agent:
        agent.connections.named("erp").supervisor.look("roles")
        assert agent.status == "needs_reauthorisation"
        assert site.failed_sign_ins == 1

        await agent.changes.set("erp-pw", Secret(NEW), ANNA)
        assert await errors_of(agent) == [None, None]
        assert agent.status == "idle"
    assert site.failed_sign_ins == 1
