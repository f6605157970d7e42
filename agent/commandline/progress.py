"""Runs shown while they go on: live on a terminal, otherwise a line when one starts and ends."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import click

from agent.telemetry.text import clean_text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

COUNTED: Final = (
    ("read", "read"),
    ("changed", "changed"),
    ("tombstones", "removed"),
    ("deadLetters", "dead letters"),
)


DIFFERING: Final = (("missing", "never sent"), ("changed", "changed without a stamp"), ("gone", "gone"))


class RunProgress:
    """Takes run reports (as documents) and shows them on stderr, so that stdout stays the answer's."""

    def __init__(self) -> None:
        self._live: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._live = _live_progress()
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, report: Mapping[str, Any]) -> None:
        stream, status = str(report.get("stream", "")), str(report.get("status", ""))
        if self._live is not None:
            self._show(self._live, stream, f"{status}: {describe(report)}")
        elif self._told.get(stream) != status:
            self._told[stream] = status
            click.echo(
                clean_text(f"{stream}: {report.get('mode', '')} {status}: {describe(report)}"), err=True
            )

    def _show(self, live: Progress, stream: str, text: str) -> None:
        if stream not in self._tasks:
            self._tasks[stream] = live.add_task("", total=None, stream=clean_text(stream), text="")
        live.update(self._tasks[stream], text=clean_text(text))


def describe(report: Mapping[str, Any]) -> str:
    """Say what a run has done so far, without the zeros: 4,012 read, 12 changed."""
    counts = report.get("counts") or {}
    parts = [f"{counts[key]:,} {word}" for key, word in COUNTED if counts.get(key)]
    return ", ".join(parts) or "nothing read"


def differences(told: Mapping[str, Any]) -> str:
    """What a comparison of everything found, of a run or of a status; empty where nothing was compared."""
    found = told.get("differences") or told.get("reconciled")
    if not found:
        return ""
    parts = [f"{found[key]:,} {word}" for key, word in DIFFERING if found[key]]
    sentence = f"differences: {', '.join(parts)}" if parts else "no differences"
    if found["atSource"] is not None:
        sentence += f" among {found['atSource']:,} records at the source"
    if found["examples"]:
        sentence += f"; such as {', '.join(found['examples'])}"
    return sentence


def _live_progress() -> Progress:
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[stream]}", markup=False),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
