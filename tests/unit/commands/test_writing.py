"""The four kinds that write: judged, prepared, run once, read back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.audit.trail import AGENT
from agent.clock import ManualClock
from agent.commands.arguments import read_arguments
from agent.commands.effects import LOOK_LIMIT_SECONDS
from agent.commands.matrix import Matrices
from agent.commands.ports import Answer, Call, Refused, State
from agent.commands.writing import CELL_SECONDS, MAX_MESSAGE_CHARS, Writer, write_kinds
from agent.errors import CredentialsRefused, GroundwireError, Unreachable
from agent.policy.model import Policy, PolicyFile
from drivers.contract import (
    Message,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    StreamSpec,
    WriteCommand,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ORDERS = StreamSpec("orders", "purchase_order", write={"recipe": 1})
FIELDS = ("title", "vendorKey", "currencyKey", "lineItems.lineNo", "lineItems.quantity", "lineItems.price")
MADE = Outcome(OutcomeStatus.SUCCEEDED, key="K1", reference="PO-1", messages=(Message("made", "I1"),))
RECORD = {"key": "K1", "title": "as stored", "status": "draft"}


def policy(leave: Mapping[str, Any] | None = None, **write: Any) -> Policy:
    rule = {
        "operations": [kind.value for kind in OperationKind],
        "fields": "all",
        "statuses": ["approved"],
        **write,
    }
    tables = {
        "commands": [kind.value for kind in OperationKind],
        "write": {"purchase_order": rule},
        "leave": {"purchase_order": leave or {"fields": "all"}} if leave != {} else {},
    }
    return Policy(PolicyFile.model_validate({"connections": {"erp": tables}}))


@dataclass
class FakeErp:
    """The connection `erp`, its driver and its records."""

    clock: ManualClock
    reply: Outcome | Exception = MADE
    effect: Outcome | None = None
    error: GroundwireError | None = None  # of the driver as a whole
    settles: timedelta | None = timedelta(0)
    records: dict[str, Mapping[str, Any]] = field(default_factory=lambda: {"K1": RECORD})
    unreadable: Exception | None = None
    executed: list[WriteCommand] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    written: int = 0
    counted: list[tuple[str, str | None, datetime]] = field(default_factory=list)

    def names(self) -> Sequence[str]:
        return ("erp",)

    def incarnation(self, connection: str) -> object:
        return self

    def streams(self, connection: str) -> Sequence[StreamSpec]:
        return (ORDERS,)

    def require(self, connection: str) -> None:
        if self.error is not None:
            raise self.error

    def driver(self, connection: str) -> FakeErp:
        if self.error is not None:
            raise self.error
        return self

    async def start(self) -> None: ...

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        create = Operation(
            "orders",
            "purchase_order",
            OperationKind.CREATE,
            ("title",),
            FIELDS,
            effect_settles_after=self.settles,
        )
        update = replace(create, kind=OperationKind.UPDATE, required=(), updatable_in={"title": ("draft",)})
        delete = replace(update, kind=OperationKind.DELETE, fields=())
        set_status = replace(
            create,
            kind=OperationKind.SET_STATUS,
            required=("status",),
            fields=("status",),
            statuses=("approved", "closed"),
        )
        return create, update, delete, set_status

    async def execute(self, command: WriteCommand) -> Outcome:
        self.executed.append(command)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    async def find_effect(self, command: WriteCommand) -> Outcome | None:
        return self.effect

    def fetch(self, connection: str, stream: str, key: str) -> None:
        self.told.append(("fetch", stream, key))

    def compare(self, connection: str, stream: str) -> None:
        self.told.append(("compare", stream, ""))

    async def present(self, connection: str, entity: str, key: str) -> Mapping[str, Any] | None:
        return self.records.get(key)

    async def leaving(self, connection: str, entity: str, key: str) -> Mapping[str, Any] | None:
        if self.unreadable is not None:
            raise self.unreadable
        return self.records.get(key)

    async def writes_since(self, connection: str, entity: str | None, moment: datetime) -> int:
        self.counted.append((connection, entity, moment))
        return self.written


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.erp = FakeErp(self.clock)
        self.policy = policy()
        matrices = Matrices(self.erp, lambda: self.policy, self.clock)
        writer = Writer(matrices, self.erp, self.erp, self.erp, lambda: self.policy, self.clock)
        self.kinds = {kind.name: kind for kind in write_kinds(writer)}
        self.progress: list[Mapping[str, Any]] = []

    def arguments(self, name: str, **args: Any) -> Any:
        given = {"connection": "erp", "entity": "purchase_order", **args}
        return read_arguments(self.kinds[name].arguments, given)

    async def judge(self, name: str, **args: Any) -> str:
        return (await self.kinds[name].judge(self.arguments(name, **args), NOW)).code  # type: ignore[arg-type]

    async def prepare(self, name: str, **args: Any) -> None:
        await self.kinds[name].prepare(self.arguments(name, **args))

    async def run(self, name: str, **args: Any) -> Answer:
        return await self.kinds[name].run(self._call(), self.arguments(name, **args))

    async def recover(self, name: str, **args: Any) -> Answer:
        return await self.kinds[name].recover(self._call(), self.arguments(name, **args))

    def _call(self) -> Call:
        async def progress(what: Mapping[str, Any]) -> None:
            self.progress.append(what)

        return Call("c-1", NOW, AGENT, progress)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_create_gives_the_driver_the_record_as_it_came_and_tells_what_the_system_made(world):
    record = {"title": "t", "lineItems": [{"quantity": "1.10", "price": "0.1000"}]}

    answer = await world.run("create", record=record)

    (command,) = world.erp.executed
    assert command == WriteCommand(OperationKind.CREATE, "purchase_order", record, "c-1", ORDERS)
    assert answer.state is State.SUCCEEDED
    assert answer.result == {
        "key": "K1",
        "reference": "PO-1",
        "messages": [{"text": "made", "code": "I1", "field": ""}],
        "record": RECORD,
    }
    assert world.erp.told == [("fetch", "orders", "K1")]
    assert world.progress[0] == {"step": "writing"}


async def test_an_update_a_deletion_and_a_status_name_their_record(world):
    await world.run("update", key="K1", record={"title": "u"})
    await world.run("delete", key="K1")
    await world.run("set_status", key="K1", status="approved")

    assert [command.record for command in world.erp.executed] == [
        {"title": "u", "key": "K1"},
        {"key": "K1"},
        {"status": "approved", "key": "K1"},
    ]


async def test_after_a_deletion_the_stream_is_compared_and_nothing_is_read_back(world):
    answer = await world.run("delete", key="K1")

    assert world.erp.told == [("compare", "orders", "")]
    assert (answer.state, answer.result["record"]) == (State.SUCCEEDED, None)


async def test_what_the_system_refuses_has_failed_with_its_messages(world):
    no = Message("blocked" * 200, "V7", "vendorKey")
    world.erp.reply = Outcome(OutcomeStatus.FAILED, messages=(no,) * 99)

    answer = await world.run("create", record={"title": "t"})

    assert (answer.state, answer.result["code"]) == (State.FAILED, "rejected")
    assert len(answer.result["messages"]) == 50
    assert len(answer.result["messages"][0]["text"]) == MAX_MESSAGE_CHARS
    assert world.erp.told == []


async def test_a_lost_reply_is_looked_up(world):
    world.erp.reply = Unreachable()
    assert (await world.run("create", record={"title": "t"})).result["code"] == "no_effect"

    world.erp.effect = MADE
    answer = await world.run("create", record={"title": "t"})

    assert (answer.state, answer.result["reference"]) == (State.SUCCEEDED, "PO-1")
    assert {"step": "looking_up"} in world.progress
    assert len(world.erp.executed) == 2


async def test_a_record_that_cannot_be_read_back_changes_nothing_about_the_outcome(world):
    for error in (Unreachable(), RuntimeError("broken")):
        world.erp.unreadable = error

        answer = await world.run("create", record={"title": "t"})

        assert (answer.state, answer.result["record"]) == (State.SUCCEEDED, None)


async def test_a_record_that_the_driver_gives_is_told_where_everything_leaves(world):
    world.erp.reply = replace(MADE, record={"key": "K1", "title": "given"})

    assert (await world.run("create", record={"title": "t"})).result["record"]["title"] == "given"
    world.policy = policy({"fields": "all", "except": ["notes"]})
    assert (await world.run("create", record={"title": "t"})).result["record"] == RECORD


async def test_a_record_too_large_for_an_answer_costs_neither_key_nor_reference(world):
    world.erp.reply = replace(MADE, record={"key": "K1", "notes": "x" * 70_000})

    result = (await world.run("create", record={"title": "t"})).result

    assert (result["key"], result["reference"], result["record"]) == ("K1", "PO-1", None)


async def test_what_may_not_leave_is_not_told_by_a_write(world):
    world.erp.reply = replace(MADE, record={"key": "K1", "title": "given"})
    for rule in ({}, {"fields": ["orderNo"]}, {"fields": "all", "rows": {"siteKey": ["1"]}}):
        world.policy = policy(rule)

        result = (await world.run("create", record={"title": "t"})).result

        assert result["record"] in (None, RECORD)  # as far as the reader of single records lets it
        assert result["messages"] == [{"text": "", "code": "I1", "field": ""}]
    world.policy = policy({})
    assert (await world.run("create", record={"title": "t"})).result["record"] is None


async def test_everything_wrong_with_a_record_is_refused_before_anything_is_tried(world):
    with pytest.raises(Refused) as caught:
        await world.prepare("create", record={"colour": "red"})

    assert caught.value.code == "invalid_record"
    assert [fault.field for fault in caught.value.faults] == ["colour", "title"]
    assert world.erp.executed == []


async def test_what_the_system_cannot_do_is_refused(world):
    with pytest.raises(Refused, match="not_supported"):
        await world.prepare("create", record={}, entity="vendor")


async def test_the_present_status_decides_what_may_be_changed(world):
    await world.prepare("update", key="K1", record={"title": "x"})
    await world.prepare("update", key="K9", record={"vendorKey": "V"})  # the system says that it is not there

    world.erp.records["K1"] = {"status": "approved"}
    with pytest.raises(Refused) as caught:
        await world.prepare("update", key="K1", record={"title": "x"})
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [("title", "not_updatable")]
    with pytest.raises(Refused) as caught:
        await world.prepare("update", key="K9", record={"title": "x"})
    assert [(fault.field, fault.code) for fault in caught.value.faults] == [("key", "not_found")]


async def test_refused_credentials_are_not_tried_by_a_write(world):
    await world.prepare("create", record={"title": "t"})
    world.erp.error = CredentialsRefused()

    with pytest.raises(CredentialsRefused):
        await world.prepare("create", record={"title": "t"})


async def test_the_policy_judges_with_the_number_of_writes_of_the_last_hour(world):
    world.policy = policy(per_hour=3)
    world.erp.written = 2
    assert await world.judge("create", record={"title": "t"}) == "allowed"

    world.erp.written = 3
    assert await world.judge("create", record={"title": "t"}) == "too_many"
    assert world.erp.counted[0] == ("erp", "purchase_order", NOW - timedelta(hours=1))
    assert await world.judge("set_status", key="K1", status="closed") == "status_not_allowed"
    world.policy = Policy.nothing()
    assert await world.judge("create", record={"title": "t"}) == "not_allowed"


async def test_a_field_that_the_entity_does_not_have_is_told_with_everything_else(world):
    wrong = {"titel": "?", "lineItems": [{"qty": "1"}, 5]}

    assert await world.judge("create", record=wrong) == "allowed"
    with pytest.raises(Refused) as caught:
        await world.prepare("create", record=wrong)
    assert [fault.field for fault in caught.value.faults] == [
        "lineItems[0].qty",
        "lineItems[1]",
        "titel",
        "title",
    ]
    world.policy = policy(fields=["title"])
    assert await world.judge("create", record={"title": "t", "vendorKey": "V"}) == "field_not_allowed"


async def test_a_limit_on_amounts_holds_for_the_record_as_it_would_stand(world):
    world.policy = policy(max_amount={"EUR": "100"})
    line = {"lineNo": "10", "quantity": "9", "price": "10"}
    world.erp.records["K1"] = {"currencyKey": "EUR", "lineItems": [line]}

    async def judge(**change: Any) -> str:
        return await world.judge("update", key="K1", record={"lineItems": [{"lineNo": "10", **change}]})

    assert await judge(quantity="10") == "allowed"
    assert await judge(quantity="10.01") == "amount_exceeded"
    assert await world.judge("delete", key="K1") == "allowed"
    assert await world.judge("delete", key="K9") == "amount_unknown"
    assert await world.judge("create", record={"title": "t"}) == "amount_unknown"


async def test_recovery_looks_up_and_writes_nothing(world):
    assert (await world.recover("create", record={"title": "t"})).result["code"] == "no_effect"
    world.erp.effect = MADE
    assert (await world.recover("create", record={"title": "t"})).state is State.SUCCEEDED
    assert world.erp.executed == []


async def test_recovery_waits_for_a_source_that_does_not_answer_and_ends_in_doubt(world):
    world.erp.error = Unreachable()

    answer = await world.recover("create", record={"title": "t"})

    assert (answer.state, answer.result["code"]) == (State.IN_DOUBT, "lookup_failed")
    assert LOOK_LIMIT_SECONDS <= world.clock.monotonic() <= LOOK_LIMIT_SECONDS + CELL_SECONDS


async def test_recovery_of_what_the_system_can_no_longer_do_is_in_doubt(world):
    answer = await world.recover("create", record={}, entity="vendor")

    assert (answer.state, answer.result["code"]) == (State.IN_DOUBT, "lookup_failed")


async def test_a_system_that_cannot_be_asked_leaves_a_doubt_that_names_the_record(world):
    world.erp.settles = None
    world.erp.reply = Unreachable()

    answer = await world.run("update", key="K1", record={"title": "x"})

    assert (answer.state, answer.result["code"], answer.result["key"]) == (State.IN_DOUBT, "no_lookup", "K1")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("create", {"record": {}, "key": "K1"}),
        ("create", {}),
        ("update", {"record": {}}),
        ("update", {"key": "", "record": {}}),
        ("delete", {"key": "K1", "record": {}}),
        ("set_status", {"key": "K1", "status": 5}),
        ("create", {"record": [], "connection": "erp"}),
        ("create", {"record": {}, "connection": "../erp"}),
    ],
)
def test_arguments_that_do_not_fit_are_refused(world, name, args):
    with pytest.raises(Refused, match="bad_arguments"):
        world.arguments(name, **args)


async def test_an_agent_that_stops_while_it_reads_back_keeps_what_is_known_of_the_write(world):
    """Cut short there, a write that was confirmed would be in doubt."""
    reading = asyncio.Event()

    async def hang(*_of: str) -> None:
        reading.set()
        await asyncio.Event().wait()

    world.erp.leaving = hang
    running = asyncio.ensure_future(world.run("create", record={"title": "t"}))
    await reading.wait()
    running.cancel()
    answer = await running

    assert (answer.state, answer.result["key"], answer.result["record"]) == (State.SUCCEEDED, "K1", None)
