"""What is configured, as the console's settings page and `config show` tell of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.calls.configured import ConfiguredCalls
from agent.configuration.load import load
from tests.canaries import betrayed, canary


def _write(folder: Path, agent: str) -> None:
    (folder / "connections").mkdir(exist_ok=True)
    (folder / "agent.toml").write_text(agent)
    (folder / "connections" / "erp.toml").write_text(
        'system = "sandbox"\n[secrets]\npassword = "env:ERP_PASSWORD"\n'
    )
    (folder / "connections" / "broken.toml").write_text("driver = 1\n")


async def _asked(folder: Path, before: str, now: str) -> dict[str, Any]:
    _write(folder, before)
    in_force = load(folder, environ={"ERP_PASSWORD": canary()})
    _write(folder, now)
    calls = ConfiguredCalls(in_force, lambda: load(folder, environ={})).handlers()
    return await calls["settings"]({}, lambda _: None)


async def test_each_setting_has_its_line_and_whether_it_waits_for_a_start(tmp_path: Path) -> None:
    text = '[agent]\nname = "berlin"\n[outbox]\nhigh_water = "{}"\n'
    answer = await _asked(tmp_path, text.format("2GiB"), text.format("3GiB"))

    found = {(one["section"], one["name"]): one for one in answer["agent"]}
    assert found["agent", "name"]["where"] == "agent.toml:2"
    assert found["outbox", "high_water"] | {"about": ""} == {
        "section": "outbox",
        "name": "high_water",
        "value": "2GiB",
        "where": "agent.toml:4",
        "about": "",
        "waits": True,
    }
    assert found["outbox", "low_water"]["where"] == ""
    assert not found["outbox", "low_water"]["waits"]
    assert found["console", "always"]["value"] is False


async def test_connections_come_with_their_references_and_never_with_a_secret(tmp_path: Path) -> None:
    answer = await _asked(tmp_path, "", "")

    (erp,) = answer["connections"]
    assert erp["secrets"] == {"password": "env:ERP_PASSWORD"}
    assert erp["where"] == "connections/erp.toml"
    assert {one["name"] for one in erp["streams"]} >= {"purchase_orders", "vendors"}
    (broken,) = answer["broken"]
    assert broken["name"] == "broken"
    assert broken["problems"][0]["where"].startswith("connections/broken.toml")
    assert not betrayed(str(answer))
