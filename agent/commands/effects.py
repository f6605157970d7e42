"""One write and what became of it. Read this for how an effect comes to pass at most once.

The call is made once and never again. FAILED, and the errors by which a driver promises that nothing was changed, are
believed; SUCCEEDED too. After anything else, and after a crash, the effect is looked up by its idempotency key:

    found                                      -> succeeded
    absent, before an effect may be final      -> looked up again
    absent, the settling time after the call   -> failed: nothing was changed, and nothing will be
    no lookup, or one that keeps failing       -> in doubt: a person decides
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from agent.clock import Clock
from agent.commands.ports import Call
from agent.errors import GroundwireError
from drivers.contract import Message, Operation, Outcome, OutcomeStatus, WriteCommand

log = structlog.get_logger(__name__)

LOOK_FIRST_SECONDS: Final = 1.0  # between two looks
LOOK_MOST_SECONDS: Final = 60.0
LOOK_LIMIT_SECONDS: Final = (
    900.0  # of looks that fail or say nothing, beyond the time an effect takes to settle
)
# By these a driver promises that nothing was changed (drivers/contract.py, Driver.execute).
UNCHANGED: Final = frozenset(
    {"credentials_refused", "not_permitted", "configuration", "source_changed", "record"}
)

REJECTED: Final = "rejected"  # the system said no
NO_EFFECT: Final = "no_effect"  # looked up: it is not there, and will not come
NO_LOOKUP: Final = "no_lookup"  # the system cannot tell what became of a write
LOOKUP_FAILED: Final = "lookup_failed"  # it could, and did not answer in time


class WritingDriver(Protocol):
    async def start(self) -> None:
        """Make ready to be called; what goes wrong here went wrong before anything was tried."""
        ...

    async def execute(self, command: WriteCommand) -> Outcome: ...

    async def find_effect(self, command: WriteCommand) -> Outcome | None: ...


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of a write. `code` says why it failed or is in doubt."""

    status: OutcomeStatus
    code: str = ""
    outcome: Outcome | None = None  # of a success, or of a system that said no

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.outcome.messages if self.outcome is not None else ()


# Asked anew for each call: the connection may be restarted meanwhile. Raises a GroundwireError while there is none.
GetDriver = Callable[[], WritingDriver]


class Effects:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def cause(
        self, command: WriteCommand, operation: Operation, driver: GetDriver, call: Call
    ) -> Effect:
        """Make the call, once. Raises a GroundwireError only before it is made.

        A cancellation waits for the reply to a call that is under way, and is raised only if that leaves a doubt.
        """
        ready = driver()
        await ready.start()
        reply = asyncio.ensure_future(ready.execute(command))
        cancelled = await _ended(reply)
        effect = _believed(command, reply)
        if effect is not None:
            return effect
        if cancelled is not None:
            raise cancelled
        return await self.look_up(command, operation, driver, call)

    async def look_up(
        self, command: WriteCommand, operation: Operation, driver: GetDriver, call: Call
    ) -> Effect:
        """Find out what became of a call that has ended by now."""
        if operation.effect_settles_after is None:
            return Effect(OutcomeStatus.IN_DOUBT, NO_LOOKUP)
        final_at = self._clock.monotonic() + operation.effect_settles_after.total_seconds()
        pause = LOOK_FIRST_SECONDS
        await call.progress({"step": "looking_up"})
        while True:
            looked_at = (
                self._clock.monotonic()
            )  # before the question: the answer may be older than its arrival
            answer = await self._look(command, driver)
            if isinstance(answer, Effect):
                return answer
            if answer is None and looked_at >= final_at:
                log.info("effect_absent", command=command.idempotency_key)
                return Effect(OutcomeStatus.FAILED, NO_EFFECT)
            if looked_at >= final_at + LOOK_LIMIT_SECONDS:
                log.warning("effect_in_doubt", command=command.idempotency_key)
                return Effect(OutcomeStatus.IN_DOUBT, LOOKUP_FAILED)
            # The look that counts comes when an absence has become final, not a whole pause later.
            due = final_at - self._clock.monotonic()
            await self._clock.sleep(min(pause, due) if due > 0 else pause)
            pause = min(pause * 2, LOOK_MOST_SECONDS)

    async def _look(self, command: WriteCommand, driver: GetDriver) -> Effect | Unanswered | None:
        """None: it is not there now."""
        try:
            found = await driver().find_effect(command)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is known, and the next look may tell
            _log_failed_look(command, error)
            return _UNANSWERED
        if found is None or found.status is OutcomeStatus.FAILED:
            return None
        if found.status is OutcomeStatus.SUCCEEDED:
            return Effect(OutcomeStatus.SUCCEEDED, outcome=found)
        return _UNANSWERED


class Unanswered:
    """A look that told nothing."""


_UNANSWERED: Final = Unanswered()


async def _ended(reply: asyncio.Future[Outcome]) -> asyncio.CancelledError | None:
    """Wait for the reply whatever happens; the cancellation that came meanwhile, if one did."""
    cancelled: asyncio.CancelledError | None = None
    while not reply.done():
        try:
            await asyncio.wait({reply})
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


def _believed(command: WriteCommand, reply: asyncio.Future[Outcome]) -> Effect | None:
    """What the reply settles; None: nothing."""
    if reply.cancelled():
        return None
    error = reply.exception()
    if isinstance(error, GroundwireError) and error.code in UNCHANGED:
        log.warning("write_failed", command=command.idempotency_key, code=error.code, error=str(error))
        return Effect(OutcomeStatus.FAILED, error.code)
    if error is not None:
        name = error.code if isinstance(error, GroundwireError) else type(error).__name__
        log.warning("write_unanswered", command=command.idempotency_key, error=name)
        return None
    outcome = reply.result()
    if outcome.status is OutcomeStatus.SUCCEEDED:
        return Effect(OutcomeStatus.SUCCEEDED, outcome=outcome)
    return Effect(OutcomeStatus.FAILED, REJECTED, outcome) if outcome.status is OutcomeStatus.FAILED else None


def _log_failed_look(command: WriteCommand, error: Exception) -> None:
    name = error.code if isinstance(error, GroundwireError) else type(error).__name__
    log.warning("effect_lookup_failed", command=command.idempotency_key, error=name)
