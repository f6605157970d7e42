"""Nothing secret and nothing of the business is in any file of a bundle, and what helps is."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from agent import secrets
from agent.bundle.archive import packed
from agent.bundle.collecting import collect
from agent.commands.bundles import ZIP_BYTES
from agent.secrets import Redaction
from tests.canaries import betrayed
from tests.unit.bundle.planted import BUSINESS, planted, site

DOCUMENTS = (
    "manifest.json",
    "health.json",
    "findings.json",
    "outbox.json",
    "versions.json",
    "system.json",
    "configuration.json",
    "policy.json",
    "sources.json",
    "audit.json",
    "state-folder.json",
)
FILES = (*DOCUMENTS, "logs/agent.log", "logs/agent-000001.log")
STATES = ("running", "stopped", "sent")

Opened = Mapping[str, str]


async def opened(folder: Path, state: str) -> Opened:
    config = await planted(folder)
    with patch.object(secrets, "REDACTION", Redaction()):  # one that has learned nothing yet
        bundle = await collect(site(config, running=state != "stopped"))
    content = packed(bundle, ZIP_BYTES)[1] if state == "sent" else bundle.zipped()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def let_out(text: str) -> list[str]:
    low = text.lower()
    return [word for word in BUSINESS if word.lower() in low] + (["a secret"] if betrayed(text) else [])


@pytest.mark.parametrize("state", STATES)
async def test_no_secret_and_no_value_is_in_any_file(tmp_path: Path, state: str) -> None:
    found = await opened(tmp_path, state)

    assert set(found) == set(FILES)  # a part that is new here is planted too
    assert {name: let_out(text) for name, text in found.items() if let_out(text)} == {}
    assert not any(let_out(name) for name in found)


async def test_a_bundle_of_a_stopped_agent_says_what_could_not_be_had(tmp_path: Path) -> None:
    found = await opened(tmp_path, "stopped")

    assert json.loads(found["health.json"])["missing"].startswith("transient")
    outbox = json.loads(found["outbox.json"])
    assert outbox["agent"] == {"code": "transient"}
    assert outbox["dead_letters"] == [
        {
            "stream": "erp/orders",
            "entity": "purchase_order",
            "field": "title",
            "reason": "not_a_number",
            "count": 1,
        }
    ]
    assert outbox["streams"][0]["pending_batches"] == 1
    assert outbox["runs"][0]["code"] == "source_changed"
    missing = {file["name"] for file in json.loads(found["manifest.json"])["files"] if file["missing"]}
    assert missing == {"health.json", "logs/agent-000002.log"}


async def test_what_helps_is_there(tmp_path: Path) -> None:
    found = await opened(tmp_path, "running")
    told = {name: json.loads(found[name]) for name in DOCUMENTS}

    connection = told["configuration.json"]["connections"]["erp"]
    assert connection["options"]["connection"] == {"Server": "db.example", "Port": 5432, "Uid": "(set)"}
    assert connection["options"]["url"].startswith("https://***@erp.example/sap/opu")
    assert connection["secrets"]["Pwd"] == "secret:erp"
    order = connection["streams"]["orders"]
    assert order["read"]["query"].startswith("select id, name from orders where owner = ? and street = ?")
    assert order["map"]["orderNo"] == "id"
    assert order["map"]["vendorKey"] == {"from": "vendor", "default": "(a constant)", "values": "(1 values)"}
    assert order["map"]["lineItems"]["map"]["quantity"]["from"] == "qty"
    assert told["configuration.json"]["relay"]["url"] == "wss://relay.example/agent"
    assert told["configuration.json"]["broken"][0]["name"] == "broken"
    assert told["policy.json"]["connections"]["erp"]["leave"]["purchase_order"]["fields"] == [
        "orderNo",
        "title",
    ]
    assert told["health.json"]["relay"]["error"]["code"] == "unreachable"
    assert told["health.json"]["connections"][0]["streams"][0]["lastRun"]["counts"] == {"read": 4}
    assert told["outbox.json"]["groups"][0]["reason"] == "not_a_number"
    found_codes = {one["code"]: one for one in told["findings.json"]["findings"]}
    assert found_codes["configuration.connection"]["meaning"]
    assert {"id", "vendor", "note"} <= set(told["sources.json"]["erp"]["streams"]["orders"]["used"])
    assert told["versions.json"]["packages"]["pydantic"]
    lines = {line["action"]: line for line in told["audit.json"]["lines"]}
    assert lines["command_settled"]["facts"]["state"] == "succeeded"
    assert any(file["name"] == "vault.json" for file in told["state-folder.json"]["files"])
    logged = [json.loads(line) for line in found["logs/agent.log"].splitlines()]
    assert (logged[0]["event"], logged[0]["rows"], logged[0]["stream"]) == ("run_failed", 12, "erp/orders")
    assert logged[1]["exception"] == ["agent/app.py:7 run", "(left out):3 y", "agent.errors.Unreachable"]
    assert "SQLSTATE 28000, HTTP 401" in logged[6]["error"]


async def test_a_configuration_that_cannot_be_read_costs_its_parts_alone(tmp_path: Path) -> None:
    config = await planted(tmp_path)
    (config / "agent.toml").write_text("[agent]\nno_such_setting = 1\n")

    bundle = await collect(site(config, running=False))

    missing: dict[str, Any] = {file.name: file.missing for file in bundle.files}
    assert missing["configuration.json"].startswith("configuration: A configuration file is wrong.")
    assert missing["versions.json"] == missing["system.json"] == ""
    assert let_out(bundle.zipped().decode("latin-1")) == []
