from __future__ import annotations

from agent.configuration.reload import changes, keep_last_good

from .conftest import ConfigFolder


def test_a_reload_names_what_it_touches_and_nothing_else(folder: ConfigFolder) -> None:
    for name in ("same", "edited", "gone"):
        folder.write(f"connections/{name}.toml", 'driver = "odbc"\n')
    old = folder.load()
    (folder.path / "connections/gone.toml").unlink()
    folder.write("connections/same.toml", '# touched\ndriver = "odbc"\n')
    folder.write("connections/edited.toml", 'driver = "odbc"\n[sync]\nlag = "1s"\n')
    folder.write("connections/new.toml", 'driver = "odbc"\n')

    found = changes(old, folder.load())

    assert (found.added, found.changed, found.removed) == (("new",), ("edited",), ("gone",))
    assert found.agent_wide == ()


def test_a_change_of_agent_toml_names_its_sections(folder: ConfigFolder) -> None:
    old = folder.load()
    folder.write(
        "agent.toml", '[agent]\nname = "berlin"\nstate_dir = "state"\n[outbox]\nhigh_water = "2GiB"\n'
    )

    found = changes(old, folder.load())

    assert found.agent_wide == ("outbox",)
    assert found


def test_the_last_good_version_of_a_broken_connection_stays_in_force(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", 'driver = "odbc"\n')
    old = folder.load()
    folder.write("connections/a.toml", "driver = \n")
    folder.write("connections/b.toml", "driver = \n")

    settled = keep_last_good(old, folder.load())

    assert settled.connections == old.connections
    assert [(one.name, one.in_force) for one in settled.broken] == [("a", True), ("b", False)]
    assert not changes(old, settled)
