"""An agent's diagnostics bundle at the API: for its tenant alone, and only as the agent made it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from relay.lifecycle import CommandState
from tests.unit.relay.api.serving import Served, filled, served
from tests.unit.relay.making import NOW

AGENT = "agt_acme_plant"
CONTENT = b"PK\x03\x04 a zip"
MADE = {"zip": base64.b64encode(CONTENT).decode(), "sha256": hashlib.sha256(CONTENT).hexdigest()}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        await filled(running)
        yield running


async def answered(api: Served, result: Mapping[str, Any] | None, kind: str = "diagnostics-bundle") -> str:
    command = (await api.acme.post(f"/agents/{AGENT}/{kind}")).json()["id"]
    if result is not None:
        await api.relay.store.answer_command(AGENT, command, CommandState.SUCCEEDED, result, NOW)
    return str(command)


async def test_a_tenant_downloads_the_bundle_of_its_agent(api: Served) -> None:
    command = await answered(api, MADE)

    answer = await api.acme.get(f"/commands/{command}/bundle")

    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["Content-Type"] == "application/zip"
    assert command in answer.headers["Content-Disposition"]


async def test_nobody_else_gets_it(api: Served) -> None:
    command = await answered(api, MADE)

    foreign = await api.globex.get(f"/commands/{command}/bundle")
    nobody = await api.anybody.get(f"/api/v1/commands/{command}/bundle")

    assert (foreign.status_code, nobody.status_code) == (404, 401)
    assert CONTENT not in foreign.content + nobody.content


async def test_who_asked_for_it_is_in_the_audit_log_of_the_tenant(api: Served) -> None:
    command = await answered(api, MADE)

    lines = (await api.acme.get("/audit")).json()["items"]
    assert [line["on"] for line in lines if line["action"] == "command_asked"] == [command]


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        {"zip": ""},
        {"zip": 7, "sha256": ""},
        {"zip": "no base64 \u00e4"},
        {**MADE, "sha256": "0" * 64},
        {"code": "not_allowed"},
    ],
)
async def test_what_is_no_bundle_is_not_passed_on(api: Served, result: Mapping[str, Any] | None) -> None:
    command = await answered(api, result)

    answer = await api.acme.get(f"/commands/{command}/bundle")

    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_other_commands_have_no_bundle(api: Served) -> None:
    command = await answered(api, MADE, "diagnostics")

    assert (await api.acme.get(f"/commands/{command}/bundle")).status_code == 404
    assert (await api.acme.get("/commands/cmd_none/bundle")).status_code == 404
