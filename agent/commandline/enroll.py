"""`groundwire enroll`: make this agent known to a relay."""

from __future__ import annotations

from pathlib import Path

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options


@click.command()
@click.argument("url", metavar="wss://RELAY")
@click.argument("code", required=False)
@click.option("--name", help="How the relay calls this agent. Default: [agent] name.")
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Own certificate authority. Default: [relay] ca_file.",
)
@click.option("--replace", is_flag=True, help="Give up the identity that this agent has now.")
@shared_options
@json_option
@pass_invocation
def enroll(
    invocation: Invocation,
    url: str,
    code: str | None,
    name: str | None,
    ca_file: Path | None,
    *,
    replace: bool,
) -> None:
    """Enrol this agent at a relay with a one-time code; without CODE it is asked for."""
    if code is None:
        code = click.prompt("Code", hide_input=False, err=True)
    identity = run_async(_enroll(invocation, url, code, name, ca_file, replace=replace))
    invocation.output.line(f"Enrolled as {identity['agent']} at {identity['relay_url']}.")
    if ca_file is not None:
        invocation.output.line('Name the same authority in agent.toml: [relay] ca_file = "..."')
    invocation.output.document(identity)


async def _enroll(
    invocation: Invocation, url: str, code: str, name: str | None, ca_file: Path | None, *, replace: bool
) -> dict[str, str]:
    from agent.audit.log import open_trail  # noqa: PLC0415
    from agent.audit.who import current_actor  # noqa: PLC0415
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.control import is_running  # noqa: PLC0415
    from agent.errors import AlreadyRunning, NeedsPersonError  # noqa: PLC0415
    from agent.identity import IdentityStore  # noqa: PLC0415
    from agent.relay_address import proxy_of  # noqa: PLC0415 - heavy
    from agent.tunnel.enroll import enroll as enroll_at  # noqa: PLC0415
    from agent.version import SOFTWARE  # noqa: PLC0415

    settings = invocation.settings()
    known = IdentityStore(settings.state_dir)
    if known.path.exists() and not replace:
        raise NeedsPersonError(
            "this agent is enrolled already",
            where=str(known.path),
            hint="Repeat with --replace to give that identity up.",
        )
    if await is_running(settings.state_dir):
        raise AlreadyRunning(where=str(settings.state_dir), hint="Stop the agent, enrol, and start it again.")
    trusted = ca_file or (Path(settings.relay.ca_file) if settings.relay.ca_file else None)
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    actor = current_actor()
    async with open_trail(settings.state_dir, SystemClock(), settings.audit.retention) as trail:
        await trail.record("local_action", actor, {"call": "enroll", "relay": url, "replace": replace})
        identity = await enroll_at(
            url,
            code,
            name or settings.agent.name,
            settings.state_dir,
            software=SOFTWARE,
            ca_file=trusted,
            proxy=proxy_of(settings),
        )
        facts = {"agent": identity.agent, "tenant": identity.tenant, "relay": identity.relay_url}
        await trail.happened("enrolled", actor, facts)
    return {"agent": identity.agent, "tenant": identity.tenant, "relay_url": identity.relay_url}
