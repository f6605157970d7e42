"""Every word of the protocol that this agent knows, as far as it needs nothing but the connections and the outbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agent.clock import Clock
from agent.commands.cancelling import Cancel
from agent.commands.diagnostics import Diagnostics
from agent.commands.gate import JudgeCommand
from agent.commands.inspecting import CheckConnection, Discover
from agent.commands.pausing import Pause, Resume
from agent.commands.ports import CommandKind, State
from agent.commands.reading import ReadRecord
from agent.commands.records import LiveRecords
from agent.commands.syncing import Requeue, Resync, Sync
from agent.connections import Connections
from agent.outbox.store import Outbox
from agent.policies.in_force import Leaves
from agent.tunnel.link import LinkState


def command_kinds(
    connections: Connections,
    outbox: Outbox,
    clock: Clock,
    cancel: Callable[[str], Awaitable[State | None]],
    link: Callable[[], LinkState],
    judge: JudgeCommand,
    leaving: Leaves,
) -> list[CommandKind[Any]]:
    """`cancel` is the executor's."""
    return [
        Sync(connections, judge),
        Resync(connections, judge),
        Requeue(connections, outbox, judge),
        Pause(connections, judge),
        Resume(connections, judge),
        CheckConnection(connections, judge),
        Discover(connections, judge),
        ReadRecord(connections, LiveRecords(connections, clock, leaving), judge),
        Diagnostics(connections, outbox, link, judge),
        Cancel(cancel, judge),
    ]
