"""The pages of the systems: their connection files work, and their tables tell what the profiles do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.checking import check_connection
from agent.clock import SystemClock
from agent.configuration.load import load
from agent.hosting.driver import HostedDriver
from agent.systems import profile
from drivers.odata.options import parse_connection
from tests.canaries import canary

PAGES = Path(__file__).resolve().parents[2] / "docs" / "systems"
SYSTEMS = ("sap-s4hana", "sap-business-one")


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_connection_file_of_the_page_is_taken(tmp_path, system):
    page = (PAGES / f"{system}.md").read_text(encoding="utf-8")
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text("")
    first = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / "connections" / "one.toml").write_text(first)

    settings = load(tmp_path, environ={})

    assert settings.broken == ()
    assert parse_connection(settings.connections["one"].options).url
    assert settings.connections["one"].streams.keys() >= {"purchase_orders", "vendors"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_table_of_streams_is_that_of_the_profile(system):
    page = (PAGES / f"{system}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`(?: \(off\))? \| (\w+) \| .*?`(\w+)`.* \| (.+?) \|$", page, re.MULTILINE)

    told = {name: (entity, first, by.strip("`")) for name, entity, first, by in rows}
    made = {
        name: (
            stream["entity"],
            stream["read"]["entity_set"],
            stream["read"].get("replication_key", "comparison"),
        )
        for name, stream in profile(system)["streams"].items()
    }
    assert told == made


def test_the_page_names_every_service_that_is_read():
    page = (PAGES / "sap-s4hana.md").read_text(encoding="utf-8")

    for path in profile("sap-s4hana")["options"]["services"]:
        assert path.rpartition("/")[2] in page


async def checked(tmp_path: Path, system: str, changes: dict[str, str], password: str) -> list[str]:
    """What `groundwire check` finds wrong with the page's own connection file, over a driver in its process."""
    text = re.findall(r"```toml\n(.*?)```", (PAGES / f"{system}.md").read_text(encoding="utf-8"), re.DOTALL)[
        0
    ]
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text("")
    (tmp_path / "connections" / "one.toml").write_text(text)
    settings = load(tmp_path, environ={}).connections["one"]
    driver = HostedDriver(
        "one", settings.driver, dict(settings.options), {"password": password}, clock=SystemClock()
    )
    try:
        steps = await check_connection(driver, settings)
    finally:
        await driver.aclose()
    assert len(steps) > len(settings.streams)
    return [f"{step.name}: {step.detail}" for step in steps if not step.ok]


async def test_groundwire_check_passes_with_the_pages_file_of_s4hana(tmp_path, gateway):
    changes = {"https://s4.example:44300": gateway.url, 'ca_file = "/etc/groundwire/sap-ca.pem"\n': ""}

    assert await checked(tmp_path, "sap-s4hana", changes, canary("-1")) == []


async def test_groundwire_check_passes_with_the_pages_file_of_business_one(tmp_path, service_layer):
    changes = {
        "https://b1.example:50000": service_layer.url,
        'ca_file = "/etc/groundwire/b1-ca.pem"\n': "",
        '"groundwire"': '"manager"',
    }

    assert await checked(tmp_path, "sap-business-one", changes, canary("-3")) == []
