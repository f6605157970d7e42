"""What every line of a piece of work says of itself: its run or command, and its trace, the same on both sides."""

from __future__ import annotations

from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars

from agent.telemetry.spans import trace_of_command, trace_of_run


def of_run(run: str, stream: str) -> AbstractContextManager[object]:
    """Lines from inside of it, from whatever part, name the run, its stream and its trace."""
    return bound_contextvars(stream=stream, **told_of_run(run))


def of_command(command: str) -> AbstractContextManager[object]:
    return bound_contextvars(**told_of_command(command))


def told_of_command(command: str) -> dict[str, str]:
    return {"command": command, "trace": trace_of_command(command).hex()}


def told_of_run(run: str) -> dict[str, str]:
    """The same as fields, for a line about a batch that is written beside its run."""
    return {"run": run, "trace": trace_of_run(run).hex()}
