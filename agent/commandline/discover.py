"""`groundwire discover`: what a source has to read."""

from __future__ import annotations

from typing import Any

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options


@click.command()
@click.argument("connection")
@click.argument("table", required=False)
@shared_options
@json_option
@pass_invocation
def discover(invocation: Invocation, connection: str, table: str | None) -> None:
    """List the tables of CONNECTION, or the columns of those whose name contains TABLE."""
    invocation.quiet_logging()
    tables = run_async(_discover(invocation, connection))
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


async def _discover(invocation: Invocation, name: str) -> list[dict[str, Any]]:
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
