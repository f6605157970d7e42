"""What the commands print: tables for people, JSON for scripts, errors as what, where and what to do."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from agent.errors import GroundwireError
from agent.telemetry.text import clean_text

MIN_COLUMN: Final = 8  # characters of a column in a narrow terminal


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's words go. In JSON mode stdout holds one document and nothing else."""

    json: bool = False

    def line(self, text: str = "", *, bold: bool = False, colour: str | None = None) -> None:
        if not self.json:
            click.secho(clean_text(text), bold=bold, fg=colour)

    def text(self, text: str) -> None:
        """Many lines as they are, for a file."""
        if not self.json:
            click.echo("\n".join(clean_text(line) for line in text.splitlines()))

    def note(self, text: str) -> None:
        """For the person that looks on; never part of the answer."""
        click.echo(clean_text(text), err=True)

    def document(self, value: Any) -> None:
        if self.json:
            click.echo(json.dumps(_masked(value), ensure_ascii=False, indent=2, default=str))

    def json_line(self, value: Any) -> None:
        """One of many documents, each on a line of its own: for what has no end."""
        if self.json:
            click.echo(json.dumps(_masked(value), ensure_ascii=False, default=str))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if self.json or not rows:
            return
        texts = [[_cell(value) for value in row] for row in rows]
        if sys.stdout.isatty():
            _rich_table(columns, texts)
        else:
            _plain_table(columns, texts)

    def error(self, error: GroundwireError) -> None:
        from agent.control import error_document  # noqa: PLC0415 - errors are rare, and asyncio is slow to load

        document = error_document(error)
        if self.json:
            click.echo(json.dumps({"error": _masked(document)}, ensure_ascii=False), err=True)
            return
        for sentence in document["message"].split("\n"):
            self._sentence(sentence, document["where"])
        if document["hint"]:
            click.echo(f"  What to do: {clean_text(document['hint'])}", err=True)

    def _sentence(self, sentence: str, where: str) -> None:
        place = f"{clean_text(where)}: " if where else ""
        click.secho(f"{place}{clean_text(sentence)}", err=True, fg="red")


def step_line(output: Output, *, ok: bool, name: str, detail: str, hint: str = "") -> None:
    """One hop of a check."""
    output.line(f"  {'ok  ' if ok else 'FAIL'}  {name}: {detail}", colour=None if ok else "red")
    if not ok and hint:
        output.line(f"        What to do: {hint}")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean_text(str(value))


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns without any mark-up: for pipes, and the same on every machine."""
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    for row in [columns, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, min_width=min(MIN_COLUMN, len(column)), overflow="fold")  # nothing is cut
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a bracket in a name is not mark-up
    Console(width=shutil.get_terminal_size().columns).print(table)


def _masked(value: Any) -> Any:
    """JSON escapes control characters by itself; secrets are masked here."""
    from agent.secrets import redact  # noqa: PLC0415 - one import for both kinds of output

    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {str(key): _masked(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(below) for below in value]
    return value
