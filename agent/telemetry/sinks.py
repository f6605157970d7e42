"""Where lines go. None of these raises: a log that cannot be written ends nothing, and keeps no line from the others."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TextIO

import structlog

Event = Mapping[str, Any]
FIRST: Final = ("timestamp", "level", "event", "part")  # of a line, for the eye


class Sink(Protocol):
    def take(self, event: Event) -> None:
        """One line, cleaned. Returns soon and raises nothing."""
        ...

    def close(self) -> None: ...


class StreamSink:
    """Lines on a terminal, or on whatever standard error is."""

    def __init__(self, stream: TextIO, render: Callable[[Event], str]) -> None:
        self._stream = stream
        self._render = render

    def take(self, event: Event) -> None:
        # Its reader has left, or the disk that it is redirected to is full.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(self._render(event) + "\n")
            self._stream.flush()

    def close(self) -> None: ...


def as_json(event: Event) -> str:
    """One line, without its end. Cleaned events hold no half characters and no numbers that are none."""
    ordered = {name: event[name] for name in FIRST if name in event} | dict(event)
    return json.dumps(ordered, ensure_ascii=False, default=str)


def console_renderer(*, colours: bool) -> Callable[[Event], str]:
    render = structlog.dev.ConsoleRenderer(
        colors=colours, exception_formatter=structlog.dev.plain_traceback, timestamp_key="timestamp"
    )
    return lambda event: str(render(None, "", dict(event)))


def in_words(event: Event) -> str:
    """One readable line without its time: for a journal or an event log, which keep that themselves."""
    rest = {name: value for name, value in event.items() if name not in FIRST}
    words = " ".join(f"{name}={_shown(value)}" for name, value in rest.items() if value is not None)
    return f"{event.get('event', '')} {words}".rstrip()


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f'"{text}"' if " " in text else text
