"""The policy in force: read from policy.toml, watched, audited, and asked by everything that lets something out or in.

Whatever is wrong with the file, or with the audit log that its change has to be written to, closes: nothing leaves and
nothing is written until it is mended, and no checkpoint moves meanwhile.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import structlog

from agent.audit.trail import AGENT, AuditTrail
from agent.clock import Clock
from agent.configuration.policy_file import policy_in
from agent.configuration.watch import POLL_SECONDS
from agent.errors import AuditUnavailable, GroundwireError, PolicyDenied
from agent.policy.decide import decide_command
from agent.policy.decision import Decision
from agent.policy.leave import LeaveFilter, compile_leave
from agent.policy.model import POLICY_FILE, Policy

log = structlog.get_logger(__name__)

LOADED: Final = "policy_loaded"
CHANGED: Final = "policy_changed"

_Stamp = tuple[int, ...]
Settle = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """For an outbox that nothing is sent from."""


class NoPolicy(PolicyDenied):
    """There is no policy that could be asked: its file is missing, wrong, or cannot be audited."""


class Leaves(Protocol):
    """Asked for what of an entity's records leaves."""

    def __call__(self, connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
        """Raises PolicyDenied where nothing does."""
        ...


class Policies:
    def __init__(
        self,
        config_dir: Path,
        clock: Clock,
        trail: AuditTrail,
        key: Callable[[], bytes],
        on_settled: Callable[[], None] = lambda: None,
    ) -> None:
        """`key` is asked for the hashing key when a rule needs one; `on_settled` hears that batches may be sent."""
        self._config_dir = config_dir
        self._clock = clock
        self._trail = trail
        self._key = key
        self._stamp = _stamp(config_dir)
        self._read = policy_in(config_dir)  # what the file says; in force once it is audited
        self._current = Policy.nothing("the agent has just started")
        self._number = 0  # grows with each change, for whoever read something under the one before
        self._settled = False  # nothing waits or runs under an earlier one
        self._on_settled = on_settled
        self._one_at_a_time = asyncio.Lock()

    @property
    def current(self) -> Policy:
        return self._current

    @property
    def sending(self) -> int | None:
        """The number of the policy under which batches may be sent; None while none may."""
        return self._number if self._settled and not self._current.fault else None

    async def start(self) -> None:
        """Put in force what the file says. Before it nothing is allowed."""
        await self._put_in_force(LOADED)

    def commands_of(self, connection: str) -> tuple[str, ...]:
        """The commands that the policy in force allows for a connection."""
        rule = None if self.current.fault else self.current.connection(connection)
        return tuple(rule.commands) if rule is not None else ()

    async def settle(self, take_back: Settle) -> None:
        """Let batches be sent again once `take_back` has taken from the outbox what may not leave any more."""
        if self._current.fault:
            return
        try:
            await take_back()
        except GroundwireError as error:
            # Nothing is sent until it succeeds: tried again at the next look.
            log.warning("policy_not_settled", code=error.code, error=str(error), hint=error.hint)
            return
        self._number += 1
        self._settled = True
        self._on_settled()

    def leaving(self, connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
        """What of this entity's records leaves. Raises PolicyDenied where nothing does, or not the source record."""
        return leaving(self._current, connection, entity, self._key, send_raw=send_raw)

    def judge(self, connection: str, name: str, now: datetime) -> Decision:
        """Whether a command is taken; see `decide_command`."""
        return decide_command(self._current, connection, name, now)

    async def watch(
        self,
        names: Callable[[], Iterable[str]],
        restart: Callable[..., Awaitable[None]],
        take_back: Settle = nothing,
    ) -> None:
        """For ever: put a changed file in force by restarting the connections of `names` that it concerns.

        Batches wait meanwhile; `take_back` comes last, when nothing runs under the policy before.
        """
        previous = self._stamp
        while True:
            await self._clock.sleep(POLL_SECONDS)
            seen = _stamp(self._config_dir)
            # Two equal looks in a row: nobody is in the middle of writing.
            steady, previous = seen == previous, seen
            await self._look(seen if steady else self._stamp, names, restart, take_back)

    async def now(
        self,
        names: Callable[[], Iterable[str]],
        restart: Callable[..., Awaitable[None]],
        take_back: Settle = nothing,
    ) -> None:
        """As `watch` at its next look: somebody who has just written the file asks for it."""
        await self._look(_stamp(self._config_dir), names, restart, take_back)

    async def _look(
        self,
        seen: _Stamp,
        names: Callable[[], Iterable[str]],
        restart: Callable[..., Awaitable[None]],
        take_back: Settle,
    ) -> None:
        async with self._one_at_a_time:
            if seen != self._stamp:
                self._stamp = seen
                self._read = await asyncio.to_thread(policy_in, self._config_dir)
            if self._current is not self._read or not self._settled:
                await self._apply(names, restart)
                await self.settle(take_back)

    async def _apply(
        self, names: Callable[[], Iterable[str]], restart: Callable[..., Awaitable[None]]
    ) -> None:
        before = self._current
        if before.digest == self._read.digest and before.fault == self._read.fault:
            self._current = self._read  # touched, not changed
            return
        self._settled = False
        await self._put_in_force(CHANGED)
        concerned = [name for name in names() if _leaves_otherwise(name, before, self._current)]
        if concerned:
            await restart(*concerned)

    async def _put_in_force(self, action: str) -> None:
        found = self._read
        facts = {
            "file": POLICY_FILE,
            "before": self._current.digest or None,
            "after": found.digest or None,
            "refused": bool(found.fault),
        }
        try:
            await self._trail.record(action, AGENT, facts)
        except AuditUnavailable as error:
            # Tried again at the next look, for what is in force is not what was read.
            self._current = Policy.nothing(f"a change of the policy cannot be audited: {error}")
            return
        self._current = found
        if found.fault:
            log.error("policy_refused", error=found.fault)
        else:
            log.info("policy_in_force", sha256=found.digest)


def leaving(
    policy: Policy, connection: str, entity: str, key: Callable[[], bytes], *, send_raw: bool = False
) -> LeaveFilter:
    """Raises PolicyDenied where nothing of this entity leaves, or not the source record and it is wanted."""
    if policy.fault:
        raise NoPolicy(
            f"no policy is in force: {policy.fault}",
            hint="Mend the file, or write a first one with `groundwire policy suggest`; `groundwire policy check` reads it "
            "again. Nothing is lost: reading goes on where it stood.",
        )
    rule = policy.leave(connection, entity)
    table = f"connections.{connection}.leave.{entity}"
    if rule is None:
        raise PolicyDenied(
            f"{POLICY_FILE} has no table {table}, so nothing of it may leave",
            where=f"{connection}: {entity}",
            hint=f'If it is to leave, add to {POLICY_FILE}: [{table}] with the line fields = "all", or with exact names; '
            f"`groundwire policy suggest {connection}` prints it.",
        )
    if send_raw and not rule.raw:
        raise PolicyDenied(
            "the stream says send_raw = true, and the policy does not let the source record leave",
            where=policy.place("connections", connection, "leave", entity),
            hint=f"Write raw = true in the table {table}, or take send_raw out of the connection file.",
        )
    return compile_leave(rule, entity, key() if rule.hides else b"")


def _leaves_otherwise(connection: str, before: Policy, after: Policy) -> bool:
    if before.fault or after.fault:
        return before.fault != after.fault
    one, other = before.connection(connection), after.connection(connection)
    return (one.leave if one else {}) != (other.leave if other else {})


def _stamp(config_dir: Path) -> _Stamp:
    """Equal while nobody touched the file, its owner and permissions, or those of its folder."""
    try:
        file = os.lstat(config_dir / POLICY_FILE)
        folder = config_dir.stat()
    except OSError:
        return ()
    return (
        file.st_mtime_ns,
        file.st_ctime_ns,
        file.st_size,
        file.st_ino,
        file.st_mode,
        file.st_uid,
        folder.st_mode,
        folder.st_uid,
    )
