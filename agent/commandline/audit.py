"""`groundwire audit`: check, show and export the audit log. None of them needs a running agent."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.commandline.exits import ExitCode
from agent.commandline.invocation import Invocation, json_option, pass_invocation, shared_options
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.audit.reading import AuditFolder
    from agent.audit.signing import Mark
    from agent.audit.verify import Fault, Report

SHOWN_FAULTS = 20  # of a table; --json has up to 100

_SINCE = click.option(
    "--since", metavar="MOMENT", help="Only lines from this date, or RFC 3339 moment, on: 2026-01-31."
)


@click.group()
def audit() -> None:
    """Check, show and export the log of who did what on this agent."""


@audit.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--public-key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="Trust only this key, kept elsewhere. Repeatable.",
)
@click.option(
    "--head", "pinned", metavar="N:HASH", help="A head kept elsewhere: its line must still be there."
)
@click.option(
    "--from", "first", type=click.IntRange(1), default=1, help="Faults of lines before this number are known."
)
@shared_options
@json_option
@pass_invocation
def verify(
    invocation: Invocation, file: Path | None, keys: tuple[str, ...], pinned: str | None, first: int
) -> None:
    """Check every line, signature and the head, of this agent's log or of an exported FILE; 1 when one is bad."""
    trusted = [_key(text) for text in keys]
    mark = _mark(pinned) if pinned is not None else None
    report = (
        _verify_export(file, trusted, mark)
        if file is not None
        else _folder(invocation).verify(public_keys=trusted, pinned=mark)
    )
    faults = [fault for fault in report.faults if fault.n >= first]
    _show_report(invocation, report, faults, trusted=bool(trusted), known=len(report.faults) - len(faults))
    click.get_current_context().exit(ExitCode.FAILED if faults or report.more_faults else ExitCode.OK)


def _show_report(
    invocation: Invocation, report: Report, faults: list[Fault], *, trusted: bool, known: int
) -> None:
    from agent.audit.signing import fingerprint  # noqa: PLC0415 - heavy
    from agent.calls.audit import report_document  # noqa: PLC0415

    output = invocation.output
    shown = fingerprint(report.public_key) if report.public_key else "none"
    for number, fault in enumerate(faults[:SHOWN_FAULTS]):
        first = "First bad line" if number == 0 else "Also"
        output.line(
            f"{first}: {fault.file}, line {fault.line} (number {fault.n}): {fault.kind}: {fault.message}",
            colour="red",
        )
    if len(faults) + report.more_faults > SHOWN_FAULTS:
        output.line(f"And {len(faults) + report.more_faults - SHOWN_FAULTS} more.", colour="red")
    verdict = "BAD" if faults or report.more_faults else "ok"
    output.line(
        f"{verdict}: {report.lines} lines, numbers {report.first_n} to {report.last_n}, "
        f"{report.checkpoints} signatures, key {shown}",
        bold=True,
    )
    if known:
        output.line(f"{known} known faults before the line given with --from.")
    if not trusted:
        output.line(
            "The key is the one that the log names itself; --public-key checks against one kept elsewhere."
        )
    output.document(report_document(report, faults, known=known))


@audit.command()
@_SINCE
@click.option("--action", help="Only lines of this action, such as command_allowed.")
@click.option("--last", type=click.IntRange(1), help="Only so many, the newest.")
@shared_options
@json_option
@pass_invocation
def show(invocation: Invocation, since: str | None, action: str | None, last: int | None) -> None:
    """Show what was recorded, oldest first."""
    from collections import deque  # noqa: PLC0415 - only here

    folder = _folder(invocation)
    found = folder.lines(since=_moment(since), action=action)
    lines = [line.as_document() for line in deque(found, maxlen=last)]
    if not lines:
        there = sorted({line.action for line in folder.lines()})
        unknown = action is not None and action not in there
        invocation.output.note(
            f"No line has the action {action!r}. There are: {', '.join(there)}."
            if unknown
            else "No such lines."
        )
    invocation.output.table(
        ["N", "MOMENT", "ACTION", "WHO", "FACTS"],
        [
            [line["n"], line["moment"], line["action"], _who(line["actor"]), _facts(line["facts"])]
            for line in lines
        ],
    )
    invocation.output.document({"lines": lines})


