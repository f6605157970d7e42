"""`groundwire relay`: the central side, for those who run one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation
from agent.errors import GroundwireError

if TYPE_CHECKING:
    from types import ModuleType

_FILE = click.Path(path_type=Path)


@click.group()
def relay() -> None:
    """Run a relay, and give agents and platforms access to it."""


@relay.command("init")
@click.argument("folder", type=_FILE)
@click.option("--host", "hosts", multiple=True, help="Name or address agents reach it by; may be repeated.")
@click.option("--tenant", default="default", show_default=True)
@click.option("--gateway-port", default=8443, show_default=True, type=click.IntRange(0, 65535))
@click.option("--api-port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@json_option
@pass_invocation
def init(
    invocation: Invocation,
    folder: Path,
    hosts: tuple[str, ...],
    tenant: str,
    gateway_port: int,
    api_port: int,
) -> None:
    """Make a relay's folder: relay.toml, certificates, a tenant and its first API token."""
    commands = _commands()
    made = commands.initialise(
        folder,
        hosts=hosts or commands.DEFAULT_HOSTS,
        tenant=tenant,
        gateway_port=gateway_port,
        api_port=api_port,
    )
    output = invocation.output
    output.line(f"Made {made.config}.")
    output.line(f"Certificate authority, for the agents: {made.ca}")
    output.line(f"API token of tenant {made.tenant}, shown this once: {made.token.text}")
    output.document(
        {"config": str(made.config), "ca": str(made.ca), "tenant": made.tenant, "token": made.token.text}
    )


@relay.command("run")
@click.argument("config", type=_FILE)
@click.option(
    "--log-format", type=click.Choice(["auto", "json", "console"]), default="auto", show_default=True
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Least level that is logged; debug has a line for each batch.",
)
def run(config: Path, log_format: str, log_level: str) -> None:
    """Run the relay of CONFIG, a relay.toml or its folder, until Ctrl-C or SIGTERM."""
    from agent.telemetry.logging import configure_logging  # noqa: PLC0415 - heavy

    commands = _commands()
    configure_logging(format=log_format, level=log_level)  # type: ignore[arg-type]  # click has checked both
    commands.run(_config_file(config))


@relay.group("token")
def token() -> None:
    """Tokens with which platforms use the API."""


@token.command("create")
@click.argument("config", type=_FILE)
@click.option("--tenant", default="default", show_default=True, help="Made if it is new.")
@click.option("--name", default="cli", show_default=True, help="What the token is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "command", "enrol", "webhooks", "manage"]),
    default=["read"],
    show_default=True,
    help="What it may do; may be repeated: see docs/accounts.md.",
)
@click.option("--days", type=click.IntRange(1, 3_650), help="It ends after so many. Without it, it lasts.")
@json_option
@pass_invocation
def create_token(
    invocation: Invocation, config: Path, tenant: str, name: str, scopes: tuple[str, ...], days: int | None
) -> None:
    """Print a new API token, once. The relay may be running."""
    made = _commands().add_token(_config_file(config), tenant=tenant, name=name, scopes=scopes, days=days)
    invocation.output.line(made.text)
    invocation.output.document(
        {"tenant": tenant, "name": name, "scopes": sorted(set(scopes)), "token": made.text}
    )


@relay.group("code")
def code() -> None:
    """One-time codes with which agents enrol."""


@code.command("create")
@click.argument("config", type=_FILE)
@click.option("--tenant", default="default", show_default=True)
@click.option("--agent", help="Only for the agent of this name, whose identity the newcomer takes over.")
@click.option("--lifetime", default="1h", show_default=True, help="How long it may be used, such as 30m.")
@json_option
@pass_invocation
def create_code(invocation: Invocation, config: Path, tenant: str, agent: str | None, lifetime: str) -> None:
    """Print a new enrolment code, once. The relay may be running."""
    from agent.configuration.units import parse_duration  # noqa: PLC0415 - only here

    try:
        duration = parse_duration(lifetime)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--lifetime") from error
    shown = _commands().add_code(_config_file(config), tenant=tenant, agent_name=agent, lifetime=duration)
    invocation.output.line(shown)
    invocation.output.document({"tenant": tenant, "code": shown, "lifetime": lifetime})


@relay.group("admin-key")
def admin_key() -> None:
    """Keys with which the operator has tenants administered over the API."""


@admin_key.command("create")
@click.argument("config", type=_FILE)
@click.option("--name", default="operator", show_default=True, help="Who or what it is for.")
@json_option
@pass_invocation
def create_admin_key(invocation: Invocation, config: Path, name: str) -> None:
    """Print a new admin key, once. It opens every tenant. The relay may be running."""
    made = _commands().add_admin_key(_config_file(config), name=name)
    invocation.output.line(made.text)
    invocation.output.document({"name": name, "key": made.text})


