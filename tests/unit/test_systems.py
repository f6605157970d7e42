from __future__ import annotations

from pathlib import Path

import pytest

from agent import systems
from agent.configuration.load import load
from agent.errors import ConfigurationError


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_the_files_of_a_system_are_one_profile(tmp_path: Path) -> None:
    write(tmp_path, "systems/acme/system.toml", 'driver = "odbc"\n[sync]\nlag = "5s"\n')
    write(tmp_path, "systems/acme/vendors.toml", '[streams.vendors]\nentity = "vendor"\n')

    assert systems.profile("acme", config_dir=tmp_path) == {
        "driver": "odbc",
        "sync": {"lag": "5s"},
        "streams": {"vendors": {"entity": "vendor"}},
    }
    assert "acme" in systems.known(tmp_path)


def test_a_connection_lies_over_its_systems_profile(tmp_path: Path) -> None:
    write(tmp_path, "agent.toml", "")
    write(
        tmp_path,
        "systems/acme/a.toml",
        'driver = "odbc"\n[streams.v]\nentity = "vendor"\nmap = { name = "n" }\n',
    )
    write(
        tmp_path,
        "connections/one.toml",
        'system = "acme"\n[streams.v.map]\ncode = "c"\n[sync]\nevery = "2h"\n',
    )

    connection = load(tmp_path, environ={}).connections["one"]

    assert (connection.driver, connection.system) == ("odbc", "acme")
    assert connection.streams["v"].map == {"name": "n", "code": "c"}
    assert connection.streams["v"].sync.every == connection.sync.every


def test_two_files_that_say_different_things_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "systems/acme/a.toml", 'driver = "odbc"\n')
    write(tmp_path, "systems/acme/b.toml", 'driver = "sandbox"\n')

    with pytest.raises(ConfigurationError, match="another file") as caught:
        systems.profile("acme", config_dir=tmp_path)

    assert caught.value.where == "systems/acme/b.toml"


def test_a_wrong_profile_is_reported_with_its_own_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, "systems/acme/a.toml", 'driver = "odbc"\nstreems = 1\n')

    with pytest.raises(ConfigurationError) as caught:
        systems.profile("acme", config_dir=tmp_path)

    assert caught.value.where == "systems/acme/a.toml:2"


@pytest.mark.parametrize("name", systems.known())
def test_every_shipped_profile_can_be_read(name: str) -> None:
    assert systems.profile(name)["driver"]


@pytest.mark.parametrize("name", sorted(set(systems.known()) - {"sandbox"}))
def test_master_data_is_read_from_its_beginning_however_long_ago_it_changed(name: str) -> None:
    """A machine or vendor that nobody touched for a quarter of a year is there all the same; orders of then are not."""
    streams = systems.profile(name).get("streams", {})
    by_days = {
        stream: table.get("sync", {}).get("initial_window")
        for stream, table in streams.items()
        if table["entity"] in {"vendor", "inventory_item", "asset"}
        and {"replication_key", "changes"} & set(table["read"])
        and table["read"].get("replication_kind") != "binary"  # a counter knows no days: read whole anyway
    }

    assert set(by_days.values()) <= {"everything"}
