"""The spans of commands at the agent, from their arrival to their outcome."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Final

from agent.clock import Clock
from agent.protocol.frames import Command
from agent.telemetry.spans import Nowhere, Span, SpanSink, span_of_command, trace_of_command
from agent.tunnel.ports import CommandSink

MAX_COMMANDS: Final = 1_000  # whose outcome is waited for


class CommandTrace:
    """Commands at the agent, from their arrival to their outcome."""

    def __init__(self, sink: SpanSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._off = isinstance(sink, Nowhere)
        self._begun: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def came(self, command: Command) -> None:
        if self._off:
            return
        self._begun.setdefault(command.id, (command.name, self._clock.utcnow()))
        while len(self._begun) > MAX_COMMANDS:
            self._begun.popitem(last=False)

    def ended(self, command: str, state: str) -> None:
        """Again for each answer; only an outcome ends it."""
        if state == "running" or (begun := self._begun.pop(command, None)) is None:
            return
        name, at = begun
        self._sink.add(
            Span(
                trace_of_command(command),
                span_of_command("agent", command),
                "command at agent",
                at,
                self._clock.utcnow(),
                span_of_command("relay", command),
                {"command": command, "name": name, "state": state},
                "" if state == "succeeded" else state,
            )
        )


class SpannedCommands:
    """A sink that notes each command on its way in."""

    def __init__(self, sink: CommandSink, trace: CommandTrace) -> None:
        self._sink = sink
        self._trace = trace

    async def handle(self, command: Command) -> None:
        self._trace.came(command)
        await self._sink.handle(command)

    async def result_acked(self, command: str, state: str) -> None:
        await self._sink.result_acked(command, state)
