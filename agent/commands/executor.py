"""What the relay asks for, done at most once: written down, judged, run, answered.

A command is in the journal before anything is done about it, and marked as started before its effect may begin. A repeat
is answered with what is stored. After a crash a command that had started is not run again: its outcome says that it was
interrupted.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.clock import Clock
from agent.errors import GroundwireError, StorageFull
from agent.model.run import RunTrigger
from agent.outbox.journal import STARTED, CommandJournal, CommandRecord, Receipt
from agent.protocol.frames import Command
from agent.sync.runner import RunResult

log = structlog.get_logger(__name__)

MAX_COMMANDS_AT_ONCE: Final = 32  # further ones wait in the journal's order; a sync may take hours
MAX_STREAMS_PER_COMMAND: Final = 100
FULL_DISK_SECONDS: Final = 10.0  # between two tries to write an answer down

RUNNING: Final = "running"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
REFUSED: Final = "refused"
EXPIRED: Final = "expired"


class SyncArgs(BaseModel):
    """`sync`: read streams of one connection now; all of them unless some are named."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    connection: str
    streams: list[str] | None = Field(default=None, max_length=MAX_STREAMS_PER_COMMAND)
    entities: list[str] | None = Field(default=None, max_length=MAX_STREAMS_PER_COMMAND)
    full: bool = False


class Syncs(Protocol):
    """Starts runs. Both raise a GroundwireError for what is not there, or cannot run as it is configured."""

    def choose(
        self, connection: str, streams: Sequence[str] | None = None, entities: Sequence[str] | None = None
    ) -> list[tuple[str, str]]: ...

    def start_syncs(
        self, wanted: Sequence[tuple[str, str]], trigger: RunTrigger, *, full: bool
    ) -> list[asyncio.Future[RunResult]]: ...


SendResult = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


class Executor:
    """Handles commands. `send` hands an answer to the tunnel, which repeats it until the relay has it."""

    def __init__(self, journal: CommandJournal, syncs: Syncs, clock: Clock, send: SendResult) -> None:
        self._journal = journal
        self._syncs = syncs
        self._clock = clock
        self._send = send
        self._group: asyncio.TaskGroup | None = None
        self._room = asyncio.Semaphore(MAX_COMMANDS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Take up what an earlier process left: answer what it had started, run what it had only received."""
        self._group = group
        for record in await self._journal.unfinished():
            if record.state == STARTED:
                self._spawn(record.id, self._finish(record.id, FAILED, {"code": "interrupted"}))
            else:
                self._begin(record)
        # Beside the rest: with very many of them it waits for acks, and the link that brings those is not up yet.
        unacked = await self._journal.unacked()
        self._spawn("unacked", self._send_again(unacked))

    async def _send_again(self, answers: Sequence[CommandRecord]) -> None:
        for record in answers:
            await self._send(record.id, record.state, record.result)

    def stop(self) -> None:
        """Abandon what runs: the journal knows it as started, and the next process answers for it."""
        for task in self._tasks:
            task.cancel()

    async def handle(self, command: Command) -> None:
        """Write the command down and have it run; returns before it is done."""
        body = orjson.dumps({"name": command.name, "args": command.args}, option=orjson.OPT_SORT_KEYS)
        received = await self._journal.receive(
            command.id,
            hashlib.sha256(body).hexdigest(),
            command.name,
            self._clock.utcnow(),
            datetime.fromisoformat(command.deadline),
            body=body,
        )
        known = received.command
        if received.receipt is Receipt.CONFLICT:
            log.warning("command_refused", command=command.id, reason="conflict")
            await self._send(command.id, REFUSED, {"code": "conflict"})
        elif received.receipt is Receipt.REPEAT:
            await self._send(command.id, known.state if known.finished else RUNNING, known.result or {})
        else:
            log.info("command_received", command=command.id, name=command.name)
            self._begin(known)

    async def result_acked(self, command: str, state: str) -> None:
        """The relay has this answer; only the last one settles the command."""
        if state != RUNNING:
            await self._journal.acked(command)

    def _begin(self, command: CommandRecord) -> None:
        if self._group is not None:  # else not started yet: `start` takes it up from the journal
            self._spawn(command.id, self._execute(command))

    def _spawn(self, command_id: str, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None  # noqa: S101 - both callers have looked
        task = self._group.create_task(work, name=f"command {command_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _execute(self, command: CommandRecord) -> None:
        async with self._room:
            if command.deadline is not None and command.deadline <= self._clock.utcnow():
                await self._finish(command.id, EXPIRED, {})
                return
            if command.name != "sync":
                await self._finish(command.id, REFUSED, {"code": "unknown_command"})
                return
            await self._sync(command)

    async def _sync(self, command: CommandRecord) -> None:
        try:
            args = SyncArgs.model_validate(orjson.loads(command.body)["args"])
            await self._when_there_is_room(lambda: self._journal.start(command.id))
            wanted = self._syncs.choose(args.connection, args.streams, args.entities)
            runs = self._syncs.start_syncs(wanted, RunTrigger.COMMAND, full=args.full)
        except ValidationError as error:
            fields = [".".join(str(part) for part in problem["loc"]) for problem in error.errors()]
            await self._finish(command.id, REFUSED, {"code": "bad_arguments", "fields": fields})
            return
        except GroundwireError as error:
            await self._finish(command.id, REFUSED, {"code": error.code})
            return
        await self._send(command.id, RUNNING, {})
        results = await asyncio.gather(*runs, return_exceptions=True)
        done = [result for result in results if isinstance(result, RunResult)]
        failed = len(done) < len(results) or any(result.error is not None for result in done)
        await self._finish(
            command.id, FAILED if failed else SUCCEEDED, {"runs": [_told(result) for result in done]}
        )

    async def _finish(self, command_id: str, state: str, result: Mapping[str, Any]) -> None:
        await self._when_there_is_room(lambda: self._journal.finish(command_id, state, result))
        log.info("command_finished", command=command_id, state=state)
        await self._send(command_id, state, result)

    async def _when_there_is_room(self, write: Callable[[], Awaitable[Any]]) -> None:
        """Write into the journal, if need be later: a full disk must neither end the agent nor lose an answer."""
        waited = False
        while True:
            try:
                await write()
            except StorageFull as error:
                if not waited:
                    log.warning("command_waits_for_disk", error=str(error), hint=error.hint)
                waited = True
                await self._clock.sleep(FULL_DISK_SECONDS)
            else:
                return


def _told(result: RunResult) -> dict[str, Any]:
    """A run's outcome for the relay: numbers and the class of an error, never its words."""
    report = result.report
    return {
        "run": report.run,
        "stream": report.stream,
        "status": report.status.value,
        "counts": report.to_document()["counts"],
        "error": result.error.code if result.error else None,
    }
