"""`groundwire relay ...` beside a relay that is running, over files and over PostgreSQL: what each does, and leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from agent.errors import AlreadyRunning, ConfigurationError
from relay import commands
from relay.app import RelayApp
from relay.identities import NewSecret
from relay.settings import load_settings
from relay.store.storage import PASSWORD
from tests.integration.relay_peer import client_of, enrolled_peer, eventually, patient
from tests.integration.relay_postgresql.databases import Databases
from tests.unit.relay.making import Sender, orders


class Beside:
    """A relay that runs, and its folder."""

    def __init__(self, config: Path, relay: RelayApp, token: NewSecret, *, files: bool) -> None:
        self.config, self.relay, self.token, self.files = config, relay, token, files

    async def status(self, token: NewSecret, path: str = "/agents") -> int:
        async with client_of(self.relay, token) as client:
            return (await client.get(path)).status_code


@pytest.fixture(params=["files", "postgresql"])
async def beside(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Beside]:
    files = request.param == "files"
    done = await asyncio.to_thread(commands.initialise, tmp_path / "relay", gateway_port=0, api_port=0)
    text = done.config.read_text().replace("tls =", "# tls =")
    if not files:
        address = await asyncio.to_thread(databases.of, tmp_path)
        monkeypatch.setenv(PASSWORD, databases.server.password)
        text += f'\n[store]\nurl = "{address.url}"\n'
    done.config.write_text(text)
    async with RelayApp(patient(load_settings(done.config))) as relay:
        token = await asyncio.to_thread(
            commands.add_token, done.config, scopes=["read", "command", "enrol", "webhooks", "manage"]
        )
        yield Beside(done.config, relay, token, files=files)


async def test_keys_and_codes_that_are_made_and_revoked_beside_it_count_at_once(beside: Beside) -> None:
    weak = await asyncio.to_thread(commands.add_token, beside.config, tenant="globex")
    code = await asyncio.to_thread(commands.add_code, beside.config, tenant="globex")
    key = await asyncio.to_thread(commands.add_admin_key, beside.config, name="op")

    assert (await beside.status(weak), await beside.status(weak, "/tokens")) == (200, 403)
    assert await beside.status(key, "/admin/tenants") == 200
    (listed,) = await asyncio.to_thread(commands.admin_keys, beside.config)
    assert listed["id"] in key.text
    assert key.text not in str(listed)
    await asyncio.to_thread(commands.revoke_admin_key, beside.config, listed["id"])
    assert await beside.status(key, "/admin/tenants") == 401
    assert len(code.split("-")) == 4
    with pytest.raises(ConfigurationError, match="ghost") as refused:
        await asyncio.to_thread(commands.add_code, beside.config, tenant="ghost")
    assert "token create" in (refused.value.hint or "")


async def test_the_audit_log_is_verified_while_lines_are_written(beside: Beside) -> None:
    async def writing(client: httpx.AsyncClient) -> None:
        for _ in range(30):
            assert (await client.post("/enrolment-codes", json={})).status_code == 201

    async with client_of(beside.relay, beside.token) as client:
        under_way = asyncio.create_task(writing(client))
        found = [await asyncio.to_thread(commands.verify_audit, beside.config, {}) for _ in range(3)]
        await under_way
    faults, heads = await asyncio.to_thread(
        commands.verify_audit, beside.config, {"default": (heads_of(found)[0], heads_of(found)[1])}
    )
    assert [told for told, _ in found] == [[], [], []]
    assert (faults, heads["default"][0]) == ([], heads["default"][0])


def heads_of(found: list[tuple[list[str], dict[str, list[object]]]]) -> tuple[int, str]:
    number, digest = found[0][1]["default"]
    return int(str(number)), str(digest)


async def test_the_index_is_made_anew_beside_its_work(beside: Beside) -> None:
    async with client_of(beside.relay, beside.token) as client:
        peer = await enrolled_peer(beside.relay, client)
        found = await beside.relay.store.agent(peer.agent)
        assert found is not None
        sender = Sender(found)
        async with peer.connected():
            await peer.send(sender.batch(orders(["1", "2"])))
            await peer.acked("nav/purchase_orders", 1)
            await eventually(beside.relay.caught_up)
            # What only a new index brings back.
            await beside.relay.index._write(lambda db: db.change("DELETE FROM records"))  # type: ignore[attr-defined]
            assert (await client.get("/purchase-orders")).json()["items"] == []

            assert await asyncio.to_thread(commands.rebuild_index, beside.config) == 1
            await peer.send(sender.batch(orders(["3"])))
            await peer.acked("nav/purchase_orders", 2)

        async def all_three() -> bool:
            answer = await client.get("/purchase-orders")
            assert answer.status_code in {200, 503}
            return answer.status_code == 200 and len(answer.json()["items"]) == 3

        await eventually(all_three)


async def test_what_would_take_the_store_from_under_it_is_refused_with_what_to_do(
    beside: Beside, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    if beside.files:
        await asyncio.to_thread(commands.back_up, beside.config, target)
        with pytest.raises(AlreadyRunning) as refused:
            await asyncio.to_thread(commands.restore, target, beside.config.parent, replace=True)
        assert "Stop it" in (refused.value.hint or "")
    else:
        with pytest.raises(ConfigurationError) as needless:
            await asyncio.to_thread(commands.back_up, beside.config, target)
        assert "docs/relay-operations.md" in (needless.value.hint or "")
        assert not target.exists()
    with pytest.raises(ConfigurationError):
        await asyncio.to_thread(commands.initialise, beside.config.parent)
    assert await beside.status(beside.token) == 200
