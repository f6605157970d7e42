"""The examples of docs/commands.md, sent as they stand to a real relay with an agent behind it."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from agent.protocol.frames import Result, Status
from relay.app import RelayApp
from relay.lifecycle import CommandState
from tests.integration.relay_peer import (
    CommandReceived,
    Peer,
    client_of,
    enrolled_peer,
    eventually,
    made,
    patient,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
BLOCK = re.compile(r"```sh\n(curl .*?)```\n(?:\n```json\n(.*?)```)?", re.DOTALL)
JSON = re.compile(r"```json\n(.*?)```", re.DOTALL)
OPERATION = {
    "entity": "purchase_order", "operation": "update", "allowed": True, "required": ["key"], "anyOf": [], "fields": ["key"],
    "updatableIn": {"notes": ["draft"]}, "statuses": [], "lookup": True,
}  # fmt: skip
WRITTEN = {
    "key": "4012",
    "reference": "PO-4012",
    "messages": [],
    "record": {"key": "4012", "vendorKey": "1648"},
}
HELD_BACK = "pause"  # never answered, so that there is something to cancel


def curl(text: str, variables: dict[str, str]) -> httpx.Request:
    parser = argparse.ArgumentParser()
    parser.add_argument("-X", default="GET")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("url")
    for name, value in variables.items():
        text = text.replace(f"${name}", value)
    given = parser.parse_args(shlex.split(text.replace("\\\n", " "))[1:])
    headers = dict(line.split(": ", 1) for line in given.H)
    return httpx.Request(given.X, given.url, headers=headers, content=given.d)


async def answer_all(peer: Peer) -> None:
    seen: set[str] = set()
    while True:
        for event in list(peer.events):
            if isinstance(event, CommandReceived) and event.command.id not in seen:
                seen.add(event.command.id)
                if event.command.name != HELD_BACK:
                    peer.live.send_result(Result(event.command.id, "succeeded", WRITTEN))
        await peer.flush()
        await asyncio.sleep(0.02)  # noqa: TID251 - a real server has its own pace


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[RelayApp, httpx.AsyncClient, str]]:
    settings, token = await asyncio.to_thread(made, folder / "relay")
    async with RelayApp(patient(settings)) as relay, client_of(relay, token) as client:
        peer = await enrolled_peer(relay, client)
        async with peer.connected():
            peer.live.send_status(Status(({"name": "erp", "operations": [OPERATION]},)))
            await peer.flush()

            async def known() -> bool:
                return (await client.get("/connections/erp")).status_code == 200

            await eventually(known)
            answering = asyncio.create_task(answer_all(peer))
            try:
                yield relay, client, token.text
            finally:
                answering.cancel()


def names(value: Any) -> Any:
    """The shape of a document: which members it has."""
    if isinstance(value, dict):
        return {name: names(member) for name, member in value.items()}
    return [names(value[0])] if isinstance(value, list) and value else None


def within(shown: Any, answered: Any) -> bool:
    if isinstance(shown, dict):
        return isinstance(answered, dict) and all(
            name in answered and within(member, answered[name]) for name, member in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(answered, list) and bool(answered) and within(shown[0], answered[0])
    return True


async def test_the_examples_of_the_commands_page_work(tmp_path: Path) -> None:
    examples = BLOCK.findall(PAGE.read_text("utf-8"))
    variables = {"COMMAND": ""}
    async with site(tmp_path) as (relay, client, token):
        variables |= {"API": f"{relay.api_url}/api/v1", "TOKEN": token}
        for text, shown in examples:
            answer = await client.send(curl(text, variables))
            found = answer.json()

            assert answer.status_code in (200, 202), (text, answer.text)
            if "Location" in answer.headers:
                variables["COMMAND"] = found["id"]
            if shown:
                assert answer.status_code == 200, text
                assert within(names(json.loads(shown)), found), (text, found)

    assert len(examples) >= 12


async def test_the_numbers_of_the_commands_page_are_those_that_hold(tmp_path: Path) -> None:
    problem = next(text for text in JSON.findall(PAGE.read_text("utf-8")) if "lineItems.0.price" in text)
    async with site(tmp_path) as (_, client, _):
        answer = await client.post(
            "/connections/erp/purchase-orders",
            json={"lineItems": [{"price": 18.64}]},
            headers={"Idempotency-Key": "a"},
        )

    assert answer.json() == json.loads(problem)


def test_the_commands_page_explains_every_state() -> None:
    text = PAGE.read_text("utf-8")

    assert [state for state in CommandState if f"| `{state}` |" not in text] == []
