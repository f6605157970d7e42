"""What an operator on the relay's own host may ask of it while it runs, over the socket in its data folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from agent.clock import Clock
from agent.control import ControlServer, Handler, Progress
from agent.errors import ConfigurationError, GroundwireError
from relay.backup import back_up
from relay.store.sqlite import SqliteStore

log = structlog.get_logger()

BACKUP: Final = "backup"
REBUILD_INDEX: Final = "rebuild_index"


class Rebuilding(Protocol):
    async def begin_rebuild(self) -> int: ...


class LocalCalls:
    def __init__(self, store: SqliteStore, materialiser: Rebuilding, *, clock: Clock) -> None:
        self._store = store
        self._materialiser = materialiser
        self._clock = clock

    def handlers(self) -> Mapping[str, Handler]:
        return {BACKUP: self._backup, REBUILD_INDEX: self._rebuild_index}

    async def _backup(self, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
        config, target = (_path(args, name) for name in ("config", "target"))
        done = await back_up(
            self._store,
            config,
            target,
            clock=self._clock,
            progress=lambda pages, of: progress({"pages": pages, "of": of}),
        )
        return {"folder": str(done.folder), "position": done.position, "leftOut": list(done.left_out)}

    async def _rebuild_index(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        return {"batches": await self._materialiser.begin_rebuild()}


async def serve(server: ControlServer) -> None:
    """Until cancelled. A folder that takes no socket costs these calls, and not the relay."""
    try:
        await server.serve()
    except (OSError, GroundwireError) as error:
        log.error(  # noqa: TRY400 - no traceback for operators
            "local_calls_unavailable",
            error=str(error),
            hint="Everything else goes on. For a backup, a rebuilt index or a token by the command line: stop the relay.",
        )


def _path(args: Mapping[str, Any], name: str) -> Path:
    value = args.get(name)
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise ConfigurationError(f"{name} has to be an absolute path.")
    return Path(value)
