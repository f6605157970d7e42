"""`groundwire commands`, `pause` and `resume`: by the running agent, or on its files where none runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from agent.commandline.exits import ExitCode
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options

if TYPE_CHECKING:
    from agent.settings import Settings

STATES = (
    "received",
    "started",
    "succeeded",
    "failed",
    "in_doubt",
    "refused",
    "expired",
    "cancelled",
)


@click.group()
def commands() -> None:
    """What the relay has asked this agent to do, and what became of it."""


@commands.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True)
@shared_options
@json_option
@pass_invocation
def list_commands(invocation: Invocation, state: str | None, limit: int) -> None:
    """List commands, the newest first."""
    found = _ask(invocation, "commands", {"state": state, "limit": limit})["commands"]
    rows = [
        [one["id"], one["name"], one["connection"], one["state"], one["code"], one["received_at"]]
        for one in found
    ]
    invocation.output.table(["ID", "NAME", "CONNECTION", "STATE", "CODE", "RECEIVED"], rows)
    if not found:
        invocation.output.line("No commands.")
    invocation.output.document({"commands": found})


@commands.command()
@click.argument("command_id", metavar="ID")
@shared_options
@json_option
@pass_invocation
def show(invocation: Invocation, command_id: str) -> None:
    """Show one command with what was asked and answered. It may hold values of your business."""
    found = _ask(invocation, "command", {"id": command_id})
    for name, value in found.items():
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        if text is not None:
            invocation.output.line(f"{name.replace('_', ' ')}: {text}")
    if found["state"] == "in_doubt":
        invocation.output.line(
            "What to do: look in the system whether it was carried out, then"
            f" `groundwire commands settle {command_id} succeeded` or `... failed`.",
            colour="yellow",
        )
    invocation.output.document(found)


@commands.command()
@click.argument("command_id", metavar="ID")
@click.argument("state", type=click.Choice(["succeeded", "failed"]))
@click.option("--reference", help="The number that the system gave it; told to the platform.")
@click.option("--note", help="How you know; stays here, in the audit log.")
@shared_options
@json_option
@pass_invocation
def settle(
    invocation: Invocation, command_id: str, state: str, reference: str | None, note: str | None
) -> None:
    """Say what became of a command in doubt, after having looked in the system."""
    args = {"id": command_id, "state": state, "reference": reference, "note": note}
    found = _ask(invocation, "settle_command", args)
    invocation.output.line(f"{command_id} is settled as {found['state']}.")
    invocation.output.document(found)


@commands.command()
@click.argument("command_id", metavar="ID")
@shared_options
@json_option
@pass_invocation
def cancel(invocation: Invocation, command_id: str) -> None:
    """End a command that waits or runs; a write that has begun is not ended."""
    found = _ask(invocation, "cancel_command", {"id": command_id})
    cancelled = found["state"] == "cancelled"
    if cancelled:
        invocation.output.line(f"{command_id} is cancelled.")
    else:
        invocation.output.line(f"{command_id}: too late, it is {found['state']}.", colour="red")
    invocation.output.document(found)
    click.get_current_context().exit(ExitCode.OK if cancelled else ExitCode.FAILED)


@click.command()
@click.argument("connection")
@shared_options
@json_option
@pass_invocation
def pause(invocation: Invocation, connection: str) -> None:
    """Let nothing of a connection run until `resume`, also after a restart. What is enqueued still travels."""
    invocation.output.document(_ask(invocation, "pause", {"connection": connection}))
    invocation.output.line(f"{connection} is paused. `groundwire resume {connection}` lets it run again.")


@click.command()
@click.argument("connection")
@shared_options
@json_option
@pass_invocation
def resume(invocation: Invocation, connection: str) -> None:
    """Let a paused connection run again; it goes on where it stopped."""
    invocation.output.document(_ask(invocation, "resume", {"connection": connection}))
    invocation.output.line(f"{connection} runs again.")


def _ask(invocation: Invocation, call: str, args: Mapping[str, Any]) -> dict[str, Any]:
    invocation.quiet_logging()
    answer: dict[str, Any] = run_async(_answer(invocation.settings(), call, args))
    return answer


async def _answer(settings: Settings, call: str, args: Mapping[str, Any]) -> Any:
    from agent.control import ControlClient, is_running  # noqa: PLC0415 - heavy

    if await is_running(settings.state_dir):
        return await ControlClient(settings.state_dir).ask(call, args)
    return await _without_agent(settings, call, dict(args))


async def _without_agent(settings: Settings, call: str, args: dict[str, Any]) -> Any:
    """On the files themselves; what is changed is told to the relay when the agent runs."""
    from agent.audit.log import open_trail  # noqa: PLC0415
    from agent.audit.who import current_actor  # noqa: PLC0415
    from agent.calls.commands import CommandCalls  # noqa: PLC0415
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.commands.executor import Executor  # noqa: PLC0415
    from agent.outbox.limits import OUTBOX_FILE  # noqa: PLC0415
    from agent.outbox.store import Outbox  # noqa: PLC0415

    clock = SystemClock()
    async with (
        await Outbox.open(settings.state_dir / OUTBOX_FILE, clock=clock) as outbox,
        open_trail(settings.state_dir, clock, settings.audit.retention) as trail,
    ):
        executor = Executor(outbox.journal, [], clock, trail, _to_nobody)
        calls = CommandCalls(executor, outbox.journal, _Configured(settings, outbox), trail, current_actor)
        return await calls.handlers()[call](args, lambda _: None)


async def _to_nobody(_command: str, _state: str, _result: Mapping[str, Any]) -> None:
    """Without an agent there is no tunnel; the journal keeps the answer for it."""


class _Configured:
    """The connections of the files, to be paused while no agent runs."""

    def __init__(self, settings: Settings, outbox: Any) -> None:
        self._settings = settings
        self._outbox = outbox

    async def pause(self, name: str) -> None:
        await self._outbox.pause(self._known(name))

    async def resume(self, name: str) -> None:
        await self._outbox.resume(self._known(name))

    def _known(self, name: str) -> str:
        from agent.commandline.drivers import find_connection  # noqa: PLC0415 - heavy

        return find_connection(self._settings, name).name
