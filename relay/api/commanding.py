"""From a request to a command, and from a command to its answer: what every route that asks agents has in common."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Body, Depends, Header, Query, Response

from agent.model.entities import ENTITIES
from agent.protocol.faults import MAX_CONTROL_BYTES, Fault, ProtocolFault
from relay import kinds
from relay.api.command_schemas import CommandOut, FieldFaultOut, NothingIn, StepOut, SyncIn
from relay.api.context import ApiContext, CommandingTenant, Context
from relay.api.problems import Problem, not_found
from relay.ids import new_id
from relay.kinds import DEADLINES, MAX_DEADLINE, MIN_DEADLINE
from relay.lifecycle import Command, CommandState, Step
from relay.store import roster
from relay.store.base import Admission, Connection
from relay.watch import MAX_WAIT_SECONDS
from relay.wire import check_frame

MAX_OPEN_COMMANDS: Final = 1_000  # of one tenant; what its agents do not get done must not fill the store
MAX_OPEN_WITH_CANCELS: Final = 2 * MAX_OPEN_COMMANDS  # so that a tenant with too many can cancel each
RETRY_SECONDS: Final = 30  # for a tenant with too many
MAX_FIELD_FAULTS: Final = 100  # shown of one command
MAX_TEXT: Final = 1_024
WAIT_APPLIED: Final = {"Preference-Applied": "wait"}
_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)

COMMAND_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": CommandOut,
        "description": "The command with its outcome, where `Prefer: wait` was asked for and it came in time.",
        "headers": {
            "Location": {"schema": {"type": "string"}},
            "Preference-Applied": {"schema": {"type": "string", "const": "wait"}},
        },
    },
    202: {
        "description": "The command is stored, and sent as soon as its agent is connected.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where its outcome will be."}},
    },
    409: {"description": "The idempotency key was used for another request."},
    413: {"description": "The command does not fit into one frame to its agent."},
    429: {"description": "The tenant has too many open commands."},
}

_KEY_TEXT: Final = (
    "Makes the request safe to repeat: the same key with the same request answers with the same command."
)
_Prefer = Annotated[
    str | None,
    Header(
        description="`wait=N`: answer with 200 and the outcome if it comes within N seconds, 30 at most. Nothing is "
        "waited for while the agent is not connected."
    ),
]
_Deadline = Annotated[
    int | None,
    Query(
        alias="deadlineSeconds",
        ge=int(MIN_DEADLINE.total_seconds()),
        le=int(MAX_DEADLINE.total_seconds()),
        description="How long the agent may take to begin. By default a day for syncs, pausing and cancelling, an "
        "hour for what changes something, ten minutes for what somebody waits for.",
    ),
]


@dataclass(frozen=True, slots=True)
class Options:
    """What every command may be asked with."""

    idempotency_key: str | None
    deadline_seconds: int | None
    wait_seconds: float


async def wait_seconds(prefer: _Prefer = None) -> float:
    """A preference that cannot be understood is none (RFC 7240)."""
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), MAX_WAIT_SECONDS) if found else 0.0


WaitSeconds = Annotated[float, Depends(wait_seconds)]


async def _options(
    wait: WaitSeconds,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description=_KEY_TEXT)
    ] = None,
    deadline: _Deadline = None,
) -> Options:
    return Options(idempotency_key, deadline, wait)


async def _write_options(
    wait: WaitSeconds,
    idempotency_key: Annotated[str, Header(min_length=1, max_length=200, description=_KEY_TEXT)],
    deadline: _Deadline = None,
) -> Options:
    return Options(idempotency_key, deadline, wait)


AskOptions = Annotated[Options, Depends(_options)]
WriteOptions = Annotated[Options, Depends(_write_options)]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be asked of whom."""

    tenant: str
    agent: str
    connection: str | None
    kind: str
    args: Mapping[str, Any]


def ask(connection: Connection, kind: str, **args: Any) -> Ask:
    """`args` that are None are left out, as the agent's arguments are optional by absence."""
    given = {name: value for name, value in args.items() if value is not None}
    return Ask(
        connection.tenant,
        connection.agent,
        connection.id,
        kind,
        {"connection": connection.status.name, **given},
    )


async def connection_of(ctx: ApiContext, tenant: str, connection_id: str) -> Connection:
    found, agent = await ctx.store.engine.read(lambda db: roster.connection(db, tenant, connection_id))
    if found is None:
        raise not_found("connection")
    if agent is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            "The connection's agent was revoked; an agent that enrols with a code bound to its name takes over.",
        )
    return found


async def submit(ctx: ApiContext, asked: Ask, options: Options, response: Response) -> CommandOut:
    """Store the command, give it to its agent if it is here, and wait for the outcome as far as was asked."""
    command = new_command(ctx, asked, options)
    refuse_unsendable(command)
    added = await ctx.store.add_command(command, command.created_at, most_open=MAX_OPEN_COMMANDS)
    refuse_admission(added.admission)
    return await dispatched(ctx, added.command, options, response)


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody's request to one of their connections."""

    ctx: ApiContext
    connection: Connection
    options: Options
    response: Response

    async def send(self, kind: str, **args: Any) -> CommandOut:
        return await submit(self.ctx, ask(self.connection, kind, **args), self.options, self.response)


async def _asking(
    ctx: Context, tenant: CommandingTenant, connection: str, options: AskOptions, response: Response
) -> Asking:
    return Asking(ctx, await connection_of(ctx, tenant, connection), options, response)


async def _writing(
    ctx: Context, tenant: CommandingTenant, connection: str, options: WriteOptions, response: Response
) -> Asking:
    return Asking(ctx, await connection_of(ctx, tenant, connection), options, response)