@admin_key.command("list")
@click.argument("config", type=_FILE)
@json_option
@pass_invocation
def list_admin_keys(invocation: Invocation, config: Path) -> None:
    """Show the admin keys, without their secrets."""
    keys = _commands().admin_keys(_config_file(config))
    rows = [[key["id"], key["name"], key["lastUsedAt"] or "never", key["revokedAt"] or ""] for key in keys]
    invocation.output.table(["ID", "NAME", "LAST USED", "REVOKED"], rows)
    invocation.output.document({"keys": keys})


@admin_key.command("revoke")
@click.argument("config", type=_FILE)
@click.argument("key")
@json_option
@pass_invocation
def revoke_admin_key(invocation: Invocation, config: Path, key: str) -> None:
    """Revoke the admin key of this id, at once."""
    _commands().revoke_admin_key(_config_file(config), key)
    invocation.output.line(f"Revoked {key}.")
    invocation.output.document({"id": key})


@relay.group("audit")
def audit() -> None:
    """The relay's own audit log."""


@audit.command("verify")
@click.argument("config", type=_FILE)
@click.option(
    "--head",
    "heads",
    multiple=True,
    help="A head noted earlier, TENANT:N:HASH, or :N:HASH of the operator's chain; may be repeated.",
)
@json_option
@pass_invocation
def verify_audit(invocation: Invocation, config: Path, heads: tuple[str, ...]) -> None:
    """Check every line of every chain. Exit code 1 when something is not as it was written."""
    noted = {}
    for head in heads:
        tenant, _, rest = head.partition(":")
        number, _, digest = rest.partition(":")
        if not number.isdecimal() or not digest:
            raise click.BadParameter("is no TENANT:N:HASH", param_hint="--head")
        noted[tenant] = (int(number), digest)
    faults, found = _commands().verify_audit(_config_file(config), noted)
    for fault in faults:
        invocation.output.line(fault, colour="red")
    for tenant, (number, digest) in found.items():
        invocation.output.line(f"{tenant}:{number}:{digest}")
    invocation.output.document({"faults": faults, "heads": found})
    if faults:
        raise click.exceptions.Exit(1)


@relay.command("backup")
@click.argument("config", type=_FILE)
@click.argument("to", type=_FILE)
@json_option
@pass_invocation
def backup(invocation: Invocation, config: Path, to: Path) -> None:
    """Write a backup of the relay of CONFIG into the new folder TO. The relay may go on running."""
    made = _commands().back_up(_config_file(config), to)
    invocation.output.line(f"Backed up to {made.folder}, up to batch {made.position}.")
    for path in made.left_out:
        invocation.output.line(f"Not in it, for it lies outside of the relay's folder: {path}")
    invocation.output.document(
        {"folder": str(made.folder), "position": made.position, "leftOut": list(made.left_out)}
    )


@relay.command("restore")
@click.argument("source", metavar="FROM", type=_FILE)
@click.argument("folder", type=_FILE)
@click.option("--replace", is_flag=True, help="Move the store that is there aside.")
@json_option
@pass_invocation
def restore(invocation: Invocation, source: Path, folder: Path, *, replace: bool) -> None:
    """Put the backup FROM into the relay's FOLDER, new or there already. The relay must not be running."""
    done = _commands().restore(source, folder, replace=replace)
    invocation.output.line(
        f"Restored {done.store}, up to batch {done.position}, as it was at {done.taken_at}."
    )
    if done.moved_away is not None:
        invocation.output.line(f"The store that was there: {done.moved_away}")
    invocation.output.line(
        "Start the relay. Agents send again what it lacks; docs/relay-operations.md says what to look at."
    )
    invocation.output.document(
        {
            "store": str(done.store),
            "position": done.position,
            "takenAt": done.taken_at,
            "movedAway": None if done.moved_away is None else str(done.moved_away),
        }
    )


@relay.command("rebuild-index")
@click.argument("config", type=_FILE)
@json_option
@pass_invocation
def rebuild_index(invocation: Invocation, config: Path) -> None:
    """Make the lists of the relay of CONFIG anew from the stored batches; a running relay does it beside its work."""
    batches = _commands().rebuild_index(_config_file(config))
    begun = "The next relay that starts makes it." if batches is None else f"Begun, up to batch {batches}."
    invocation.output.line(f"The index is emptied. {begun} Until it is done, lists are answered with 503.")
    invocation.output.document({"upTo": batches})


def _config_file(path: Path) -> Path:
    return path / "relay.toml" if path.is_dir() else path


def _commands() -> ModuleType:
    try:
        from relay import commands  # noqa: PLC0415 - the relay's own dependencies are an extra
    except ModuleNotFoundError as error:
        missing = re.sub(r"[^A-Za-z0-9_.]", "", error.name or "")
        raise GroundwireError(
            f"the relay is not installed completely: {missing} is missing",
            hint="pip install 'groundwire[relay]'",
        ) from error
    from agent.telemetry.logging import configure_logging  # noqa: PLC0415 - heavy

    configure_logging()  # to standard error: what a command answers with stands alone in its output
    return commands
