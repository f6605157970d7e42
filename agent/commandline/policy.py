"""`groundwire policy`: what may leave, be written and be done, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.commandline.exits import ExitCode
from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from agent.policy.decision import Decision
    from agent.policy.explain import Explanation, FieldWord
    from agent.policy.model import Policy
    from agent.settings import ConnectionSettings, Settings


@click.group()
def policy() -> None:
    """What may leave this host, be written and be done: show it, check it, ask why."""


@policy.command("show")
@shared_options
@json_option
@pass_invocation
def show(invocation: Invocation) -> None:
    """Print what policy.toml allows, connection by connection."""
    from agent.configuration.policy_file import read_policy  # noqa: PLC0415 - heavy
    from agent.policies.notes import agent_user  # noqa: PLC0415

    found = read_policy(invocation.config_dir, user=agent_user(invocation.settings()))
    output = invocation.output
    if found.file.commands:
        output.line(f"agent: commands {', '.join(found.file.commands)}")
    for name, rule in found.file.connections.items():
        output.line(name, bold=True)
        output.line(f"  commands: {', '.join(rule.commands) or 'none'}")
        for quiet in rule.quiet_hours:
            output.line(f"  quiet: {quiet} {rule.time_zone}")
        for entity, leave in rule.leave.items():
            output.line(f"  {entity} leaves: {_said(leave)}")
        for entity, write in rule.write.items():
            output.line(f"  {entity} may be written: {_said(write)}")
    output.document({"sha256": found.digest, **_dump(found.file)})


@policy.command("check")
@shared_options
@json_option
@pass_invocation
def check(invocation: Invocation) -> None:
    """Read policy.toml as the agent does, and compare it with the connections that are configured."""
    from agent.configuration.policy_file import read_policy  # noqa: PLC0415 - heavy
    from agent.policies.notes import agent_user, notes_of, owner_notes  # noqa: PLC0415

    found = read_policy(invocation.config_dir, user=agent_user(invocation.settings()))
    settings = invocation.settings()
    notes = [*owner_notes(invocation.config_dir), *notes_of(found, settings)]
    for note in notes:
        invocation.output.line(f"note: {note}")
    in_force = run_async(_in_force(settings))
    if in_force is not None and in_force["sha256"] != found.digest:
        notes.append("the running agent has another policy in force; it takes a changed file within seconds")
        invocation.output.line(f"note: {notes[-1]}")
    invocation.output.line(f"policy.toml: ok (sha256 {found.digest})")
    invocation.output.document({"ok": True, "sha256": found.digest, "notes": notes, "in_force": in_force})


@policy.command("suggest")
@click.argument("connection")
@shared_options
@pass_invocation
def suggest(invocation: Invocation, connection: str) -> None:
    """Print the tables that let everything leave that CONNECTION reads: paste them, and take out what should not."""
    from agent.commandline.drivers import find_connection  # noqa: PLC0415 - heavy
    from agent.policy.suggest import suggestion  # noqa: PLC0415

    found = find_connection(invocation.settings(), connection)
    text = suggestion(connection, [stream.entity for stream in found.streams.values()])
    for line in text.splitlines():
        invocation.output.line(line)


@policy.command("explain")
@click.argument("connection")
@click.argument("entity", required=False)
@click.argument("key", required=False)
@click.option("--command", "name", metavar="NAME", help="Would this command of the relay be taken now?")
@click.option("--write", "operation", metavar="OPERATION", help="Would this write of ENTITY be allowed?")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="What the write wants to set: a JSON object.",
)
@click.option(
    "--whole",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The record as it would stand after an update, for limits on amounts.",
)
@click.option("--writes", type=click.IntRange(0), default=0, help="How many writes the last hour had.")
@shared_options
@json_option
@pass_invocation
def explain(
    invocation: Invocation,
    connection: str,
    entity: str | None,
    key: str | None,
    name: str | None,
    operation: str | None,
    record: Path | None,
    whole: Path | None,
    writes: int,
) -> None:
    """Would this leave, be done or be written, and why? Exit code 0: yes, 4: no.

    CONNECTION ENTITY KEY reads the record now and says what becomes of each of its fields; without KEY only the fields
    of ENTITY are explained.
    """
    from agent.clock import SystemClock  # noqa: PLC0415 - heavy
    from agent.configuration.policy_file import policy_in  # noqa: PLC0415
    from agent.policies.explaining import refuse_unknown  # noqa: PLC0415
    from agent.policies.notes import agent_user  # noqa: PLC0415
    from agent.policy.decide import decide_command, decide_write  # noqa: PLC0415
    from agent.policy.names import AGENT_COMMANDS  # noqa: PLC0415

    invocation.quiet_logging()
    found, now = (
        policy_in(invocation.config_dir, user=agent_user(invocation.settings())),
        SystemClock().utcnow(),
    )
    refuse_unknown(
        invocation.settings(), found, connection=connection, command=name, entity=entity, operation=operation
    )
    if name is not None:
        whose = "" if name in AGENT_COMMANDS else connection
        _tell(invocation, decide_command(found, whose, name, now), (), now)
        return
    if entity is None:
        raise ConfigurationError("there is nothing to explain", hint="Name an ENTITY, or --command NAME.")
    if operation is None:
        _tell_record(invocation, run_async(_explained(invocation, found, connection, entity, key)))
        return
    from agent.policy.explain import explain_write  # noqa: PLC0415

    given = _object(record) if record is not None else {}
    stands = _object(whole) if whole is not None else None
    decision = decide_write(found, connection, entity, operation, given, now, writes, whole=stands)
    _tell(invocation, decision, explain_write(found, connection, entity, given), now)


def _tell(invocation: Invocation, decision: Decision, fields: tuple[FieldWord, ...], now: datetime) -> None:
    output = invocation.output
    output.line(f"{'allowed' if decision.allowed else 'refused'}: {decision.why}", bold=True)
    output.line(f"  rule: {decision.rule or 'none'}")
    if not decision.allowed:
        output.line(f"  code: {decision.code}")
    _field_table(invocation, fields)
    document = {**asdict(decision), "fields": [asdict(one) for one in fields], "at": now.isoformat()}
    output.document({**document, "refused_fields": list(decision.fields)})
    click.get_current_context().exit(ExitCode.OK if decision.allowed else ExitCode.NEEDS_PERSON)


def _tell_record(invocation: Invocation, found: Explanation) -> None:
    output = invocation.output
    output.line(f"{'leaves' if found.allowed else 'stays here'}: {found.why}", bold=True)
    output.line(f"  rule: {found.rule or 'none'}")
    _field_table(invocation, found.fields)
    output.document(asdict(found))
    click.get_current_context().exit(ExitCode.OK if found.allowed else ExitCode.NEEDS_PERSON)


def _field_table(invocation: Invocation, fields: tuple[FieldWord, ...]) -> None:
    rows = [[one.path, one.what, one.why, one.rule.rpartition(": ")[0]] for one in fields]
    invocation.output.table(["FIELD", "WHAT", "WHY", "RULE"], rows)


async def _explained(
    invocation: Invocation, found: Policy, connection: str, entity: str, key: str | None
) -> Explanation:
    from agent.policy.explain import explain_record  # noqa: PLC0415 - heavy

    document = None
    if key is not None:
        from agent.commandline.drivers import find_connection  # noqa: PLC0415

        settings = invocation.settings()
        document = await _record(settings, find_connection(settings, connection), entity, key)
    return explain_record(found, connection, entity, document)


async def _record(
    settings: Settings, connection: ConnectionSettings, entity: str, key: str
) -> dict[str, Any]:
    from agent.commandline.drivers import hosted  # noqa: PLC0415 - heavy
    from agent.control import ControlClient, is_running  # noqa: PLC0415
    from agent.policies.explaining import read_document  # noqa: PLC0415

    if connection.enabled and await is_running(settings.state_dir):
        args = {"connection": connection.name, "entity": entity, "key": key}
        return dict((await ControlClient(settings.state_dir).ask("policy_record", args))["record"])
    async with hosted(settings, connection) as driver:
        return await read_document(driver, connection, entity, key)


async def _in_force(settings: Settings) -> dict[str, Any] | None:
    from agent.control import ControlClient, is_running  # noqa: PLC0415 - heavy

    if not await is_running(settings.state_dir):
        return None
    return dict(await ControlClient(settings.state_dir).ask("policy_state"))


def _said(rule: Any) -> str:
    """The keys of a rule that say something."""
    said = _dump(rule)
    return (
        "; ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in said.items())
        or "nothing"
    )


def _dump(rule: Any) -> dict[str, Any]:
    return dict(rule.model_dump(mode="json", by_alias=True, exclude_defaults=True))


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError("cannot be read as JSON", where=str(path)) from error
    if not isinstance(value, dict):
        raise ConfigurationError("is no JSON object", where=str(path))
    return value
