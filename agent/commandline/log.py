"""`groundwire log`: the agent's own log, whether an agent runs or not; and how much it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.clock import Clock

Command = TypeVar("Command", bound=Callable[..., Any])
FOLLOW_SECONDS: Final = 1.0
PAGE_LINES: Final = 1_000
COLOURS: Final[Mapping[str, str]] = {"warning": "yellow", "error": "red", "critical": "red"}
_SAID_FIRST: Final = ("timestamp", "level", "event", "part", "exception", "trace")


@click.group()
def log() -> None:
    """Show, search and follow the agent's log, and change how much it tells while it runs."""


def _filters(command: Command) -> Command:
    for option in (
        click.option("--until", metavar="MOMENT", help="Only lines before this moment, or this long ago."),
        click.option(
            "--since", metavar="MOMENT", help="Only lines since: 30m, 2h, 2026-01-31, 2026-01-31T10:00Z."
        ),
        click.option("--part", metavar="PART", help="Only of this part: sync, tunnel, outbox, drivers ..."),
        click.option("--run", metavar="ID", help="Only of this run or command, or of this trace."),
        click.option("--connection", metavar="NAME", help="Only of this connection."),
        click.option(
            "--level",
            type=click.Choice(["debug", "info", "warning", "error"]),
            help="Only lines of this level and above.",
        ),
    ):
        command = option(command)
    return command


@log.command()
@click.option("-n", "--lines", type=click.IntRange(1, PAGE_LINES), default=30, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@_filters
@shared_options
@json_option
@pass_invocation
def tail(invocation: Invocation, /, lines: int, *, follow: bool, **filters: str | None) -> None:
    """Show the newest lines."""
    args = {**_args(filters), "limit": lines}
    run_async(_tail(invocation, args, follow=follow))


@log.command()
@click.argument("text", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=200, show_default=True, help="At most so many."
)
@_filters
@shared_options
@json_option
@pass_invocation
def search(invocation: Invocation, /, text: str | None, limit: int, **filters: str | None) -> None:
    """Show the newest lines that hold TEXT, in any case, and of which everything else asked for is true."""
    found, complete = run_async(_search(invocation, {**_args(filters), "text": text}, limit))
    for line in found:
        _show(invocation, line)
    if not complete:
        invocation.output.note(f"There are older ones: --limit shows more than {limit}.")
    if not found:
        invocation.output.note("No such line.")


@log.command()
@click.argument("words", nargs=-1, metavar="[[NAME] LEVEL]")
@click.option("--for", "span", metavar="DURATION", help="Such as 30m; then it falls back by itself.")
@shared_options
@json_option
@pass_invocation
def level(invocation: Invocation, words: tuple[str, ...], span: str | None) -> None:
    """Show or change how much the running agent logs: debug, info, warning, error, or default.

    NAME is a part (agent, sync, tunnel, outbox, drivers, commands, mapping, policy, audit, console) or a connection;
    without it everything is meant. A change ends with the agent at the latest.
    """
    if len(words) > 2:  # noqa: PLR2004 - a name and a level
        raise click.UsageError("Give a level, or a name and a level.")
    if not words:
        answer = run_async(invocation.client().ask("log_levels"))
    else:
        args: dict[str, Any] = {"level": words[-1], "seconds": _seconds(span)}
        if len(words) == 2:  # noqa: PLR2004
            args["name"] = words[0]
        answer = run_async(invocation.client().ask("log_level", args))
    _show_levels(invocation, answer)


def _show_levels(invocation: Invocation, answer: Mapping[str, Any]) -> None:
    output = invocation.output
    output.line(f"Everything: {answer['configured']}, as agent.toml says")
    for one in answer["changed"]:
        left = one["seconds_left"]
        until = "until the agent ends" if left is None else f"for {left} s more"
        output.line(f"{one['name'] or 'everything'}: {one['level']}, {until}", bold=True)
    output.document(answer)


async def _tail(invocation: Invocation, args: Mapping[str, Any], *, follow: bool) -> None:
    from agent.clock import SystemClock  # noqa: PLC0415 - slow to load

    clock: Clock = SystemClock()
    page = await _page(invocation, args)
    for line in page["lines"]:
        _show(invocation, line)
    while follow:
        if len(page["lines"]) < PAGE_LINES:
            await clock.sleep(FOLLOW_SECONDS)
        page = await _page(invocation, {**args, "limit": PAGE_LINES, "after": page["after"]})
        if page["gap"]:
            invocation.output.note("Lines in between have gone from the files meanwhile.")
        for line in page["lines"]:
            _show(invocation, line)


async def _search(
    invocation: Invocation, args: Mapping[str, Any], limit: int
) -> tuple[list[Mapping[str, Any]], bool]:
    """The lines, the oldest first, and whether these are all."""
    found: list[Mapping[str, Any]] = []
    before: str | None = None
    while True:
        wanted = min(limit - len(found), PAGE_LINES)
        page = await _page(invocation, {**args, "limit": wanted, "before": before})
        found = [*page["lines"], *found]
        before = page["before"]
        if before is None or len(found) >= limit:
            return found, before is None


async def _page(invocation: Invocation, args: Mapping[str, Any]) -> dict[str, Any]:
    """From the running agent; where none runs, from its files."""
    import asyncio  # noqa: PLC0415 - slow to load

    from agent.calls.logs import read_page  # noqa: PLC0415
    from agent.control import NoAgentRunning  # noqa: PLC0415

    try:
        page: dict[str, Any] = await invocation.client().ask("log", args)
    except NoAgentRunning:
        return await asyncio.to_thread(read_page, invocation.settings().log_dir, args)
    return page


def _show(invocation: Invocation, line: Mapping[str, Any]) -> None:
    """As JSON one document a line: whoever follows cannot wait for the last one."""
    output = invocation.output
    if invocation.json:
        output.json_line(line)
        return
    rest = " ".join(
        f"{name}={value}" for name, value in line.items() if name not in _SAID_FIRST and value is not None
    )
    at = str(line.get("timestamp", ""))[:19].replace("T", " ")
    text = f"{at}Z {line.get('level', ''):<7} {line.get('event', '')}  {rest}"
    output.line(text.rstrip(), colour=COLOURS.get(str(line.get("level"))))
    for traced in str(line.get("exception") or "").splitlines():
        output.line(f"    {traced.strip()}" if traced.strip() else "")


def _args(filters: Mapping[str, str | None]) -> dict[str, Any]:
    moments = {name: _moment(filters[name], name) for name in ("since", "until") if filters.get(name)}
    return {name: value for name, value in {**filters, **moments}.items() if value is not None}


def _moment(text: str | None, option: str) -> str:
    """A moment, or how long ago, as the call wants it."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.configuration.units import parse_duration  # noqa: PLC0415

    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        try:
            moment = SystemClock().utcnow() - parse_duration(text)
        except ValueError:
            raise ConfigurationError(
                f"{text!r} is no moment and no duration",
                where=f"--{option}",
                hint="Such as 30m, 2h, 2026-01-31 or 2026-01-31T10:00:00Z.",
            ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _seconds(span: str | None) -> int:
    from agent.configuration.units import parse_duration  # noqa: PLC0415 - pydantic

    if span is None:
        return 0
    try:
        return max(1, round(parse_duration(span).total_seconds()))  # 0 would be for as long as the agent runs
    except ValueError as error:
        raise ConfigurationError(str(error), where="--for", hint="Such as 30m or 2h.") from None
