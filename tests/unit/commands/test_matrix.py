"""What a connection can write: asked once, kept until it is restarted, published with what the policy allows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.clock import ManualClock
from agent.commands.matrix import OPERATIONS_BYTES, Matrices, documents, matrix_of
from agent.commands.ports import Refused
from agent.errors import ConfigurationError, GroundwireError, Unreachable
from agent.model.entities import ENTITIES
from agent.policy.model import Policy, PolicyFile
from agent.protocol.frames import Status, encode
from drivers.contract import Operation, OperationKind, StreamSpec
from drivers.sandbox.operations import operations_of

ORDERS = StreamSpec("orders", "purchase_order")
VENDORS = StreamSpec("vendors", "vendor")
CREATE, UPDATE = OperationKind.CREATE, OperationKind.UPDATE


def policy(**write: object) -> Policy:
    rules = {"purchase_order": write or {"operations": ["create", "set_status"], "fields": "all"}}
    return Policy(
        PolicyFile.model_validate({"connections": {"erp": {"commands": ["create"], "write": rules}}})
    )


class FakeSystems:
    """One connection `erp`, whose driver answers or fails as told."""

    def __init__(self) -> None:
        self.object: object | None = object()
        self.specs: list[StreamSpec] = [ORDERS, VENDORS]
        self.errors: list[GroundwireError] = []
        self.wrong: set[str] = set()
        self.asked: list[str] = []

    def names(self) -> Sequence[str]:
        return ["erp"] if self.object else []

    def incarnation(self, connection: str) -> object:
        if connection != "erp" or self.object is None:
            raise ConfigurationError("there is no such connection")
        return self.object

    def streams(self, connection: str) -> Sequence[StreamSpec]:
        return self.specs

    def driver(self, connection: str) -> FakeSystems:
        if self.errors:
            raise self.errors.pop(0)
        return self

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        self.asked += [stream.name for stream in streams]
        if self.wrong & {stream.name for stream in streams}:
            raise ConfigurationError("a recipe is wrong")
        return operations_of(streams)


@pytest.fixture
def systems() -> FakeSystems:
    return FakeSystems()


@pytest.fixture
def matrices(systems: FakeSystems) -> Matrices:
    return Matrices(systems, policy, ManualClock())


async def test_the_driver_is_asked_once_and_again_after_a_restart(systems, matrices):
    cell = await matrices.cell("erp", "purchase_order", CREATE)
    await matrices.cell("erp", "vendor", UPDATE)

    assert (cell.stream, cell.operation.kind) == (ORDERS, CREATE)
    assert systems.asked == ["orders", "vendors"]
    systems.object = object()
    await matrices.cell("erp", "vendor", UPDATE)
    assert systems.asked == ["orders", "vendors"] * 2


async def test_what_a_system_cannot_do_is_refused(matrices):
    for entity, kind in (("purchase_order", OperationKind.DELETE), ("asset", CREATE), ("no_entity", CREATE)):
        with pytest.raises(Refused, match="not_supported"):
            await matrices.cell("erp", entity, kind)


async def test_a_connection_that_is_not_there_is_an_error(matrices):
    with pytest.raises(ConfigurationError):
        await matrices.cell("other", "vendor", CREATE)


async def test_a_driver_that_does_not_answer_is_asked_again_for_the_next_write(systems, matrices):
    systems.errors = [Unreachable()]
    with pytest.raises(Unreachable):
        await matrices.cell("erp", "vendor", CREATE)

    assert await matrices.cell("erp", "vendor", CREATE)


async def test_a_recipe_that_is_wrong_leaves_the_other_streams_writable(systems, matrices):
    systems.wrong = {"orders"}

    assert await matrices.cell("erp", "vendor", CREATE)
    with pytest.raises(Refused):
        await matrices.cell("erp", "purchase_order", CREATE)


async def test_nothing_is_published_before_the_driver_answered_and_then_the_whole_matrix(systems, matrices):
    assert matrices.published("erp") is None

    await matrices.of("erp")

    told = {(one["entity"], one["operation"]): one for one in matrices.published("erp") or ()}
    create = told["purchase_order", "create"]
    assert create["allowed"]
    assert create["required"] == ["lineItems", "lineItems.quantity"]
    assert create["anyOf"] == [["vendorKey", "vendorCode"], ["lineItems.materialKey", "lineItems.code"]]
    assert create["lookup"]
    assert not told["purchase_order", "update"]["allowed"]
    assert not told["vendor", "create"]["allowed"]
    assert ("purchase_order", "delete") not in told
    systems.object = None
    assert matrices.published("erp") is None


async def test_where_the_policy_lets_nothing_be_written_the_driver_is_not_asked(systems):
    matrices = Matrices(systems, Policy.nothing, ManualClock())
    task = asyncio.ensure_future(matrices.run())
    await _turns()
    task.cancel()

    assert matrices.published("erp") == []
    assert systems.asked == []


async def test_the_driver_is_asked_of_its_own_accord_and_later_again_if_it_did_not_answer(systems):
    news: list[int] = []
    in_force = policy()
    matrices = Matrices(systems, lambda: in_force, ManualClock(), changed=lambda: news.append(1))
    systems.errors = [Unreachable(), Unreachable()]

    task = asyncio.ensure_future(matrices.run())
    await _turns(200)
    systems.object = object()
    matrices.look()
    await _turns(200)
    task.cancel()

    assert systems.asked == ["orders", "vendors"] * 2
    assert matrices.published("erp")
    assert len(news) == 3  # the policy, and two matrices


def test_the_policy_narrows_what_is_published():
    rule = policy(operations=["create"], fields=["title", "lineItems"], statuses=["approved"])
    create, _, set_status = documents(operations_of([ORDERS]), rule, "erp")

    assert set(create["fields"]) > {"title", "lineItems.quantity"}
    assert "vendorKey" not in create["fields"]
    assert not set_status["allowed"]
    assert "closed" in set_status["statuses"]  # what the system can do, where nothing is allowed anyway
    allowed = policy(operations=["set_status"], statuses=["approved"])
    assert documents(operations_of([ORDERS]), allowed, "erp")[2]["statuses"] == ["approved"]


def test_statuses_are_told_of_those_fields_alone_that_may_be_changed():
    """A form that is built of them would otherwise offer what is refused."""
    orders = [
        replace(one, updatable_in={"title": ["draft"], "lineItems": ["draft"], "vendorKey": ["draft"]})
        for one in operations_of([ORDERS])
    ]
    _, update, _ = documents(orders, policy(operations=["update"], fields=["title", "lineItems"]), "erp")

    assert set(update["updatableIn"]) == {"title", "lineItems"}


def test_of_several_streams_of_an_entity_the_first_in_the_file_is_written_to():
    second = StreamSpec("more_orders", "purchase_order")

    matrix = matrix_of(operations_of([second, ORDERS]), [ORDERS, second])

    assert {cell.stream.name for cell in matrix.values()} == {"orders"}
    assert matrix_of(operations_of([ORDERS]), [second]) == {}


@pytest.mark.parametrize("fields", [5, 60, 300])
def test_a_matrix_of_any_size_fits_into_its_frame(fields):
    names = tuple(f"customFields.field_number_{number}" for number in range(fields))
    statuses = ("draft", "pending_approval", "approved", "ordered")
    operations = [
        Operation(entity, entity, kind, names[:3], names, updatable_in=dict.fromkeys(names, statuses))
        for entity in ENTITIES
        for kind in OperationKind
    ]

    told = documents(operations, policy(), "erp")

    assert len(json.dumps(told)) <= OPERATIONS_BYTES
    assert len(told) == len(operations)
    encode(Status(({"name": "erp", "operations": told},)))
    for one in told:
        for name in ("updatableIn", "fields"):
            assert (name in one.get("leftOut", [])) == (not one[name])


async def _turns(number: int = 20) -> None:
    for _ in range(number):
        await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing


async def test_a_driver_that_hangs_keeps_no_other_connection_from_being_asked():
    class Two(FakeSystems):
        """`erp`, which hangs, and `mes`."""

        def __init__(self) -> None:
            super().__init__()
            self.gate = asyncio.Event()
            self.objects = {"erp": object(), "mes": object()}

        def incarnation(self, connection: str) -> object:
            return self.objects[connection]

        def driver(self, connection: str) -> FakeSystems:
            return Hanging(self.gate) if connection == "erp" else FakeSystems()

    class Hanging(FakeSystems):
        def __init__(self, gate: asyncio.Event) -> None:
            super().__init__()
            self.gate = gate

        async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
            await self.gate.wait()
            return await super().operations(streams)

    systems = Two()
    matrices = Matrices(systems, policy, ManualClock())
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(2):
            hung = group.create_task(matrices.cell("erp", "vendor", CREATE))
        assert await matrices.cell("mes", "vendor", CREATE)
        assert not hung.done()
        systems.gate.set()
