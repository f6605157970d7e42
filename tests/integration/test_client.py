"""The typed client, which is written from the API's description, against a real relay and an agent's real session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from groundwire_client import AuthenticatedClient
from groundwire_client.api.agents import (
    create_enrolment_code,
    get_agent,
    list_agents,
    list_enrolment_codes,
    revoke_agent,
)
from groundwire_client.api.commands import get_command
from groundwire_client.api.connections import get_connection
from groundwire_client.api.purchase_orders import (
    create_purchase_order,
    get_purchase_order,
    list_purchase_order,
)
from groundwire_client.api.sync_runs import list_sync_runs, start_sync_run
from groundwire_client.models import (
    CommandOut,
    EnrolmentCodeIn,
    EnrolmentCodeOut,
    ProblemDocument,
    PurchaseOrder,
    PurchaseOrderList,
    PurchaseOrderRecord,
    SyncRunIn,
)

from agent.protocol.frames import Result
from clients.generate import FOLDER, generate
from relay.app import RelayApp
from tests.integration.relay_peer import CommandReceived, Peer, eventually, made, patient
from tests.unit.relay.making import Sender, orders, run_report


@dataclass
class Running:
    relay: RelayApp
    client: AuthenticatedClient

    async def enrolled(self, **body: Any) -> Peer:
        code = await create_enrolment_code.asyncio(client=self.client, body=EnrolmentCodeIn.from_dict(body))
        assert isinstance(code, EnrolmentCodeOut), code
        peer = Peer(self.relay.gateway_url)
        assert await peer.enrol(code.code) == ""
        return peer

    async def delivered(self, peer: Peer) -> None:
        """Five orders and the report of their run, as an agent sends them."""
        found = await self.relay.store.agent(peer.agent)
        assert found is not None
        sender = Sender(found)
        for batch in (
            sender.batch(orders(["1", "2", "3", "4", "5"], vendor_key="V1")),
            sender.batch(run_report("run-1"), kind="run"),
        ):
            await peer.send(batch)
        await peer.acked("nav/purchase_orders", 2)
        await eventually(self.relay.caught_up)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    settings, token = await asyncio.to_thread(made, tmp_path / "relay")
    async with RelayApp(patient(settings)) as relay:
        plain = AuthenticatedClient(base_url=relay.api_url, token=token.text, httpx_args={"trust_env": False})
        async with plain as client:
            yield Running(relay, client)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.py"))}


def test_the_client_is_what_make_client_writes(tmp_path: Path) -> None:
    generate(tmp_path)

    assert files(tmp_path / "groundwire_client") == files(FOLDER / "groundwire_client")


async def test_records_are_paged_over_and_got_as_typed_objects(running: Running) -> None:
    peer = await running.enrolled()
    async with peer.connected():
        await running.delivered(peer)

    found: list[str] = []
    cursor = ""
    more = True
    while more:
        page = await list_purchase_order.asyncio(client=running.client, limit=2, cursor=cursor)
        assert isinstance(page, PurchaseOrderList), page
        found += [order.key for order in page.items]
        cursor, more = page.next_cursor, page.has_more
    assert found == ["1", "2", "3", "4", "5"]

    one = await get_purchase_order.asyncio_detailed("nav", "1", client=running.client)
    assert isinstance(one.parsed, PurchaseOrder)
    assert (one.parsed.order_no, one.parsed.vendor_key) == ("PO-1", "V1")
    again = await get_purchase_order.asyncio_detailed(
        "nav", "1", client=running.client, if_none_match=one.headers["ETag"]
    )
    assert (again.status_code, again.parsed) == (304, None)

    connection = await get_connection.asyncio("nav", client=running.client)
    assert connection is not None
    assert not isinstance(connection, ProblemDocument)
    assert [run.run for run in connection.last_runs] == ["run-1"]
    runs = await list_sync_runs.asyncio(client=running.client, connection="nav")
    assert runs is not None
    assert not isinstance(runs, ProblemDocument)
    assert runs.items[0].counts.read == 3


async def test_an_order_is_written_and_its_outcome_read(running: Running) -> None:
    peer = await running.enrolled()
    async with peer.connected():
        await running.delivered(peer)
        record = PurchaseOrderRecord.from_dict(
            {"vendorKey": "V1", "lineItems": [{"lineNo": "1", "quantity": "0.1"}]}
        )
        asking = asyncio.create_task(
            create_purchase_order.asyncio(
                "nav", client=running.client, body=record, idempotency_key="task-1", prefer="wait=30"
            )
        )
        received = await peer.until(CommandReceived)
        command = received.command
        assert command.args["record"] == record.to_dict()
        peer.live.send_result(Result(command.id, "succeeded", {"key": "6", "reference": "PO-6"}))
        await peer.flush()

        done = await asking
        assert isinstance(done, CommandOut), done
        assert done.state == "succeeded"
        assert done.result is not None
        assert done.result["reference"] == "PO-6"
        kept = await get_command.asyncio(done.id, client=running.client)
        assert isinstance(kept, CommandOut)
        assert kept.state == "succeeded"


async def test_what_goes_wrong_is_a_problem_with_its_words(running: Running) -> None:
    missing = await get_purchase_order.asyncio_detailed("no", "1", client=running.client)
    started = await start_sync_run.asyncio(client=running.client, body=SyncRunIn(connection="no"))
    address = running.relay.api_url
    async with AuthenticatedClient(
        base_url=address, token="gwt_no", httpx_args={"trust_env": False}
    ) as stranger:
        refused = await list_agents.asyncio_detailed(client=stranger)

    assert missing.status_code == 404
    assert isinstance(missing.parsed, ProblemDocument)
    assert isinstance(started, ProblemDocument)
    assert started.detail == "There is no such connection."
    assert refused.status_code == 401


async def test_an_agent_is_enrolled_seen_and_revoked(running: Running) -> None:
    peer = await running.enrolled(agentName="plant")

    agent = await get_agent.asyncio(peer.agent, client=running.client)
    assert agent is not None
    assert not isinstance(agent, ProblemDocument)
    assert (agent.name, agent.connected) == ("plant", False)
    codes = await list_enrolment_codes.asyncio(client=running.client)
    assert codes is not None
    assert not isinstance(codes, ProblemDocument)
    assert [code.used for code in codes.items] == [True]

    gone = await revoke_agent.asyncio_detailed(peer.agent, client=running.client)

    assert gone.status_code == 204
    assert await peer.refusal() == "identity_refused"


def test_amounts_are_texts_to_the_last_digit() -> None:
    amount = "0.1000000000000000055511151231257827"
    record = PurchaseOrderRecord.from_dict({"lineItems": [{"quantity": amount}]})

    assert record.to_dict()["lineItems"][0]["quantity"] == amount
