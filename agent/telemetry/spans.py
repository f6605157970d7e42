"""Pure: spans of traces, as values. One sync run is one trace across agent and relay, and so is one command.

Nothing travels for it: both sides make the same ids of what they know anyhow, the run's or the command's id.
No attribute holds a value of a source: they are names of the configuration, kinds, numbers and codes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

TRACE_BYTES: Final = 16
SPAN_BYTES: Final = 8

Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    trace: bytes
    id: bytes
    name: str
    begun: datetime
    ended: datetime
    parent: bytes | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str = ""  # a code; empty: none


class SpanSink(Protocol):
    def add(self, span: Span) -> None:
        """Returns at once and raises nothing."""
        ...


class Nowhere:
    """Traces are off."""

    def add(self, span: Span) -> None: ...


def trace_of_run(run: str) -> bytes:
    return _id(TRACE_BYTES, "run", run)


def trace_of_command(command: str) -> bytes:
    return _id(TRACE_BYTES, "command", command)


def span_of_run(run: str) -> bytes:
    return _id(SPAN_BYTES, "run", run)


def span_of_page(run: str, number: int, step: str = "") -> bytes:
    return _id(SPAN_BYTES, "page", run, str(number), step)


def span_of_delivery(run: str, stream: str, seq: int) -> bytes:
    """At the agent, from a batch's sending to its ack."""
    return _id(SPAN_BYTES, "deliver", run, stream, str(seq))


def span_at_relay(step: str, run: str, stream: str, seq: int) -> bytes:
    return _id(SPAN_BYTES, "relay", step, run, stream, str(seq))


def span_of_command(side: str, command: str) -> bytes:
    return _id(SPAN_BYTES, "command", side, command)


def _id(size: int, *words: str) -> bytes:
    """Never all zero, which would stand for none."""
    text = "\0".join(("groundwire", *words))
    return hashlib.sha256(text.encode()).digest()[: size - 1] + b"\x01"
