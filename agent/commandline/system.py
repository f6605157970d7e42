"""`groundwire system`: the systems that are known, and what their administrators have to grant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, shared_options
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from drivers.authorisations import Grant
    from drivers.contract import StreamSpec


@click.group()
def system() -> None:
    """The systems whose tables and functions are known: list them, and what to ask their administrators for."""


@system.command("list")
@shared_options
@json_option
@pass_invocation
def list_systems(invocation: Invocation) -> None:
    """List the systems that a connection file may name."""
    from agent.systems import known, profile  # noqa: PLC0415 - heavy

    found = [
        {"system": name, "driver": read.get("driver", ""), "streams": sorted(_enabled(read))}
        for name in known(invocation.config_dir)
        for read in [profile(name, config_dir=invocation.config_dir)]
    ]
    invocation.output.table(
        ("SYSTEM", "DRIVER", "STREAMS"),
        [(each["system"], each["driver"], ", ".join(each["streams"])) for each in found],
    )
    invocation.output.document({"systems": found})


@system.command("authorisations")
@click.argument("name", metavar="SYSTEM")
@click.option("--read-only", is_flag=True, help="Leave out what only writes need.")
@shared_options
@json_option
@pass_invocation
def authorisations(invocation: Invocation, name: str, *, read_only: bool) -> None:
    """Print what the administrator of SYSTEM has to grant: what its profile calls and reads, and nothing else."""
    found = _grants(invocation, name, read_only=read_only)
    invocation.output.table(
        ("OBJECT", "FIELDS", "VALUE", "FOR"),
        [(each.object, each.fields, " or ".join(each.values), _purpose(each)) for each in found],
    )
    invocation.output.document(
        {
            "system": name,
            "grants": [
                {
                    "object": each.object,
                    "fields": each.fields,
                    "anyOf": list(each.values),
                    "readBy": list(each.read_by),
                    "writtenBy": list(each.written_by),
                }
                for each in found
            ],
        }
    )


def _grants(invocation: Invocation, name: str, *, read_only: bool) -> tuple[Grant, ...]:
    from agent.systems import profile  # noqa: PLC0415 - heavy
    from drivers.authorisations import grants_of  # noqa: PLC0415 - heavy
    from drivers.contract import DriverError  # noqa: PLC0415 - heavy

    read = profile(name, config_dir=invocation.config_dir)
    try:
        streams = list(_streams(read, read_only=read_only))
        found = grants_of(read["driver"], streams, read.get("options", {}))
    except DriverError as error:
        raise ConfigurationError(error.message, where=error.where, hint=error.hint) from error
    if found is None:
        raise ConfigurationError(
            f"no list of authorisations is known for {name}",
            hint=f"What its user needs stands in docs/systems/{name}.md or on the page of the driver {read['driver']}.",
        )
    return found


def _streams(read: dict[str, Any], *, read_only: bool) -> Iterator[StreamSpec]:
    from drivers.contract import StreamSpec  # noqa: PLC0415 - heavy

    for name, table in _enabled(read).items():
        write = {} if read_only else table.get("write", {})
        yield StreamSpec(name, table["entity"], table.get("read", {}), write=write)


def _enabled(read: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: table for name, table in read.get("streams", {}).items() if table.get("enabled", True)}


def _purpose(grant: Grant) -> str:
    written = [f"{name} (write)" for name in grant.written_by]
    return ", ".join([*grant.read_by, *written]) or "always"
