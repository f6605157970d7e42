"""`groundwire` as a process that is killed at a named point of a record's way, or of a command's.

GROUNDWIRE_DIES_AT names the point and the how manieth time it is passed: "append committed#2". With GROUNDWIRE_POLITE
it is SIGTERM that comes there. The points are put in
place from here, around the seams of the product; the product knows nothing of them. Where GROUNDWIRE_RESUMED names a
file, it is written once the first page was read: when that was, and what the agent and its drivers have had of the
processor by then.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

BEFORE, AFTER = "before", "after"

AGENT_POINTS: Final = {
    "page read": ("agent.mapping.compile", "CompiledMapping.apply", BEFORE),
    "page mapped": ("agent.mapping.compile", "CompiledMapping.apply", AFTER),
    "append begun": ("agent.outbox.batches", "enqueue", BEFORE),
    "batches written": ("agent.outbox.batches", "enqueue", AFTER),
    "fingerprints written": ("agent.outbox.segments", "add", AFTER),
    "checkpoint written": ("agent.outbox.streams", "save", AFTER),
    "append committed": ("agent.outbox.store", "append", AFTER),
    "log to be copied": ("agent.outbox.database", "Database._checkpoint_if_due", BEFORE),
    "log copied": ("agent.outbox.database", "Database._checkpoint_if_due", AFTER),
    "run recorded": ("agent.outbox.runs", "save", AFTER),
    "fingerprints to be compacted": ("agent.outbox.segments", "compact", BEFORE),
    "fingerprints compacted": ("agent.outbox.segments", "compact", AFTER),
    "epoch to be kept": ("agent.identity", "IdentityStore.save", BEFORE),
    "epoch kept": ("agent.identity", "IdentityStore.save", AFTER),
    "batch to be sent": ("agent.protocol.agent_session", "AgentSession.send_batch", BEFORE),
    "batch sent": ("agent.tunnel.connection", "Connection._flush", AFTER),
    "ack received": ("agent.outbox.positions", "mark_acked", BEFORE),
    "ack noted": ("agent.outbox.positions", "mark_acked", AFTER),
    "pruning": ("agent.outbox.pruning", "_delete", BEFORE),
    "pruned": ("agent.outbox.pruning", "_delete", AFTER),
}
COMMAND_POINTS: Final = {
    "command received": ("agent.outbox.journal", "CommandJournal.receive", AFTER),
    "command to be started": ("agent.outbox.journal", "CommandJournal.start", BEFORE),
    "command started": ("agent.outbox.journal", "CommandJournal.start", AFTER),
    "command to be finished": ("agent.outbox.journal", "CommandJournal.finish", BEFORE),
    "command finished": ("agent.outbox.journal", "CommandJournal.finish", AFTER),
    "result sent": ("agent.protocol.agent_session", "AgentSession.send_result", AFTER),
    "result acked": ("agent.outbox.journal", "CommandJournal.acked", BEFORE),
}
RELAY_POINTS: Final = {
    "epoch given": ("relay.members", "Members.offer", AFTER),
    "group to be stored": ("relay.store.batches", "append", BEFORE),
    "group written": ("relay.store.batches", "append", AFTER),
    "group committed": ("relay.store.sqlite", "SqliteStore.append_batches", AFTER),
    "ack said": ("agent.protocol.relay_session", "RelaySession.acknowledge", AFTER),
    "index written": ("relay.store.index", "SqliteRecordIndex._apply", AFTER),
    "index committed": ("relay.store.index", "SqliteRecordIndex.apply", AFTER),
    "log copied at the relay": ("relay.store.database", "Database._copy_log", AFTER),
    "command noted as sent": ("relay.store.sqlite", "SqliteStore.send_command", AFTER),
    "answer stored": ("relay.store.sqlite", "SqliteStore.answer_command", AFTER),
}
START_POINTS: Final = {
    "file to be brought forward": ("agent.outbox.opening", "_migrate", BEFORE),
    "file brought forward": ("agent.outbox.opening", "_migrate", AFTER),
}
POINTS: Final = START_POINTS | AGENT_POINTS | COMMAND_POINTS | RELAY_POINTS


def arm(wish: str) -> None:
    name, _, number = wish.partition("#")
    module, path, when = POINTS[name]
    _wrap(module, path, functools.partial(_Death(int(number or 1)).pass_by), when)


class _Death:
    def __init__(self, number: int) -> None:
        self._left = number

    def pass_by(self) -> None:
        self._left -= 1
        if self._left == 0:
            polite = "GROUNDWIRE_POLITE" in os.environ
            os.kill(os.getpid(), signal.SIGTERM if polite else signal.SIGKILL)


def note_first_page(file: Path) -> None:
    def note() -> None:
        if not file.exists():
            file.write_text(f"{time.monotonic()} {time.process_time() + _of_the_drivers():.3f}")

    _wrap("agent.mapping.compile", "CompiledMapping.apply", note, BEFORE)


def _of_the_drivers() -> float:
    spent = 0.0
    for driver in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended meanwhile
            times = driver.cpu_times()
            spent += times.user + times.system
    return spent


def _wrap(module: str, path: str, met: Callable[[], None], when: str) -> None:
    owner: Any = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original = getattr(owner, name)
    before, after = (met, _nothing) if when == BEFORE else (_nothing, met)
    setattr(owner, name, _around(original, before, after))


def _around(original: Any, before: Callable[[], None], after: Callable[[], None]) -> Any:
    if asyncio.iscoroutinefunction(original):

        @functools.wraps(original)
        async def awaited(*args: Any, **named: Any) -> Any:
            before()
            result = await original(*args, **named)
            after()
            return result

        return awaited

    @functools.wraps(original)
    def called(*args: Any, **named: Any) -> Any:
        before()
        result = original(*args, **named)
        after()
        return result

    return called


def _nothing() -> None:
    return


def hurry() -> None:
    """What happens once in five minutes, or after megabytes, happens within a test."""
    from agent import app
    from agent.outbox import store
    from agent.outbox.limits import Limits
    from agent.tunnel import reconnect
    from relay.store import database

    app.PRUNE_SECONDS = 0.3  # type: ignore[misc]
    app.Limits = functools.partial(Limits, wal_bytes=64 * 1024, replay_bytes=0)  # type: ignore[misc,assignment]
    store.SEGMENTS_BEFORE_COMPACTION = 2  # type: ignore[attr-defined]
    database.CHECKPOINT_PAGES = 20  # type: ignore[misc]
    reconnect.BASE_SECONDS, reconnect.CAP_SECONDS = 0.2, 0.5  # type: ignore[misc]
    reconnect.MAX_RETRY_AFTER_SECONDS = 0.5  # type: ignore[misc]


def main() -> None:
    from agent import cli

    hurry()
    if file := os.environ.get("GROUNDWIRE_RESUMED"):
        note_first_page(Path(file))
    if wish := os.environ.get("GROUNDWIRE_DIES_AT"):
        arm(wish)
    cli.main()


if __name__ == "__main__":
    main()
