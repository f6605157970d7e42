"""Notices that a file was changed and puts the new settings in force, or keeps the old ones and says why."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.configuration.load import AGENT_FILE, connection_files, load
from agent.configuration.model import BrokenConnection, ConnectionSettings, Settings
from agent.configuration.problems import problems_of
from agent.configuration.reload import Changes, Reload, changes, keep_last_good
from agent.errors import ConfigurationError

POLL_SECONDS: Final = 2.0  # cheap enough for a thousand files, quick enough for somebody who waits for it

Stamps = Mapping[Path, tuple[int, int, int]]
Judge = Callable[[ConnectionSettings], Sequence[ConfigurationError]]


class ConfigWatcher:
    """Holds the settings in force for one configuration folder."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        judge: Judge = lambda _: (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`judge` finds what reading alone cannot: a mapping that does not compile."""
        self._clock = clock
        self._judge = judge
        self._environ = environ
        self._settings = settings
        self._loaded_at: Stamps = _stamps(settings.config_dir)

    @property
    def settings(self) -> Settings:
        return self._settings

    async def reloads(self) -> AsyncIterator[Reload]:
        """Yield what each change of the files brings, for ever.

        Polling instead of the system's notices: those miss network folders, and bind mounts of containers.
        """
        previous = self._loaded_at
        while True:
            await self._clock.sleep(POLL_SECONDS)
            current = _stamps(self._settings.config_dir)
            # Two equal looks in a row: nobody is in the middle of writing.
            if current == previous and current != self._loaded_at:
                yield self.reload()
            previous = current

    def reload(self) -> Reload:
        """Read the files now. When agent.toml is wrong, all settings stay; else only wrong connections stay."""
        # Before reading: a change while we read is seen at the next look.
        self._loaded_at = _stamps(self._settings.config_dir)
        try:
            loaded = load(self._settings.config_dir, environ=self._environ)
        except ConfigurationError as error:
            return Reload(self._settings, Changes(), problems_of(error))
        settings = keep_last_good(
            self._settings, replace(loaded, broken=(*loaded.broken, *self._worse(loaded)))
        )
        found = changes(self._settings, settings)
        self._settings = settings
        return Reload(settings, found, tuple(problem for one in settings.broken for problem in one.problems))

    def _worse(self, loaded: Settings) -> list[BrokenConnection]:
        """The changed connections that could run as they were and could not as they are now."""
        found: list[BrokenConnection] = []
        for name, connection in loaded.connections.items():
            before = self._settings.connections.get(name)
            if before is None or before.fingerprint == connection.fingerprint or self._judge(before):
                continue
            problems = self._judge(connection)
            if problems:
                found.append(BrokenConnection(name, tuple(problems)))
        return found


def _stamps(config_dir: Path) -> Stamps:
    files = [config_dir / AGENT_FILE, *sorted((config_dir / "systems").glob("*/*.toml"))]
    with contextlib.suppress(ConfigurationError):  # `load` tells of it
        files += connection_files(config_dir)
    found: dict[Path, tuple[int, int, int]] = {}
    for file in files:
        try:
            facts = file.stat()
        except OSError:
            continue
        found[file] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
    return found
