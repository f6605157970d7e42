"""What the relay asks for, done at most once. Read this first.

    journal.receive -> arguments -> judge -> audit -> prepare -> journal.start -> run -> journal.finish -> audit -> result

A command is in the journal before anything is done about it, and marked as started before its effect may begin. A
repeat is answered with what is stored. After a crash, what had only been received is judged again and run; what had
started is not run again: its kind finds out what became of it.

Kinds run beside each other. Writes to one connection follow each other in the order they came, from the judgement on,
so that a limit on their number is exact (agent/commands/turns.py). Nothing here makes the tunnel's reader wait: the
room for another answer may come of an ack that it has yet to read.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from functools import partial
from typing import Any, Final

import orjson
import structlog
from pydantic import BaseModel

from agent.audit.trail import Actor, AuditTrail
from agent.clock import Clock
from agent.commands.answers import fitting, refusal, refusal_of, told
from agent.commands.arguments import read_arguments
from agent.commands.ports import Answer, Call, CommandKind, Refused, State
from agent.commands.progress import Progress
from agent.commands.reception import Reception
from agent.commands.settling import Settlements
from agent.commands.trail import RELAY, CommandTrail, judged
from agent.commands.turns import Turns
from agent.commands.words import AT_ONCE
from agent.errors import AuditUnavailable, GroundwireError, StorageFull
from agent.outbox.journal import RECEIVED, STARTED, CommandJournal, CommandRecord
from agent.policy.decision import Decision
from agent.protocol.frames import Command
from agent.telemetry.context import of_command
from agent.unbroken import to_its_end

log = structlog.get_logger(__name__)

MAX_REPLIES: Final = (
    1_000  # repeated answers that wait for the tunnel; the relay asks again in its next session
)
FULL_DISK_SECONDS: Final = 10.0  # between two tries to write something down
WRITES_STOP_SECONDS: Final = 5.0  # for a write that has begun to come to its end when the agent stops
LAST_WORD_SECONDS: Final = (
    1.0  # for the tunnel to take an answer when the agent stops; the journal has it anyway
)

SendResult = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


class Step(Enum):
    WAITING = auto()
    RUNNING = auto()
    ENDING = auto()  # its outcome is known


@dataclass(eq=False, slots=True)
class Underway:
    """One command between its arrival and its answer."""

    record: CommandRecord
    progress: Progress
    step: Step = Step.WAITING
    entered: bool = False  # its task has had a turn: before that a cancellation would find nobody to note it
    cancel_wanted: bool = False
    task: asyncio.Task[None] | None = None
    stored: asyncio.Event = field(default_factory=asyncio.Event)  # its outcome is in the journal
    outcome: State | None = None
    audited: bool = False  # the line of its refusal is the line of its outcome
    audit_late: bool = False  # the line of its outcome could not be written; it is tried again

    @property
    def costly(self) -> bool:
        """Whether its outcome would be lost, or in doubt, if it were cut short now."""
        return self.record.writes and self.step is not Step.WAITING and not self.stored.is_set()


class Executor:
    """Handles commands. `send` hands an answer to the tunnel, which repeats it until the relay has it."""

    def __init__(
        self,
        journal: CommandJournal,
        kinds: Sequence[CommandKind[Any]],
        clock: Clock,
        audit: AuditTrail,
        send: SendResult,
    ) -> None:
        self._journal = journal
        self._kinds = {kind.name: kind for kind in kinds}
        self._clock = clock
        self._trail = CommandTrail(audit, clock)
        self._send = send
        self._group: asyncio.TaskGroup | None = None
        self._turns = Turns()
        self._underway: dict[str, Underway] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._replying: set[str] = set()
        self._reception = Reception(
            journal, clock, self._trail, begin=self._begin, reply=self._reply, newest=self._newest
        )
        self._settlements = Settlements(journal, self._trail)
        self._auditor: asyncio.Task[None] | None = None
        self._audit_wanted = False

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Take up what an earlier process left: find out about what it had started, run what it had only received."""
        self._group = group
        for record in await self._journal.unfinished():
            self._begin(record)
        self._audit_late()
        unacked = await self._journal.unacked_ids()
        # Beside the rest: with very many of them it waits for acks, and the link that brings those is not up yet.
        self._spawn("unacked", self._send_again(unacked))

    async def _send_again(self, command_ids: Sequence[str]) -> None:
        for command_id in command_ids:
            await self._send_stored(command_id)

    async def stop(self) -> None:
        """Begin nothing more, and abandon what runs: the journal knows it as started, and the next process asks.

        A write that has begun is given a while, for its outcome is worth waiting for.
        """
        self._group = None
        patient = {one.task for one in self._underway.values() if one.costly and one.task is not None}
        for task in self._tasks - patient:
            task.cancel()
        if patient:
            await asyncio.wait(patient, timeout=WRITES_STOP_SECONDS)
        for task in patient:
            task.cancel()

    async def handle(self, command: Command) -> None:
        """Write the command down and have it run; returns before it is done.

        A session that ends meanwhile cuts nothing off: what is written down and not begun would be begun by no repeat.
        """
        await to_its_end(self._reception.take(command))

    def _reply(self, command_id: str, state: str, result: Mapping[str, Any]) -> None:
        """Hand an answer over without waiting for the tunnel to take it."""
        if self._group is None or command_id in self._replying or len(self._replying) >= MAX_REPLIES:
            return
        self._replying.add(command_id)
        answer = fitting(Answer(State(state), result))
        task = self._spawn(f"reply {command_id}", self._hand_over(command_id, answer))
        task.add_done_callback(lambda _: self._replying.discard(command_id))

    async def result_acked(self, command: str, state: str) -> None:
        """The relay has this answer; only the last one settles the command."""
        if state == State.RUNNING:
            return
        try:
            await self._journal.acked(command, state)
        except StorageFull:
            if self._group is not None:
                later = self._when_there_is_room(lambda: self._journal.acked(command, state))
                self._spawn(f"acked {command}", later)
            return
        await self._reception.first_acked(command)

    def _newest(self, command_id: str) -> Mapping[str, Any]:
        """What was told last of a command that runs."""
        one = self._underway.get(command_id)
        return one.progress.newest if one else {}

    async def cancel(self, command_id: str) -> State | None:
        """End a command where that is safe, and say how it stands then; None: not known.

        CANCELLED: by this. RUNNING: it is too late. Anything else: how it had ended, or ended meanwhile.
        """
        one = self._underway.get(command_id)
        if one is None or one.task is None:
            known = await self._journal.get(command_id)
            if known is None:
                return None
            if (
                known.state == RECEIVED and self._group is None
            ):  # no agent runs: nobody will begin it meanwhile
                await self._journal.finish(command_id, State.CANCELLED, {})
                return State.CANCELLED
            return State(known.state) if known.finished else State.RUNNING
        running = one.step is Step.RUNNING
        begun = one.record.writes and (running or one.record.state == STARTED)
        if begun or (running and one.record.name in AT_ONCE) or one.task is asyncio.current_task():
            return State.RUNNING
        if one.step is not Step.ENDING:
            one.cancel_wanted = True
            if one.entered:
                one.task.cancel()
        await one.stored.wait()
        return one.outcome or State.RUNNING  # the agent stops, or its journal broke

    async def settle(
        self, command_id: str, state: State, facts: Mapping[str, Any], actor: Actor
    ) -> CommandRecord:
        """A person has looked what became of a command in doubt: store it, and tell the relay.

        `facts` may hold `reference`, which travels, and `note`, which stays in the audit log. Raises JournalConflict
        for a command that is not in doubt, AuditUnavailable before anything is changed.
        """
        settled = await self._settlements.settle(command_id, state, facts, actor)
        if self._group is not None:
            # Not awaited: the tunnel may have to wait for the relay.
            self._spawn(f"settled {command_id}", self._send_stored(command_id))
        return settled

    async def _send_stored(self, command_id: str) -> None:
        known = await self._journal.get(command_id)
        if known is not None:
            await self._send(known.id, known.state, known.result)

    # One command.

    def _begin(self, record: CommandRecord) -> None:
        if self._group is None or record.id in self._underway:
            return  # not started yet, or stopping: the journal has it

        async def running(progress: Mapping[str, Any]) -> None:
            await self._send(record.id, State.RUNNING, progress)

        one = Underway(record, Progress(running, self._clock))
        self._underway[record.id] = one
        with of_command(record.id):
            one.task = self._spawn(record.id, self._live(one))  # its lines name it, and its trace

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._group is not None  # noqa: S101 - every caller has looked
        task = self._group.create_task(work, name=f"command {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _live(self, one: Underway) -> None:
        """From its place in the queue to the answer; whatever happens concerns this command alone."""
        try:
            answer = await self._answer_or_cancelled(one)
            await self._audit_outcome(one, answer)
            await self._hand_over(one.record.id, answer)
        except Exception as error:
            # The journal itself failed: what it holds is the truth, and the next process goes on from there.
            log.exception("command_broke", command=one.record.id, error=type(error).__name__)
        finally:
            self._underway.pop(one.record.id, None)
            one.stored.set()

    async def _answer_or_cancelled(self, one: Underway) -> Answer:
        """The outcome, stored."""
        one.entered = True
        try:
            if not one.cancel_wanted:
                return await self._answer(one)
        except asyncio.CancelledError:
            if not one.cancel_wanted or one.step is Step.ENDING or self._group is None:
                raise  # the agent stops; the journal says how far it came
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
        return await self._store(one, Answer(State.CANCELLED, {}))

    async def _answer(self, one: Underway) -> Answer:
        async with self._turns.of(one.record):
            try:
                answer = await self._judged_and_run(one)
            except GroundwireError:
                raise
            except Exception as error:  # the other commands must go on
                log.exception("command_unexpected", command=one.record.id, error=type(error).__name__)
                answer = Answer(_broken(one), told("unexpected"))
            return await self._store(one, answer)

    async def _judged_and_run(self, one: Underway) -> Answer:
        record = one.record
        if hashlib.sha256(record.body).hexdigest() != record.body_hash:
            log.error("command_damaged", command=record.id)
            return Answer(_broken(one), told("storage_damaged"))
        try:
            kind, arguments = self._read(record)
        except Refused as refused:
            if record.state == STARTED:  # by another version of the program, which could read it
                return Answer(_broken(one), told(refused.code))
            return await self._refused_unread(one, refused)
        call = Call(record.id, record.deadline or self._clock.utcnow(), RELAY, one.progress.tell)
        if record.state == STARTED:
            return await self._recover(one, kind, call, arguments)
        return await self._decided_and_run(one, kind, call, arguments)

    async def _refused_unread(self, one: Underway, refused: Refused) -> Answer:
        fields = tuple(fault.field for fault in refused.faults)

        async def judge(_now: datetime) -> Decision:
            return Decision(allowed=False, code=refused.code, why="", fields=fields)

        answer = await self._decide(one, judge)
        expired = answer is not None and answer.state is State.EXPIRED
        return Answer(State.EXPIRED, {}) if expired else refusal(refused.code, refused.faults)

    async def _decided_and_run(
        self, one: Underway, kind: CommandKind[Any], call: Call, arguments: BaseModel
    ) -> Answer:
        judge = partial(kind.judge, arguments)
        refused = await self._decide(one, judge)
        if refused is not None:
            return refused
        try:
            await kind.prepare(arguments)
        except Refused as error:
            return refusal(error.code, error.faults)
        except GroundwireError as error:
            return refusal(error.code)
        refused = await self._start(one, judge)
        if refused is not None:
            return refused
        one.step = Step.RUNNING
        async with one.progress.telling():
            try:
                answer = await kind.run(call, arguments)
            except GroundwireError as error:
                log.warning("command_failed", command=one.record.id, code=error.code, error=str(error))
                answer = Answer(State.FAILED, told(error.code))
            one.step = Step.ENDING  # at once: a cancellation from here on must not undo what is known
            return answer

    async def _recover(
        self, one: Underway, kind: CommandKind[Any], call: Call, arguments: BaseModel
    ) -> Answer:
        one.step = Step.RUNNING
        async with one.progress.telling():
            try:
                answer = await kind.recover(call, arguments)
            except GroundwireError as error:
                answer = Answer(_broken(one), told(error.code))
            one.step = Step.ENDING
            return answer

    async def _start(self, one: Underway, judge: Callable[[datetime], Awaitable[Decision]]) -> Answer | None:
        """Note on the disk that it begins; None: go on. Where that had to wait for room, what allowed it is asked again."""
        waited = False
        while not self._late(one.record):
            try:
                await self._journal.start(one.record.id)
            except StorageFull as error:
                if not waited:
                    log.warning("command_waits_for_disk", command=one.record.id, error=str(error))
                waited = True
                await self._clock.sleep(FULL_DISK_SECONDS)
                refused = await self._decide(one, judge)
                if refused is not None:
                    return refused
            else:
                return None
        return Answer(State.EXPIRED, {})

    def _read(self, record: CommandRecord) -> tuple[CommandKind[Any], BaseModel]:
        kind = self._kinds.get(record.name)
        if kind is None:
            raise Refused("unknown_command")
        return kind, read_arguments(kind.arguments, orjson.loads(record.body)["args"])

    async def _decide(self, one: Underway, judge: Callable[[datetime], Awaitable[Decision]]) -> Answer | None:
        """Ask, and have the answer in the audit log; None: go on. While that log cannot be written nothing is done."""
        waited = False
        while not self._late(one.record):
            decision = await judged(judge, self._clock.utcnow())
            try:
                await self._trail.decided(one.record, decision)
            except AuditUnavailable as error:
                if not waited:
                    log.warning("command_waits_for_audit", command=one.record.id, error=str(error))
                waited = True
                await self._trail.pause()
                continue
            one.audited = not decision.allowed
            return None if decision.allowed else refusal_of(decision)
        return Answer(State.EXPIRED, {})

    def _late(self, record: CommandRecord) -> bool:
        return record.deadline is not None and record.deadline <= self._clock.utcnow()

    async def _store(self, one: Underway, answer: Answer) -> Answer:
        one.step = Step.ENDING
        answer = fitting(answer)
        await self._when_there_is_room(
            lambda: self._journal.finish(one.record.id, answer.state, dict(answer.result))
        )
        log.info("command_finished", command=one.record.id, state=answer.state.value)
        one.outcome = answer.state
        one.stored.set()
        return answer

    async def _audit_outcome(self, one: Underway, answer: Answer) -> None:
        """Where the log cannot be written just now the answer is told all the same: what it tells of has happened."""
        record = one.record
        if one.audited or await self._trail.finished(record, answer.state, answer.result):
            await self._when_there_is_room(lambda: self._journal.audited(record.id))
        else:
            one.audit_late = True
            self._audit_late()

    def _audit_late(self) -> None:
        """Have the outcomes written that are not in the audit log: by one task, however many they are."""
        self._audit_wanted = True
        if self._group is not None and (self._auditor is None or self._auditor.done()):
            self._auditor = self._spawn("audit", self._audit_at_last())

    async def _audit_at_last(self) -> None:
        while self._audit_wanted:
            self._audit_wanted = False
            for record in await self._journal.unaudited():
                one = self._underway.get(record.id)
                if one is not None and not one.audit_late:
                    continue  # its own task is at it
                await self._trail.finished_at_last(record, record.state, record.result)
                await self._when_there_is_room(partial(self._journal.audited, record.id))

    async def _hand_over(self, command_id: str, answer: Answer) -> None:
        limit = None if self._group is not None else LAST_WORD_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._send(command_id, answer.state, answer.result)

    async def _when_there_is_room(self, write: Callable[[], Awaitable[Any]]) -> None:
        """Write into the journal, if need be later: a full disk must neither end the agent nor lose an answer."""
        waited = False
        while True:
            try:
                await write()
            except StorageFull as error:
                if self._group is None:
                    raise  # the agent stops
                if not waited:
                    log.warning("command_waits_for_disk", error=str(error), hint=error.hint)
                waited = True
                await self._clock.sleep(FULL_DISK_SECONDS)
            else:
                return


def _broken(one: Underway) -> State:
    """How a command ends whose way was lost: a write that may have begun is in doubt, anything else has failed."""
    begun = one.step is not Step.WAITING or one.record.state == STARTED
    return State.IN_DOUBT if begun and one.record.writes else State.FAILED
