"""`groundwire check`: every hop to the relay and to each source, every stream, and what to do about what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agent.commandline.exits import ExitCode, code_of, code_of_many
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.commandline.output import step_line
from agent.errors import ConfigurationError, GroundwireError, NeedsPersonError

if TYPE_CHECKING:
    from agent.settings import ConnectionSettings, Settings


@click.command()
@click.argument("connections", nargs=-1)
@click.option("--no-relay", is_flag=True, help="Leave the way to the relay out.")
@shared_options
@json_option
@pass_invocation
def check(invocation: Invocation, connections: tuple[str, ...], *, no_relay: bool) -> None:
    """Test the way to the relay and each connection (or the named ones), hop by hop, and every stream.

    Works with and without a running agent; a running one tests its connections itself, with its own environment.
    """
    invocation.quiet_logging()
    parts = run_async(_check(invocation, connections, with_relay=not no_relay))
    for part in parts:
        invocation.output.line(part["name"], bold=True)
        for step in part["steps"]:
            step_line(
                invocation.output, ok=step["ok"], name=step["name"], detail=step["detail"], hint=step["hint"]
            )
    invocation.output.document({"ok": all(part["ok"] for part in parts), "parts": parts})
    click.get_current_context().exit(code_of_many(ExitCode(part["exit_code"]) for part in parts))


async def _check(invocation: Invocation, names: tuple[str, ...], *, with_relay: bool) -> list[dict[str, Any]]:
    from agent.commandline.drivers import find_connection  # noqa: PLC0415 - heavy
    from agent.control import is_running  # noqa: PLC0415

    settings = invocation.settings()
    chosen = list(names) or [
        *(name for name, connection in settings.connections.items() if connection.enabled),
        *(broken.name for broken in settings.broken),
    ]
    running = await is_running(settings.state_dir)
    parts = (
        [await _part("relay", _relay_steps(settings, running=running))] if with_relay and not names else []
    )
    for name in chosen:
        find = find_connection if name in names else None
        if find is not None and not _is_known(settings, name):
            find(settings, name)  # a name that does not exist is no check that failed
        parts.append(await _part(name, _connection_steps(settings, name, running=running)))
    return parts


def _is_known(settings: Settings, name: str) -> bool:
    return name in settings.connections or any(broken.name == name for broken in settings.broken)


async def _part(name: str, work: Any) -> dict[str, Any]:
    """Run one part's steps; an error becomes the step that failed, and the failed steps decide the exit code."""
    try:
        steps = await work
        code = code_of_many(_code_of_step(step) for step in steps if not step["ok"])
    except GroundwireError as error:
        code = code_of(error)
        place = error.code.replace("_", " ")
        steps = [{"name": place, "ok": False, "detail": str(error), "hint": error.hint, "code": error.code}]
    return {"name": name, "ok": code is ExitCode.OK, "exit_code": int(code), "steps": steps}


def _code_of_step(step: dict[str, Any]) -> ExitCode:
    from agent.control import error_from  # noqa: PLC0415 - heavy

    return code_of(error_from(step))


async def _relay_steps(settings: Settings, *, running: bool) -> list[dict[str, Any]]:
    import asyncio  # noqa: PLC0415 - loaded already by whoever called this
    from dataclasses import asdict  # noqa: PLC0415

    from agent.identity import IdentityStore  # noqa: PLC0415
    from agent.relay_address import endpoint_of  # noqa: PLC0415 - heavy
    from agent.tunnel.diagnose import check_tunnel  # noqa: PLC0415

    store = IdentityStore(settings.state_dir)
    enrolled: dict[str, Any]
    try:
        identity = await asyncio.to_thread(store.load)
    except NeedsPersonError as error:
        enrolled = {
            "name": "identity",
            "ok": False,
            "detail": error.message,
            "hint": error.hint,
            "code": error.code,
        }
        if settings.relay.url is None:
            return [enrolled]
        url = settings.relay.url
    else:
        enrolled = {"name": "identity", "ok": True, "detail": f"enrolled as {identity.agent}", "hint": ""}
        url = identity.relay_url
    hops = await check_tunnel(endpoint_of(settings, url))
    steps = [enrolled, *(asdict(hop) for hop in hops)]
    # Whether the relay takes this agent shows only to who signs in, and that is the agent's own business.
    return [*steps, await _session_step(settings)] if running and all(step["ok"] for step in steps) else steps


async def _session_step(settings: Settings) -> dict[str, Any]:
    from agent.control import ControlClient  # noqa: PLC0415 - heavy

    link = (await ControlClient(settings.state_dir).ask("status"))["relay"]
    error = link.get("error")
    if error:
        return {"name": "session", "ok": False, **error, "detail": error["message"]}
    last_ack = link["last_ack"] or "never"
    return {
        "name": "session",
        "ok": True,
        "detail": f"{link['phase']} since {link['since']}; last ack {last_ack}",
        "hint": "",
    }


async def _connection_steps(settings: Settings, name: str, *, running: bool) -> list[dict[str, Any]]:
    from dataclasses import asdict  # noqa: PLC0415

    from agent.checking import check_connection  # noqa: PLC0415 - heavy
    from agent.commandline.drivers import as_in_force, find_connection, hosted  # noqa: PLC0415
    from agent.control import ControlClient  # noqa: PLC0415

    connection = find_connection(settings, name)
    if running and connection.enabled:
        steps: list[dict[str, Any]] = (
            await ControlClient(settings.state_dir).ask("check", {"connection": name})
        )["steps"]
        return [*steps, _policy_step(settings, connection)]
    async with hosted(settings, connection) as driver:
        amended = as_in_force(settings, connection)
        steps = [asdict(step) for step in await check_connection(driver, amended)]
        return [*steps, _policy_step(settings, connection)]


def _policy_step(settings: Settings, connection: ConnectionSettings) -> dict[str, Any]:
    """What may leave of the connection. That nothing may is no fault; that nobody can tell is one."""
    from agent.configuration.policy_file import read_policy  # noqa: PLC0415
    from agent.policies.notes import agent_user  # noqa: PLC0415 - heavy
    from agent.policy.model import POLICY_FILE  # noqa: PLC0415

    entities = sorted({stream.entity for stream in connection.streams.values()})
    asked = f"`groundwire policy suggest {connection.name}` prints what would let it"
    if not (settings.config_dir / POLICY_FILE).exists():
        return _policy_word(f"there is no {POLICY_FILE}, so nothing leaves and no stream runs; {asked}")
    try:
        found = read_policy(settings.config_dir, user=agent_user(settings))
    except ConfigurationError as error:
        return {**_policy_word(str(error), hint=error.hint), "ok": False, "code": error.code}
    leaving = [entity for entity in entities if found.leave(connection.name, entity) is not None]
    staying = [entity for entity in entities if entity not in leaving]
    if not leaving:
        return _policy_word(f"nothing may leave, so no stream runs; {asked}")
    rest = f"; nothing of {', '.join(staying)}" if staying else ""
    return _policy_word(f"{', '.join(leaving)} may leave{rest}")


def _policy_word(detail: str, *, hint: str = "") -> dict[str, Any]:
    return {"name": "policy", "ok": True, "detail": detail, "hint": hint}
