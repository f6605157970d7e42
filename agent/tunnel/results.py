"""Command results on their way to the relay: each is sent again in every session until the relay has stored it."""

from __future__ import annotations

import asyncio
from typing import Final

from agent.protocol.faults import Fault, ProtocolFault
from agent.protocol.frames import Result, decode, encode

MAX_UNACKED_RESULTS: Final = (
    1_000  # of small frames; the sender waits beyond it, the journal keeps them anyway
)

RUNNING: Final = "running"
IN_DOUBT: Final = "in_doubt"
SETTLED: Final = ("succeeded", "failed")


class ResultBox:
    def __init__(self) -> None:
        self._unacked: dict[str, Result] = {}  # the newest per command
        self._unsent: dict[str, Result] = {}
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, result: Result) -> None:
        """Keep it until it is acked; dropped where it came too late to follow what is kept of the command."""
        while result.command not in self._unacked and len(self._unacked) >= MAX_UNACKED_RESULTS:
            self._room.clear()
            await self._room.wait()
        known = self._unacked.get(result.command)
        if known is not None and not _follows(result.state, known.state):
            return
        small = _fitting(result)
        self._unacked[result.command] = small
        self._unsent[result.command] = small

    def begin_session(self) -> None:
        self._unsent = dict(self._unacked)

    def take_unsent(self) -> list[Result]:
        taken, self._unsent = self._unsent, {}
        return list(taken.values())

    def settle(self, command: str, state: str) -> bool:
        """Forget a result that the relay has; an ack of an earlier state settles nothing."""
        known = self._unacked.get(command)
        if known is None or known.state != state:
            return False
        del self._unacked[command]
        self._room.set()
        return True


def _follows(state: str, known: str) -> bool:
    """Senders wait, so an earlier state may come after a later one; an outcome stays but for one in doubt."""
    return known in (state, RUNNING) or (known == IN_DOUBT and state in SETTLED)


def _fitting(result: Result) -> Result:
    """As the relay can read it: one that it cannot would end this session and every later one."""
    try:
        decode(encode(result))
    except ProtocolFault as fault:
        code = "result_too_large" if fault.fault is Fault.TOO_BIG else "unexpected"
        return Result(result.command, result.state, {"code": code})
    return result