def _who(actor: dict[str, str]) -> str:
    return f"{actor['origin']} {actor['name']}".strip()


def _facts(facts: dict[str, Any]) -> str:
    import json  # noqa: PLC0415 - only here

    hidden = {"signature", "public_key"}  # of use to `verify` alone
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in facts.items()
        if name not in hidden and value not in ("", None)
    )


@audit.command()
@shared_options
@json_option
@pass_invocation
def head(invocation: Invocation) -> None:
    """Print the newest signed line's number and hash, and the public key: keep them on another machine."""
    found = _folder(invocation).head()
    if found is None:
        raise ConfigurationError(
            "the signed head is missing or damaged", hint="`groundwire audit verify` says what else is wrong."
        )
    invocation.output.line(f"Head:        {found.mark.n}:{found.mark.hash}")
    invocation.output.line(f"Public key:  {found.public_key}")
    invocation.output.line(f"Fingerprint: {found.fingerprint}")
    invocation.output.document(
        {
            "n": found.mark.n,
            "hash": found.mark.hash,
            "public_key": found.public_key,
            "fingerprint": found.fingerprint,
        }
    )


@audit.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_SINCE
@shared_options
@json_option
@pass_invocation
def export(invocation: Invocation, file: Path, since: str | None) -> None:
    """Write the log to FILE, whole or since a moment; `audit verify FILE` checks it on any machine."""
    from agent.audit.export import export_lines  # noqa: PLC0415 - heavy
    from agent.version import SOFTWARE  # noqa: PLC0415

    folder = _folder(invocation)
    raw_head = folder.raw_head()
    count = _write(file, export_lines(folder.contents(), raw_head, since=_moment(since), software=SOFTWARE))
    invocation.output.line(f"Wrote {count} lines to {file}. Check it with: groundwire audit verify {file}")
    invocation.output.document({"file": str(file), "lines": count})


def _write(file: Path, lines: Iterable[bytes]) -> int:
    """The number of the log's own lines. For whoever writes it alone: it says who did what."""
    count = 0
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            for line in lines:
                target.write(line)
                count += line.startswith(b'{"n":')
            target.flush()
            os.fsync(target.fileno())
    except FileExistsError:
        raise ConfigurationError(
            "the file is there already", where=str(file), hint="Choose another."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot be written: {error.strerror or 'unknown fault'}",
            where=str(file),
            hint="What was written of it is not whole: remove it, make room, and repeat.",
        ) from error
    return count


def _verify_export(file: Path, trusted: list[str], pinned: Mark | None) -> Report:
    from dataclasses import replace  # noqa: PLC0415 - only here

    from agent.audit.export import parse_export  # noqa: PLC0415 - heavy
    from agent.audit.verify import verify as check  # noqa: PLC0415

    try:
        sources, evidence = parse_export(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            str(error), where=str(file), hint="Name a file that `groundwire audit export` wrote."
        ) from error
    return check(sources, replace(evidence, public_keys=tuple(trusted), pinned=pinned))


def _folder(invocation: Invocation) -> AuditFolder:
    from agent.audit.reading import AuditFolder  # noqa: PLC0415 - heavy

    return AuditFolder(invocation.settings().state_dir)


def _key(text: str) -> str:
    if not _is_digest(text):
        raise click.BadParameter(
            "a public key is 64 hexadecimal digits, as `groundwire audit head` prints it"
        )
    return text


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")  # noqa: PLR2004 - 32 bytes


def _mark(text: str) -> Mark:
    from agent.audit.signing import Mark  # noqa: PLC0415 - heavy

    number, colon, line_hash = text.partition(":")
    if not colon or not number.isascii() or not number.isdigit() or not _is_digest(line_hash):
        raise click.BadParameter("a head is written N:HASH, as `groundwire audit head` prints it")
    return Mark(int(number), line_hash)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("a moment is written 2026-01-31 or 2026-01-31T08:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
