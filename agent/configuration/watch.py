"""Notices that a file was changed and puts the new settings in force, or keeps the old ones and says why.

The files that `[secrets]` of a connection refers to count as part of it: a changed one is read and tried once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.configuration.effective import BrokenConnection, ConnectionSettings, Settings
from agent.configuration.load import AGENT_FILE, connection_files, load
from agent.configuration.problems import problems_of
from agent.configuration.reload import Changes, Reload, changes, keep_last_good
from agent.errors import ConfigurationError
from agent.secrets import secret_files

POLL_SECONDS: Final = 2.0  # cheap enough for a thousand files, quick enough for somebody who waits for it

Stamps = Mapping[Path, tuple[int, ...]]
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
        self._variables = os.environ if environ is None else environ
        self._loaded_at: Stamps = self._stamps()
        self._secrets_at = self._secret_stamps(settings)

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
            current = self._stamps()
            # Two equal looks in a row: nobody is in the middle of writing.
            if current == previous and current != self._loaded_at:
                yield self.reload()
            previous = current

    def reload(self) -> Reload:
        """Read the files now. When agent.toml is wrong, all settings stay; else only wrong connections stay."""
        # Before reading: a change while we read is seen at the next look.
        self._loaded_at = self._stamps()
        try:
            loaded = load(self._settings.config_dir, environ=self._environ)
        except ConfigurationError as error:
            return Reload(self._settings, Changes(), problems_of(error))
        settings = keep_last_good(
            self._settings, replace(loaded, broken=(*loaded.broken, *self._worse(loaded)))
        )
        found = self._with_secrets(changes(self._settings, settings), settings)
        self._settings = settings
        return Reload(settings, found, tuple(problem for one in settings.broken for problem in one.problems))

    def _with_secrets(self, found: Changes, settings: Settings) -> Changes:
        """Count the connections as changed of which only a secret's file is another one."""
        before, self._secrets_at = self._secrets_at, self._secret_stamps(settings)
        touched = {
            name for name, stamps in self._secrets_at.items() if name in before and before[name] != stamps
        }
        return replace(found, changed=tuple(dict.fromkeys([*found.changed, *sorted(touched)])))

    def _stamps(self) -> Stamps:
        secrets = [path for paths in self._secret_files(self._settings).values() for path in paths]
        return {**_stamps(self._settings.config_dir), **_stamps_of(secrets)}

    def _secret_stamps(self, settings: Settings) -> dict[str, Stamps]:
        return {name: _stamps_of(paths) for name, paths in self._secret_files(settings).items()}

    def _secret_files(self, settings: Settings) -> dict[str, list[Path]]:
        """The files behind each connection's secrets. The vault is not among them: who changes it says so."""
        return {
            name: [
                path
                for ref in connection.secrets.values()
                for path in secret_files(ref, settings.state_dir, self._variables)
            ]
            for name, connection in settings.connections.items()
        }

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
    profiles = sorted((config_dir / "systems").glob("*/*.toml"))
    files = [config_dir / AGENT_FILE, *profiles]
    with contextlib.suppress(ConfigurationError):  # `load` tells of it
        files += connection_files(config_dir)
    guarded = [config_dir, *dict.fromkeys(folder for file in profiles for folder in file.parents[:2])]
    return {**_stamps_of(files), **{folder: stamp[-3:] for folder, stamp in _stamps_of(guarded).items()}}


def _stamps_of(files: Sequence[Path]) -> Stamps:
    """What was written, and last who may write: a file that is closed as it should be is read again too."""
    found: dict[Path, tuple[int, ...]] = {}
    for file in files:
        try:
            facts = file.stat()
        except OSError:
            continue
        content = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        found[file] = (*content, facts.st_mode, facts.st_uid, facts.st_gid)
    return found
