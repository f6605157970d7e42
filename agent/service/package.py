"""What the Windows package has the program do around an exchange of it. Each step is an action of the installation.

leave     the version that goes, before its files do: how its service stands is noted, it is stopped, and what a way back
          needs is kept aside where agent.toml asks for that
undo      the same version, where the installation goes back: as it was
arrive    the version that comes, behind its files: folders closed, set up from a file where one is named, its service as
          the one before it, and the watch over the upgrade
remove    the version that goes, for good: what an upgrade has left beside it goes too
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

import orjson

from agent.errors import GroundwireError
from agent.service.administration import IDENTITY_FILE, Administration, Done, Folders, Standing
from agent.service.ports import StartType
from agent.service.watch import Watch
from agent.vault.files import read_private, remove_private, replace_private

NOTE: Final = "service-before-upgrade.json"  # in the folder that administrators alone write to
Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the installation was told."""

    upgrade: bool = False  # from another version
    start: bool = True
    set_up: Step | None = None


@dataclass(frozen=True, slots=True)
class Package:
    administration: Administration
    watch: Watch
    folders: Folders

    async def leave(self, prepare: Step) -> None:
        """Raises GroundwireError: then the service runs again, if it did, and the installation is to end."""
        before = self.administration.standing()
        self._note(before)
        await self.watch.end()
        if not before.account:
            return  # there is no service
        await self.administration.stop()
        try:
            await prepare()
        except GroundwireError:
            if before.runs:
                await self.administration.start()
            raise

    async def undo(self) -> Done:
        return await self.arrive(Wanted(upgrade=True), _nothing)

    async def arrive(self, wanted: Wanted, watched: Step) -> Done:
        """`watched`: begins the watch, where one is asked for. Raises GroundwireError where the agent must not run."""
        done = self.administration.configure(self.folders, first=not wanted.upgrade)
        before = self._noted()
        if before is not None:
            self.administration.stand(before, done)
        enrolled = (self.folders.state / IDENTITY_FILE).exists()
        if wanted.set_up is not None and not (wanted.upgrade and enrolled):
            await wanted.set_up()
            done.steps.append("The agent was set up from the file of answers.")
        if not wanted.start:
            done.steps.append("It was not started: START=no.")
        elif before is not None and not before.runs:
            done.steps.append("It was not started: it did not run before.")
        else:
            await self.administration.start_if_enrolled(self.folders, done)
            try:
                await watched()
            except GroundwireError as error:
                done.warnings.append(f"Nobody watches over the new version: {error}. {error.hint}")
        remove_private(self.folders.config / NOTE)
        return done

    async def remove(self, forget: Step) -> None:
        await self.watch.end()
        if self.administration.standing().account:
            await self.administration.stop()  # the installer does not wait for its process, which holds files
        await forget()
        remove_private(self.folders.config / NOTE)

    def _note(self, before: Standing) -> None:
        replace_private(self.folders.config / NOTE, orjson.dumps(asdict(before)))

    def _noted(self) -> Standing | None:
        """None: the version before left no word, or none that can be read."""
        try:
            found = orjson.loads(read_private(self.folders.config / NOTE) or b"null")
            return Standing(bool(found["runs"]), StartType(found["start"]), str(found["account"]))
        except (GroundwireError, ValueError, KeyError, TypeError):
            return None


async def _nothing() -> None: ...
