from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Callable

import pytest

from agent.clock import ManualClock
from agent.configuration.effective import ConnectionSettings
from agent.configuration.reload import Reload
from agent.configuration.watch import POLL_SECONDS, ConfigWatcher
from agent.errors import ConfigurationError

from .conftest import ConfigFolder


class ScriptedClock(ManualClock):
    """Runs one step of a script at each look, and ends the watch when the script is over."""

    def __init__(self, *steps: Callable[[], object] | None) -> None:
        super().__init__()
        self._steps = list(steps)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self._steps:
            raise asyncio.CancelledError
        step = self._steps.pop(0)
        if step is not None:
            step()
        await super().sleep(seconds)


async def watch(folder: ConfigFolder, *steps: Callable[[], object] | None) -> list[Reload]:
    watcher = ConfigWatcher(folder.load(), ScriptedClock(*steps), environ={})
    found: list[Reload] = []
    with contextlib.suppress(asyncio.CancelledError):
        async for reload in watcher.reloads():
            found.append(reload)  # noqa: PERF401 - a comprehension would lose them at the end
    return found


async def test_a_new_file_is_noticed_after_two_equal_looks(folder: ConfigFolder) -> None:
    (reload,) = await watch(
        folder, lambda: folder.write("connections/a.toml", 'driver = "odbc"\n'), None, None, None
    )

    assert reload.changes.added == ("a",)
    assert list(reload.settings.connections) == ["a"]
    assert reload.problems == ()


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
@pytest.mark.parametrize("place", ["connections/a.toml", "systems", "systems/acme", "systems/acme/all.toml"])
async def test_a_file_that_is_closed_to_others_again_comes_into_force(
    folder: ConfigFolder, place: str
) -> None:
    folder.write("systems/acme/all.toml", 'driver = "odbc"\n')
    folder.write("connections/a.toml", 'system = "acme"\n')
    (folder.path / place).chmod(0o777)
    assert folder.load().connections == {}

    (reload,) = await watch(folder, lambda: (folder.path / place).chmod(0o755), None, None, None)

    assert list(reload.settings.connections) == ["a"]


async def test_a_file_that_is_still_being_written_is_left_alone(folder: ConfigFolder) -> None:
    found = await watch(
        folder,
        lambda: folder.write("connections/a.toml", "dri"),
        lambda: folder.write("connections/a.toml", "driver ="),
        lambda: folder.write("connections/a.toml", 'driver = "odbc"\n'),
        None,
        None,
    )

    assert [one.problems for one in found] == [()]


async def test_nothing_is_yielded_while_nothing_changes(folder: ConfigFolder) -> None:
    assert await watch(folder, None, None, None) == []


