"""What waits in the outbox under a policy that is in force no more: taken back before it leaves.

The outbox holds only what may leave under the rule in force. Each connection looks after its own streams as it is put
in force; `elsewhere` after those of connections that do not run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from agent.errors import GroundwireError, VersionMismatch
from agent.policies.in_force import Leaves, NoPolicy
from agent.policy.leave import LeaveFilter
from agent.sync.cursor import read_checkpoint


class Records(Protocol):
    """The outbox, as far as records are taken back from it."""

    async def entities(self) -> dict[str, str]: ...

    async def last_checkpoint(self, stream: str) -> str | None: ...

    async def withdraw(self, stream: str, checkpoint: str | None) -> int: ...


class Withdrawals:
    def __init__(self, outbox: Records, leaving: Leaves) -> None:
        self._outbox = outbox
        self._leaving = leaving

    async def of_stream(self, stream: str, entity: str, *, send_raw: bool = False) -> None:
        """Take back what waits, unless it was made under the rule in force. The stream does not run meanwhile."""
        connection = stream.partition("/")[0]
        try:
            rule = _fingerprint(lambda: self._leaving(connection, entity, send_raw=send_raw))
        except NoPolicy:
            return  # nothing is sent until the file is mended: then it may be as it was
        text = await self._outbox.last_checkpoint(stream)
        try:
            checkpoint = read_checkpoint(text)
        except VersionMismatch:
            await self._outbox.withdraw(stream, None)
            return
        if rule is None or checkpoint.leave != rule:
            await self._outbox.withdraw(stream, checkpoint.withdrawn().to_text())

    async def elsewhere(self, looked_after: Callable[[], Collection[str]]) -> None:
        """Of every connection but these; of the others nothing runs."""
        for stream, entity in (await self._outbox.entities()).items():
            if stream.partition("/")[0] not in looked_after():
                await self.of_stream(stream, entity)


def _fingerprint(leaving: Callable[[], LeaveFilter]) -> str | None:
    """None: nothing leaves, or the key that fields are hashed with cannot be had, so nobody knows."""
    try:
        return leaving().fingerprint
    except NoPolicy:
        raise
    except GroundwireError:
        return None
