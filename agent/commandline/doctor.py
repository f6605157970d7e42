"""`groundwire doctor`: what is wrong with this installation, why, and what to do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from agent.commandline.exits import ExitCode
from agent.commandline.invocation import (
    Invocation,
    json_option,
    pass_invocation,
    patience_option,
    run_async,
    shared_options,
)

if TYPE_CHECKING:
    from agent.commandline.output import Output
    from agent.doctor.check import Check, Report
    from agent.findings import Finding, Level

WIDTH: Final = 110  # of the lines of one finding; a narrow terminal wraps them itself


@click.command()
@click.option("--only", "names", multiple=True, metavar="NAME", help="Run this check alone; may be repeated.")
@click.option(
    "--connection", metavar="NAME", help="Look at this connection alone, also where it is not enabled."
)
@patience_option
@click.option("--list", "listed", is_flag=True, help="List the checks, and do nothing.")
@click.option("--verbose", "-v", is_flag=True, help="Tell of what is fine, too.")
@shared_options
@json_option
@pass_invocation
def doctor(
    invocation: Invocation,
    names: tuple[str, ...],
    connection: str | None,
    *,
    patience: float,
    listed: bool,
    verbose: bool,
) -> None:
    """Look for what is wrong with this installation, and say what to do about it.

    Works with and without a running agent, and changes nothing. It connects to the relay, to its proxy and to the
    systems of the connections, and to nothing else. 0: no problem, 1: at least one.
    """
    from agent.doctor.checks import CHECKS  # noqa: PLC0415 - heavy

    if listed:
        _list(invocation, CHECKS)
        return
    invocation.quiet_logging()
    report = run_async(_examine(invocation, _chosen(names, CHECKS), connection or "", patience))
    tell(invocation, report, CHECKS, verbose=verbose)


def tell(invocation: Invocation, report: Report, checks: Sequence[Check], *, verbose: bool) -> None:
    """Show it, and end the command: with 1 where something does not work."""
    from agent.calls.doctor import report_document  # noqa: PLC0415 - heavy

    _show(invocation.output, report, {check.name: check.title for check in checks}, verbose=verbose)
    invocation.output.document(report_document(report))
    click.get_current_context().exit(ExitCode.FAILED if _has_problem(report) else ExitCode.OK)


def _list(invocation: Invocation, checks: tuple[Check, ...]) -> None:
    invocation.output.table(["CHECK", "LOOKS AT"], [[check.name, check.title] for check in checks])
    invocation.output.document({"checks": [{"name": check.name, "title": check.title} for check in checks]})


def _chosen(names: tuple[str, ...], checks: tuple[Check, ...]) -> list[Check]:
    known = {check.name: check for check in checks}
    for name in names:
        if name not in known:
            raise click.UsageError(f"There is no check {name!r}. There are: {', '.join(known)}.")
    return [check for check in checks if not names or check.name in names]


async def _examine(invocation: Invocation, checks: list[Check], connection: str, patience: float) -> Report:
    from agent.commandline.drivers import find_connection  # noqa: PLC0415 - heavy
    from agent.doctor.check import examine  # noqa: PLC0415
    from agent.doctor.installation import look_at  # noqa: PLC0415

    installation = await look_at(invocation.config_dir, connection=connection)
    settings = installation.settings
    if connection and settings is not None and not any(one.name == connection for one in settings.broken):
        find_connection(settings, connection)  # a name that does not exist is no finding
    return await examine(installation, checks, patience=patience)


def _has_problem(report: Report) -> bool:
    from agent.findings import Level, worst  # noqa: PLC0415 - loaded by now

    return worst(report.findings) is Level.PROBLEM


def _show(output: Output, report: Report, titles: dict[str, str], *, verbose: bool) -> None:
    """By level, the gravest first; within it by what was looked at."""
    from agent.findings import Level, counts  # noqa: PLC0415 - loaded by now

    words = {
        Level.PROBLEM: "Problems",
        Level.WARNING: "Warnings",
        Level.NOTICE: "Worth knowing",
        Level.OK: "Fine",
    }
    for level, word in words.items():
        found = [finding for finding in report.findings if finding.level is level]
        if found and (verbose or level is not Level.OK):
            output.line(f"{word} ({len(found)})", bold=True, colour=_colour(level))
            for finding in found:
                _show_one(output, finding, titles)
            output.line()
    numbers = counts(report.findings)
    output.line(_summary(numbers, len(report.checks)), bold=True)
    if not verbose and numbers[Level.OK]:
        output.line(f"{numbers[Level.OK]} things are as they should be; --verbose lists them.")


def _summary(numbers: dict[Level, int], checks: int) -> str:
    from agent.findings import Level  # noqa: PLC0415 - loaded by now

    told = [
        _number(numbers[Level.PROBLEM], "problem"),
        _number(numbers[Level.WARNING], "warning"),
        _number(numbers[Level.NOTICE], "notice"),
    ]
    return f"{_number(checks, 'check')}: {', '.join(told)}."


def _number(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"


def _colour(level: Level) -> str | None:
    return {"problem": "red", "warning": "yellow", "notice": "cyan", "ok": "green"}[level.value]


def _show_one(output: Output, finding: Finding, titles: dict[str, str]) -> None:
    what = titles.get(finding.group, "")
    output.line(
        f"  {finding.where}: {finding.cause}" if finding.where else f"  {finding.cause}",
        colour=_colour(finding.level),
    )
    if finding.evidence:
        _wrapped(output, "seen: ", finding.evidence)
    if finding.next_step:
        _wrapped(output, "do:   ", finding.next_step)
    if finding.level.value != "ok":
        output.line(f"    [{finding.code}]" + ("" if what else " doctor itself"))


def _wrapped(output: Output, word: str, text: str) -> None:
    """Paths and commands stay whole, so that they can be copied."""
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"    {word}",
        subsequent_indent="          ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        output.line(line)