async def test_a_bad_agent_file_leaves_everything_in_force(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", 'driver = "odbc"\n')
    before = folder.load()

    (reload,) = await watch(folder, lambda: folder.write("agent.toml", "[agnet]\n"), None)

    assert reload.settings == before
    assert not reload.changes
    assert [problem.where for problem in reload.problems] == ["agent.toml:1"]


async def test_a_bad_connection_file_leaves_its_last_good_version_in_force(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", 'driver = "odbc"\n')

    broken, mended = await watch(
        folder,
        lambda: folder.write("connections/a.toml", "driver = 7\n"),
        None,
        lambda: folder.write("connections/a.toml", 'driver = "sandbox"\n'),
        None,
    )

    assert broken.settings.connections["a"].driver == "odbc"
    assert [problem.where for problem in broken.problems] == ["connections/a.toml:1"]
    assert mended.settings.connections["a"].driver == "sandbox"
    assert mended.changes.changed == ("a",)


async def test_a_removed_file_removes_its_connection(folder: ConfigFolder) -> None:
    file = folder.write("connections/a.toml", 'driver = "odbc"\n')

    (reload,) = await watch(folder, file.unlink, None)

    assert reload.changes.removed == ("a",)


async def test_an_operators_own_profile_is_watched_too(folder: ConfigFolder) -> None:
    folder.write("systems/acme/a.toml", 'driver = "odbc"\n')
    folder.write("connections/a.toml", 'system = "acme"\n')

    (reload,) = await watch(folder, lambda: folder.write("systems/acme/a.toml", 'driver = "other"\n'), None)

    assert reload.changes.changed == ("a",)


async def test_a_reload_on_demand_is_not_repeated_by_the_watch(folder: ConfigFolder) -> None:
    clock = ScriptedClock(None, None, None)
    watcher = ConfigWatcher(folder.load(), clock, environ={})
    folder.write("connections/a.toml", 'driver = "odbc"\n')

    assert watcher.reload().changes.added == ("a",)
    with contextlib.suppress(asyncio.CancelledError):
        async for _ in watcher.reloads():
            pytest.fail("nothing changed since")

    assert set(clock.slept) == {POLL_SECONDS}
    assert list(watcher.settings.connections) == ["a"]


async def test_connections_that_cannot_be_listed_leave_everything_in_force(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", 'driver = "odbc"\n')

    def replace_by_a_file() -> None:
        shutil.rmtree(folder.path / "connections")
        folder.write("connections", "")

    (reload,) = await watch(folder, replace_by_a_file, None, None)

    assert list(reload.settings.connections) == ["a"]
    assert not reload.changes
    assert ["cannot be listed" in problem.message for problem in reload.problems] == [True]


def judge_by_streams(connection: ConnectionSettings) -> list[ConfigurationError]:
    return [ConfigurationError("has a stream named bad")] if "bad" in connection.streams else []


def connection_with(*streams: str) -> str:
    tables = "".join(f'[streams.{name}]\nentity = "vendor"\n' for name in streams)
    return f'driver = "odbc"\n{tables}'


def test_a_version_that_could_not_run_does_not_replace_one_that_can(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", connection_with("good"))
    watcher = ConfigWatcher(folder.load(), ManualClock(), judge=judge_by_streams, environ={})

    folder.write("connections/a.toml", connection_with("bad"))
    refused = watcher.reload()
    folder.write("connections/a.toml", connection_with("better"))
    taken = watcher.reload()

    assert list(refused.settings.connections["a"].streams) == ["good"]
    assert not refused.changes
    assert [problem.message for problem in refused.problems] == ["has a stream named bad"]
    assert taken.changes.changed == ("a",)
    assert list(taken.settings.connections["a"].streams) == ["better"]


def test_a_version_that_cannot_run_may_follow_one_that_could_not_and_a_new_one_always(
    folder: ConfigFolder,
) -> None:
    folder.write("connections/a.toml", connection_with("bad"))
    watcher = ConfigWatcher(folder.load(), ManualClock(), judge=judge_by_streams, environ={})

    folder.write("connections/a.toml", connection_with("bad", "other"))
    folder.write("connections/b.toml", connection_with("bad"))
    reload = watcher.reload()

    assert (reload.changes.changed, reload.changes.added) == (("a",), ("b",))


async def test_a_changed_file_of_a_secret_puts_its_connections_in_force_anew(folder: ConfigFolder) -> None:
    secret = folder.write("password", "old")
    connection = f'driver = "odbc"\n[secrets]\nPwd = "file:{secret}"\n'
    folder.write("connections/a.toml", connection)
    folder.write("connections/b.toml", 'driver = "odbc"\n')

    (reload,) = await watch(folder, lambda: folder.write("password", "new one"), None, None, None, None)

    assert reload.changes.changed == ("a",)


async def test_a_plain_file_behind_a_named_secret_is_watched_before_it_is_there(folder: ConfigFolder) -> None:
    folder.write("connections/a.toml", 'driver = "odbc"\n[secrets]\nPwd = "secret:erp"\n')
    place = folder.load().state_dir.relative_to(folder.path) / "secrets" / "erp"

    (reload,) = await watch(folder, lambda: folder.write(str(place), "word"), None, None, None)

    assert reload.changes.changed == ("a",)