Asked = Annotated[Asking, Depends(_asking)]
Nothing = Annotated[NothingIn | None, Body()]  # a body that need not be there and holds nothing
AskedToWrite = Annotated[Asking, Depends(_writing)]  # which needs an idempotency key


async def dispatched(ctx: ApiContext, command: Command, options: Options, response: Response) -> CommandOut:
    if command.state is CommandState.QUEUED:
        await ctx.agents.dispatch(command)
    found = await awaited(ctx, command, options.wait_seconds)
    response.headers["Location"] = f"/api/v1/commands/{command.id}"
    if options.wait_seconds > 0 and not found.state.open:
        response.status_code = HTTPStatus.OK
        response.headers.update(WAIT_APPLIED)
    return command_out(ctx, found)


async def synced(asked: Asking, wanted: SyncIn) -> CommandOut:
    """Ask for a sync, or for a re-sync where all, or everything from a moment on, is to be read again."""
    for entity in wanted.entities:
        if entity not in ENTITIES:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"There is no such entity; there are {', '.join(sorted(ENTITIES))}.",
            )
    again = wanted.full or wanted.since is not None
    return await asked.send(
        kinds.RESYNC if again else kinds.SYNC,
        streams=wanted.streams or None,
        entities=wanted.entities or None,
        since=wanted.since,
    )


async def cancelled(
    ctx: ApiContext, tenant: str, command: str, options: Options, response: Response
) -> CommandOut:
    """Withdraw a command that was never sent; for the rest, ask its agent to cancel it."""
    wish = new_command(ctx, Ask(tenant, "", None, kinds.CANCEL, {"command": command}), options)
    found = await ctx.store.cancel_command(command, wish, wish.created_at, most_open=MAX_OPEN_WITH_CANCELS)
    if found is None:
        raise not_found("command")
    if found.wish is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"The command has ended already, as {found.target.state}: there is nothing left to cancel.",
        )
    refuse_admission(found.wish.admission)
    ctx.waiters.changed(found.target.id)
    return await dispatched(ctx, found.wish.command, options, response)


def new_command(ctx: ApiContext, asked: Ask, options: Options) -> Command:
    now = ctx.clock.utcnow()
    seconds = options.deadline_seconds
    lasts = DEADLINES[asked.kind] if seconds is None else timedelta(seconds=seconds)
    return Command(
        id=new_id("cmd", now),
        tenant=asked.tenant,
        agent=asked.agent,
        connection=asked.connection,
        kind=asked.kind,
        args=asked.args,
        idempotency_key=options.idempotency_key,
        request_hash=_request_hash(asked, seconds),
        state=CommandState.QUEUED,
        created_at=now,
        updated_at=now,
        deadline=now + lasts,
        history=(Step(CommandState.QUEUED, now),),
    )


def _request_hash(asked: Ask, seconds: int | None) -> bytes:
    request = [asked.kind, asked.connection or asked.agent, asked.args, seconds]
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest()


def refuse_unsendable(command: Command) -> None:
    try:
        check_frame(command)
    except ProtocolFault as fault:
        if fault.fault is Fault.TOO_BIG:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The command does not fit into one frame: {fault.message}, {MAX_CONTROL_BYTES} is the most.",
            ) from fault
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"The command cannot be sent: {fault.message}."
        ) from fault


def refuse_admission(admission: Admission) -> None:
    if admission is Admission.CONFLICT:
        raise Problem(
            HTTPStatus.CONFLICT, "The idempotency key was used for another request; take a new one for this."
        )
    if admission is Admission.TOO_MANY:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"There are {MAX_OPEN_COMMANDS} open commands; wait for some to end, or cancel some.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )


async def awaited(ctx: ApiContext, command: Command, seconds: float) -> Command:
    """The command as it stands, or with its outcome if that comes in time."""
    ends = ctx.clock.monotonic() + seconds
    with ctx.waiters.watching(command.id, command.tenant) as changed:
        found = await _fresh(ctx, command)
        if not ctx.waiters.room(command.tenant) or not ctx.agents.connected(command.agent):
            return found
        while found.state.open and (left := ends - ctx.clock.monotonic()) > 0:
            await ctx.waiters.wait(changed, left)
            found = await _fresh(ctx, command)
            if ctx.waiters.closed:
                break
    return found


async def _fresh(ctx: ApiContext, command: Command) -> Command:
    await ctx.store.expire_commands(ctx.clock.utcnow())
    return await ctx.store.command(command.tenant, command.id) or command


def command_out(ctx: ApiContext, command: Command) -> CommandOut:
    return CommandOut(
        id=command.id,
        connection=command.connection,
        agent=command.agent,
        agent_connected=ctx.agents.connected(command.agent),
        kind=command.kind,
        args=dict(command.args),
        state=command.state,
        progress=None if command.progress is None else dict(command.progress),
        result=None if command.result is None else dict(command.result),
        field_faults=_field_faults(command.result or {}),
        history=[
            StepOut(state=step.state, at=step.at, result=None if step.result is None else dict(step.result))
            for step in command.history
        ],
        created_at=command.created_at,
        updated_at=command.updated_at,
        deadline=command.deadline,
    )


def _field_faults(result: Mapping[str, Any]) -> list[FieldFaultOut]:
    """As far as they can be understood; the result shows them as they came."""
    told = result.get("fields")
    faults = told[:MAX_FIELD_FAULTS] if isinstance(told, list) else []
    return [
        FieldFaultOut(**{name: str(fault.get(name, ""))[:MAX_TEXT] for name in ("field", "code", "message")})
        for fault in faults
        if isinstance(fault, Mapping)
    ]
