"""The pages of the systems: their connection files work, their tables tell what the profiles do, and the profiles keep
to the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.checking import check_connection
from agent.clock import SystemClock
from agent.configuration.load import load
from agent.hosting.driver import HostedDriver
from agent.model.entities import ENTITIES
from agent.systems import profile
from drivers.odata.options import parse_connection
from tests.canaries import canary

PAGES = Path(__file__).resolve().parents[2] / "docs" / "systems"
SYSTEMS = ("dynamics-bc", "dynamics-fo")


def first_file(system: str) -> str:
    text = (PAGES / f"{system}.md").read_text(encoding="utf-8")
    return str(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])


def placed(tmp_path: Path, text: str) -> Path:
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text("")
    (tmp_path / "connections" / "one.toml").write_text(text)
    return tmp_path


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_connection_file_of_the_page_is_taken(tmp_path, system):
    settings = load(placed(tmp_path, first_file(system)), environ={})

    assert settings.broken == ()
    assert parse_connection(settings.connections["one"].options).url
    assert settings.connections["one"].streams.keys() >= {"purchase_orders", "vendors"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_table_of_streams_is_that_of_the_profile(system):
    page = (PAGES / f"{system}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`( \(off\))? \| (\w+) \| .*?`(\w+)`.* \| (.+?) \|$", page, re.MULTILINE)

    told = {name: (not off, entity, first, by.strip("`")) for name, off, entity, first, by in rows}
    assert told == {
        name: (
            stream.get("enabled", True),
            stream["entity"],
            stream["read"]["entity_set"],
            stream["read"].get("replication_key", "comparison"),
        )
        for name, stream in profile(system)["streams"].items()
    }


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_five_entities_have_a_stream_and_their_statuses_are_those_of_the_model(system):
    streams = profile(system)["streams"].values()

    assert {stream["entity"] for stream in streams} == set(ENTITIES)
    for stream in streams:
        known = ENTITIES[stream["entity"]].statuses
        assert known is None or set(statuses(stream["map"])) <= known


def statuses(table: Any) -> Iterator[str]:
    if isinstance(table, Mapping):
        for name, value in table.items():
            yield from value["values"].values() if name == "status" else statuses(value)


async def checked(tmp_path: Path, system: str, changes: Mapping[str, str], password: str) -> list[str]:
    """What `groundwire check` finds wrong with the page's own connection file, over a driver in its process."""
    text = first_file(system)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    settings = load(placed(tmp_path, text), environ={}).connections["one"]
    secrets = {"password": password, "client_secret": password}
    driver = HostedDriver("one", settings.driver, dict(settings.options), secrets, clock=SystemClock())
    try:
        steps = await check_connection(driver, settings)
    finally:
        await driver.aclose()
    assert len(steps) > len(settings.streams)
    return [f"{step.name}: {step.detail}" for step in steps if not step.ok]


async def test_groundwire_check_passes_with_the_pages_file_of_business_central(tmp_path, central):
    changes = {"https://bc.example:7048": central.url, 'ca_file = "/etc/groundwire/bc-ca.pem"\n': ""}

    assert await checked(tmp_path, "dynamics-bc", changes, canary("-key-1")) == []


async def test_groundwire_check_passes_with_the_pages_file_of_finance_and_operations(tmp_path, fo):
    changes = {
        "https://fo.example/data": f"{fo.url}/data",
        "https://adfs.example": fo.url,
        'ca_file = "/etc/groundwire/fo-ca.pem"\n': "",
    }

    assert await checked(tmp_path, "dynamics-fo", changes, canary("-client-1")) == []
