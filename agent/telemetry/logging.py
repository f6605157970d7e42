"""Log set-up: one event a line, without secrets and without control characters, wherever it goes.

An event passes the levels in force, is stamped and cleaned, and is then given to every sink: the files, and standard error
as a terminal, a journal or a pipe likes it. What libraries log goes the same way.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agent.clock import Clock, SystemClock
from agent.secrets import redact
from agent.telemetry.event_log import EventLogSink, event_log
from agent.telemetry.files import FileSink, RotatedFile
from agent.telemetry.journal import journal_sink
from agent.telemetry.levels import LEVELS, LIBRARIES, LevelName, Levels, part_of
from agent.telemetry.sinks import Sink, StreamSink, as_json, console_renderer
from agent.telemetry.text import clean_text

MAX_TRACEBACK_LINES: Final = 100  # a bug shows in the last frames
MAX_DEPTH: Final = 4  # of nested values; deeper ones are shown as their text
MAX_ITEMS: Final = 50  # of a list or table inside a value
LOST_BETWEEN: Final = 1_000  # lines that could not be made, between two that say so

log = structlog.get_logger(__name__)

Format = Literal["auto", "json", "console"]


@dataclass(frozen=True, slots=True)
class Logs:
    """The log of this process: its levels, and the folder of its files, if it has any."""

    levels: Levels
    folder: Path | None = None
    sinks: tuple[Sink, ...] = field(default=())

    def close(self) -> None:
        """Whatever was taken is written, as far as it can be."""
        for sink in self.sinks:
            sink.close()


def nowhere() -> Logs:
    """Of a process that did not set its log up."""
    return Logs(Levels("info", SystemClock()))


def configure_logging(
    *,
    level: LevelName = "info",
    format: Format = "auto",  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
    files: RotatedFile | None = None,
    folder: Path | None = None,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    adjustable: bool = False,
) -> Logs:
    """Set structlog and the standard library's logging up for this process. Call once, at start.

    `adjustable`: whether somebody may want more of it while the process runs; looking at what nobody wants costs time.
    """
    target = sys.stderr if stream is None else stream
    sinks: list[Sink] = [stream_sink(target, format, os.environ if environ is None else environ)]
    if files is not None:
        sinks.append(FileSink(files))
        if (system := event_log()) is not None:
            sinks.append(EventLogSink(system))
    levels = Levels(level, clock or SystemClock())
    least = logging.DEBUG if adjustable else LEVELS[level]
    return install(levels, sinks, folder=folder, least=least)


def log_files(folder: Path, clock: Clock, *, total_bytes: int, keep: timedelta) -> RotatedFile:
    return RotatedFile(folder, clock, total_bytes=total_bytes, keep=keep)


def stream_sink(target: TextIO, chosen: Format, environ: Mapping[str, str]) -> Sink:
    """As whoever reads it likes it: a person, systemd's journal, or a program."""
    if chosen == "console" or (chosen == "auto" and target.isatty()):
        return StreamSink(target, console_renderer(colours=target.isatty()))
    journal: Sink | None = journal_sink(target, environ) if chosen == "auto" else None
    return journal or StreamSink(target, as_json)


def install(
    levels: Levels, sinks: Sequence[Sink], *, folder: Path | None = None, least: int = logging.DEBUG
) -> Logs:
    """Everything that is logged from now on goes to these sinks; below `least` nothing can be made to be."""
    pipeline: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _Wanted(levels),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        clean_values,
        _Delivery(sinks),
    ]
    structlog.configure(
        processors=pipeline,
        wrapper_class=structlog.make_filtering_bound_logger(least),  # the rest `_Wanted` decides
        logger_factory=_named,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Libraries(pipeline)]
    # Libraries log connection details on debug; only ours is wanted there.
    root.setLevel(logging.WARNING)
    return Logs(levels, folder, tuple(sinks))


class _Named:
    """A logger of structlog that is nothing but its name: `_Delivery` has done everything by then."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def _named(*names: str) -> _Named:
    return _Named(names[0] if names else "")


class _Wanted:
    """Drops what is below the level in force, and says which part of the agent the rest comes from."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        part = part_of(getattr(logger, "name", ""))
        if not self._levels.logs(method, part, event):
            raise structlog.DropEvent
        if part:
            event["part"] = part
        return event


class _Delivery:
    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for sink in self._sinks:
            sink.take(event)
        raise structlog.DropEvent  # nothing is left to do for structlog's own logger


class _Libraries(logging.Handler):
    """What the standard library's loggers say, as events."""

    def __init__(self, pipeline: Sequence[Processor]) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event: MutableMapping[str, Any] = {"event": record.getMessage(), "logger": record.name}
            if record.exc_info:
                event["exc_info"] = record.exc_info
            for processor in self._pipeline:
                event = processor(_Named(LIBRARIES), record.levelname.lower(), event)  # type: ignore[assignment]
        except structlog.DropEvent:
            pass
        except Exception as error:  # noqa: BLE001 - a line that cannot be made is no reason to fail whoever wrote it
            self._tell_of_lost(record.name, error)

    def _tell_of_lost(self, name: str, error: Exception) -> None:
        """Told of the first, and of each thousandth: what loses one line mostly loses many."""
        self._lost += 1
        if self._lost % LOST_BETWEEN == 1:
            with contextlib.suppress(Exception):  # where nothing can be written, nothing can be told either
                log.warning("log_line_lost", logger=name, reason=type(error).__name__, lost=self._lost)


def clean_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets, escape control characters and cut long values: in keys, values and the event itself."""
    traceback = event.pop("exception", None)
    cleaned = {clean_text(str(key)): _clean(value, MAX_DEPTH) for key, value in event.items()}
    return cleaned if traceback is None else {**cleaned, "exception": _clean_traceback(str(traceback))}


def _clean_traceback(text: str) -> str:
    """Keep its lines apart, each indented: none can pass for an event of its own. The last ones tell most."""
    lines = redact(text).splitlines()[-MAX_TRACEBACK_LINES:]
    return "\n    ".join(clean_text(line) for line in ("", *lines))


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if depth > 0 and isinstance(value, Mapping):
        items = list(value.items())[:MAX_ITEMS]
        return {clean_text(str(key)): _clean(below, depth - 1) for key, below in items}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_clean(below, depth - 1) for below in list(value)[:MAX_ITEMS]]
    return clean_text(str(value))
