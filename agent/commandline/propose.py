"""`groundwire discover CONNECTION --propose`: streams for a database that nobody foresaw."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from agent.commandline.discover import read_catalogue
from agent.commandline.drivers import find_connection
from agent.commandline.invocation import Invocation, run_async
from agent.configuration.load import CONNECTIONS
from agent.errors import ConfigurationError, NotPermitted
from agent.hosting.codec import from_plain, to_plain
from agent.proposing.guesses import Proposal
from agent.proposing.streams import propose
from agent.proposing.text import render
from agent.settings import Settings
from drivers.contract import Catalogue

DRIVER: Final = "odbc"  # whose language the proposals are written in


def show_proposal(invocation: Invocation, name: str, *, add: bool) -> None:
    """Print it, or add it to the connection's file behind what is there."""
    settings = invocation.settings()
    connection = find_connection(settings, name)
    if connection.driver != DRIVER:
        raise ConfigurationError(
            f"streams are proposed for databases (driver = {DRIVER!r}), and this connection has {connection.driver!r}",
            where=connection.where,
            hint="`groundwire discover` lists what there is to read; docs/drivers/ says how a stream is written.",
        )
    path, present = _file_of(settings, name)
    tables = run_async(read_catalogue(invocation, name))
    # Those of a profile too: tables of that name in the file would be laid over them.
    taken = _streams_in(present) | frozenset(connection.streams)
    proposal = propose(from_plain(Catalogue, to_plain({"tables": tables})), taken)
    text = render(proposal, name)
    added = add and bool(proposal.streams)
    if added:
        _add(path, present, text)
    output = invocation.output
    output.document({"toml": text, "streams": _summary(proposal), "added_to": str(path) if added else None})
    if not add:
        output.text(text)
        return
    names = ", ".join(each.name for each in proposal.streams)
    output.line(f"Added to {path}: {names}." if names else "There was nothing to add.")
    if names:
        output.line(f"Look at it with `groundwire sync --preview {name}`, and correct the file.")


def _summary(proposal: Proposal) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "entity": each.entity,
            "table": each.table.name,
            "sureness": each.sureness.value,
            "key": list(each.key),
            "replication_key": each.table.replication_key,
            "lines": {lines.field: lines.table.name for lines in each.lines},
            "map": {
                field.field: {"column": field.column, "sureness": field.sureness.value, "why": field.why}
                for field in each.fields
            },
        }
        for each in proposal.streams
    ]


def _file_of(settings: Settings, name: str) -> tuple[Path, str]:
    path = settings.config_dir / CONNECTIONS / f"{name}.toml"
    try:
        return path, path.read_text("utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _streams_in(text: str) -> frozenset[str]:
    """Those of the file itself, also the ones that are not enabled."""
    return frozenset(tomllib.loads(text).get("streams", {}))


def _add(path: Path, present: str, text: str) -> None:
    """Behind what is there, of which nothing is changed. Raises ConfigurationError where the whole would not be TOML."""
    gap = "" if present.endswith("\n") or not present else "\n"
    try:
        tomllib.loads(f"{present}{gap}\n{text}")
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"the proposal cannot stand behind what the file has: {error}",
            where=str(path),
            hint="Print it without --add and put it into the file by hand.",
        ) from error
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{gap}\n{text}")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> NotPermitted:
    return NotPermitted(
        f"cannot be read or written: {error.strerror or error}",
        where=str(path),
        hint="Print the proposal without --add, and let whoever owns the file put it in.",
    )
