"""What set-up knows of each system fits the system's profile, its driver and the page for people."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from agent.odbc_registry import OdbcSources
from agent.settings import ConnectionSettings
from agent.setup.databases import DRIVER, DSN, needs_of, source_need
from agent.setup.drafts import Draft, connection_text
from agent.setup.gathering import Gatherer
from agent.setup.machine import ThisMachine
from agent.setup.needs import Need, System
from agent.systems import known
from tests.unit.setup.world import FakeMachine, Scripted

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = Path("/nowhere")
DRIVERS = ("PostgreSQL Unicode", "MariaDB Unicode", "FreeTDS", "ODBC Driver 18 for SQL Server", "HDBODBC", "Oracle 19 ODBC driver", "IBM DB2 ODBC DRIVER", "SQLite3", "Progress")  # fmt: skip


async def systems() -> dict[str, System]:
    return {one.name: one for one in await ThisMachine(NOWHERE, {}).systems()}


async def test_every_system_that_is_shipped_has_a_title_a_group_and_a_page_that_exists() -> None:
    found = await systems()

    assert set(found) == {*known(), "database"}
    for one in found.values():
        assert one.title != one.name
        assert one.group not in ("", "Your own")
        assert (ROOT / one.page).is_file()


async def test_the_page_lists_every_answer_of_every_system_and_no_other() -> None:
    page = (ROOT / "docs" / "setup.md").read_text("utf-8")
    rows = {
        row[0]: set(re.findall(r"`([a-z_]+)", row[1]))
        for row in re.findall(r"^\| `([\w-]+)` \| (.*) \|$", page, re.MULTILINE)
    }

    for name, one in (await systems()).items():
        assert rows[name] == {need.name for need in one.needs if need.kind != "fixed"}, name


@pytest.mark.parametrize("driver", DRIVERS)
async def test_every_answer_is_asked_for_and_makes_a_connection_file_that_is_right(
    driver: str, tmp_path: Path
) -> None:
    """All systems, with each of the ways to answer a choice."""
    for one in (await systems()).values():
        if not one.is_database and driver != DRIVERS[0]:
            continue
        for choices in _ways(one):
            settings = await _settled(one, choices, driver, tmp_path)
            assert settings.driver
            for need in one.needs:
                if need.asked(choices) and need.into.startswith("secrets."):
                    assert need.into.removeprefix("secrets.") in settings.secrets


def _ways(system: System) -> list[dict[str, str]]:
    ways: list[dict[str, str]] = [{}]
    for need in system.needs:
        if need.choices:
            ways = [{**way, need.name: value} for way in ways for value in need.choices]
    return ways


async def _settled(system: System, choices: dict[str, str], driver: str, folder: Path) -> ConnectionSettings:
    from agent.configuration.load import load_connection

    typed = {
        f"connections.it.answers.{need.name}": [choices.get(need.name) or _likely(need)]
        for need in system.needs
    }
    sources = OdbcSources((driver,))
    if system.is_database:
        typed["connections.it.answers.odbc"] = [f"{DRIVER}{driver}"]
        for need in needs_of(f"{DRIVER}{driver}"):
            typed[f"connections.it.answers.{need.name}"] = [_likely(need)]
    draft = await Gatherer(Scripted(typed), FakeMachine(), sources).gather(Draft("it", system, ()))
    file = folder / "connections" / "it.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(connection_text(draft))
    return load_connection(file, config_dir=folder)


def _likely(need: Need) -> str:
    kinds = {
        "url": "https://erp.example.com/x",
        "number": "1234",
        "zone": "Europe/Berlin",
        "file": "/etc/it.pem",
        "key_file": "/etc/it.pem",
    }
    if need.choices:
        return next(iter(need.choices))
    return kinds.get(need.kind, need.example or "something")


def test_data_sources_come_first_and_the_unicode_driver_before_the_other() -> None:
    need = source_need(OdbcSources(("PostgreSQL ANSI", "SQLite", "PostgreSQL Unicode"), {"erp": "FreeTDS"}))

    assert list(need.choices) == [
        f"{DSN}erp",
        f"{DRIVER}PostgreSQL Unicode",
        f"{DRIVER}PostgreSQL ANSI",
        f"{DRIVER}SQLite",
    ]
    assert need.default is None


def test_a_data_source_is_asked_for_no_server() -> None:
    assert [need.name for need in needs_of(f"{DSN}erp")] == ["dsn", "user", "password"]


async def test_a_database_on_this_machine_is_not_encrypted_unless_somebody_says_so() -> None:
    system = (await systems())["database"]
    for server, usual in (("127.0.0.1", "off"), ("db.example.com", "verify")):
        typed = {
            "connections.it.answers.odbc": ["PostgreSQL Unicode"],
            "connections.it.answers.server": [server],
            "connections.it.answers.database": ["erp"],
            "connections.it.answers.user": ["me"],
            "connections.it.answers.password": ["x"],
        }
        gatherer = Gatherer(Scripted(typed), FakeMachine(), OdbcSources(("PostgreSQL Unicode",)))

        draft = await gatherer.gather(Draft("it", system, ()))

        assert tomllib.loads(connection_text(draft))["options"]["tls"] == usual
