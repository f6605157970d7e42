"""Log set-up: one event a line, JSON or console, without secrets and without control characters."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from agent.secrets import redact
from agent.telemetry.text import clean_text

MAX_TRACEBACK_LINES: Final = 100  # a bug shows in the last frames
MAX_DEPTH: Final = 4  # of nested values; deeper ones are shown as their text
MAX_ITEMS: Final = 50  # of a list or table inside a value


def configure_logging(
    *,
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["auto", "json", "console"] = "auto",  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
) -> None:
    """Set structlog and the standard library's logging up for this process. Call once, at start."""
    target = sys.stderr if stream is None else stream
    console = format == "console" or (format == "auto" and target.isatty())
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        clean_values,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(
            colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(shared, renderer, target, least)


def _route_standard_logging(shared: list[Processor], renderer: Processor, target: TextIO, least: int) -> None:
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries log connection details on debug; only ours is wanted there.
    root.setLevel(max(least, logging.WARNING))


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
