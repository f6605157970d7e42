"""`groundwire discover`: what a source has to read."""

from __future__ import annotations

from typing import Any

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options


@click.command()
@click.argument("connection")
@click.argument("table", required=False)
@click.option(
    "--propose", is_flag=True, help="Print streams for the connection file, guessed from the names."
)
@click.option("--add", is_flag=True, help="With --propose: add them to the connection's file.")
@shared_options
@json_option
@pass_invocation
def discover(invocation: Invocation, connection: str, table: str | None, *, propose: bool, add: bool) -> None:
    """List the tables of CONNECTION, or the columns of those whose name contains TABLE."""
    if (propose and table is not None) or (add and not propose):
        raise click.UsageError("--propose looks at all tables; --add goes with --propose.")
    invocation.quiet_logging()
    if propose:
        from agent.commandline.propose import show_proposal  # noqa: PLC0415 - heavy

        show_proposal(invocation, connection, add=add)
        return
    tables = run_async(read_catalogue(invocation, connection))
    if table is not None:
        tables = [one for one in tables if table.lower() in one["name"].lower()]
        for one in tables:
            _show_columns(invocation, one)
    else:
        rows = [
            [one["name"], len(one["columns"]), ", ".join(one["key"]), one["replication_key"], one["rows"]]
            for one in tables
        ]
        invocation.output.table(["TABLE", "COLUMNS", "KEY", "CHANGE COLUMN", "ROWS (ESTIMATE)"], rows)
    if not tables:
        invocation.output.line("Nothing found.")
    invocation.output.document({"tables": tables})


def _show_columns(invocation: Invocation, table: dict[str, Any]) -> None:
    invocation.output.line(table["name"], bold=True)
    rows = [
        [column["name"], column["type"], column["nullable"], column["name"] in table["key"]]
        for column in table["columns"]
    ]
    invocation.output.table(["COLUMN", "TYPE", "MAY BE EMPTY", "KEY"], rows)


async def read_catalogue(invocation: Invocation, name: str) -> list[dict[str, Any]]:
    from dataclasses import asdict  # noqa: PLC0415

    from agent.commandline.drivers import find_connection, hosted  # noqa: PLC0415 - heavy
    from agent.control import ControlClient, is_running  # noqa: PLC0415

    settings = invocation.settings()
    connection = find_connection(settings, name)
    if connection.enabled and await is_running(settings.state_dir):
        catalogue = await ControlClient(settings.state_dir).ask("discover", {"connection": name})
    else:
        async with hosted(settings, connection) as driver:
            catalogue = asdict(await driver.discover())
    return list(catalogue["tables"])
