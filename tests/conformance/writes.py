"""The promises of `drivers/contract.py` about writes, checked against any driver.

A driver's test module names a subclass of `WriteConformance` and gives it a fixture `writable`; what it can write is
asked from its own operation matrix:

    class TestMyDriverWrites(WriteConformance):
        @pytest.fixture
        async def writable(self) -> AsyncIterator[Writable]:
            driver = MyDriver(...)
            yield Writable(driver, stream, records={OperationKind.CREATE: {...}})
            await driver.aclose()

`records` holds for each operation that is to be tried a complete record that the system takes, as a `WriteCommand`
carries it; a test whose operation is not there is skipped. Each test may change the source; ids of commands never come
twice, so the source need not be emptied between tests.
"""

from __future__ import annotations

import copy
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from agent.commands.validation import CUSTOM
from agent.model.entities import ENTITIES, Field, Kind
from drivers.contract import (
    Driver,
    DriverError,
    Operation,
    OperationKind,
    Outcome,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from tests.conformance.suite import keys, pages, rows

Record = dict[str, Any]
# Codes of the errors by which a driver promises that nothing was changed.
UNCHANGED = frozenset({"credentials_refused", "not_permitted", "configuration", "source_changed", "record"})


@dataclass(frozen=True, slots=True)
class Writable:
    driver: Driver
    stream: StreamSpec
    records: Mapping[OperationKind, Mapping[str, Any]]
    changes: bool = True  # False: writes are answered and nothing is changed, as the sandbox does
    # A record that the system itself refuses, although nothing is missing in it; empty: there is none to try.
    refused: Mapping[OperationKind, Mapping[str, Any]] = field(default_factory=dict)
    # A field (as in `Operation.fields`) and the texts of amounts that come back to the digit in `Outcome.record`, or
    # in the source column `amount_column` (of a line set "set.column") where the driver does not give the record.
    amount: str = ""
    amount_column: str = ""
    amounts: tuple[str, ...] = ("0.1", "12345678.01", "1.005")


def command(writable: Writable, kind: OperationKind, record: Mapping[str, Any]) -> WriteCommand:
    key = f"cf-{uuid.uuid4().hex}"
    return WriteCommand(kind, writable.stream.entity, copy.deepcopy(dict(record)), key, writable.stream)


async def matrix(writable: Writable) -> dict[OperationKind, Operation]:
    return {found.kind: found for found in await writable.driver.operations([writable.stream])}


async def scan(writable: Writable) -> list[Record]:
    return rows(await pages(writable.driver, ReadRequest(writable.stream, ReadMode.SCAN)))


async def row_of(writable: Writable, key: str) -> Record | None:
    request = ReadRequest(writable.stream, ReadMode.BY_KEYS, keys=[key])
    found = rows(await pages(writable.driver, request))
    assert len(found) <= 1
    return found[0] if found else None


async def attempt(writable: Writable, wanted: WriteCommand) -> Outcome | None:
    """The outcome; None after one of the errors that promise that nothing was changed."""
    try:
        return await writable.driver.execute(wanted)
    except DriverError as error:
        if error.code in UNCHANGED and error.message:
            return None
        raise


class WriteConformance:
    """Subclass it, name it Test..., and give it the fixture `writable`."""

    @pytest.fixture
    async def writable(self) -> AsyncIterator[Writable]:
        pytest.fail("a conformance test of writes names what it writes to")
        yield  # noqa: PT022 - makes it the generator that a subclass overrides

    # --- the operation matrix

    async def test_the_matrix_names_each_operation_of_a_stream_once_and_knows_its_stream(
        self, writable: Writable
    ) -> None:
        found = await writable.driver.operations([writable.stream])

        assert found, "a driver without writes needs no conformance of writes"
        assert set(writable.records) <= {operation.kind for operation in found}
        assert max(Counter((operation.stream, operation.kind) for operation in found).values()) == 1
        for operation in found:
            assert (operation.stream, operation.entity) == (writable.stream.name, writable.stream.entity)

    async def test_the_matrix_speaks_of_fields_and_statuses_of_the_entity(self, writable: Writable) -> None:
        entity = ENTITIES[writable.stream.entity]
        for operation in (await matrix(writable)).values():
            for name in _named(operation):
                if name.partition(".")[0] == CUSTOM:  # an open object
                    continue
                assert _field(entity.fields, name), f"{operation.kind}: the entity has no field {name}"
            statuses = {*operation.statuses, *(s for ss in operation.updatable_in.values() for s in ss)}
            if entity.statuses is not None:
                assert statuses <= entity.statuses

    async def test_what_the_matrix_requires_may_be_given(self, writable: Writable) -> None:
        for operation in (await matrix(writable)).values():
            assert len(set(operation.fields)) == len(operation.fields)
            parents = {name.partition(".")[0] for name in operation.fields}
            assert set(operation.required) <= {*operation.fields, *parents}
            for group in operation.any_of:
                assert set(group) <= set(operation.fields)
                assert len({name.rpartition(".")[0] for name in group}) == 1
            assert set(operation.updatable_in) <= {*operation.fields, *parents}
            if operation.kind is OperationKind.SET_STATUS:
                assert operation.statuses, "set_status names what can be set"
            settles = operation.effect_settles_after
            assert settles is None or settles >= timedelta(0)

    async def test_the_matrix_of_no_streams_is_empty(self, writable: Writable) -> None:
        assert not await writable.driver.operations([])

    async def test_the_matrix_stays_the_same(self, writable: Writable) -> None:
        first = await writable.driver.operations([writable.stream])

        assert list(await writable.driver.operations([writable.stream])) == list(first)

    # --- failing

    async def test_an_operation_outside_the_matrix_fails_and_changes_nothing(
        self, writable: Writable
    ) -> None:
        outside = set(OperationKind) - set(await matrix(writable))
        before = await scan(writable)
        for kind in sorted(outside):
            wanted = command(writable, kind, {"key": "1", "status": "x"})
            await self._fails(writable, wanted)
        assert await scan(writable) == before

    @pytest.mark.parametrize("kind", OperationKind)
    async def test_a_record_without_what_is_required_fails_by_the_fields_name_and_changes_nothing(
        self, writable: Writable, kind: OperationKind
    ) -> None:
        good = self._record(writable, kind)
        operation = (await matrix(writable))[kind]
        before = await scan(writable)
        for name in operation.required:
            broken = without(good, name)
            if broken == good:
                continue  # a member of lines or of an object that the record does not have
            await self._fails(writable, command(writable, kind, broken))
        for group in operation.any_of:
            broken = copy.deepcopy(dict(good))
            for name in group:
                broken = without(broken, name)
            if broken != good:
                await self._fails(writable, command(writable, kind, broken))
        assert await scan(writable) == before

    @pytest.mark.parametrize("kind", OperationKind)
    async def test_what_the_system_refuses_has_no_effect(
        self, writable: Writable, kind: OperationKind
    ) -> None:
        if kind not in writable.refused:
            pytest.skip("no record is known that the system refuses")
        before = await scan(writable)

        await self._fails(writable, command(writable, kind, writable.refused[kind]))

        assert await scan(writable) == before

    @pytest.mark.parametrize("kind", [OperationKind.UPDATE, OperationKind.DELETE, OperationKind.SET_STATUS])
    async def test_a_record_that_is_not_there_cannot_be_changed(
        self, writable: Writable, kind: OperationKind
    ) -> None:
        good = self._record(writable, kind)
        before = await scan(writable)

        await self._fails(writable, command(writable, kind, {**good, "key": "987654321"}))

        assert await scan(writable) == before

    async def _fails(self, writable: Writable, wanted: WriteCommand) -> None:
        """FAILED with a reason, or one of the errors that promise that nothing was changed; and no effect is found."""
        outcome = await attempt(writable, wanted)
        if outcome is not None:
            assert outcome.status is OutcomeStatus.FAILED, wanted
            assert outcome.messages
            assert all(message.text for message in outcome.messages)
        operation = (await matrix(writable)).get(wanted.operation)
        if operation is not None and operation.effect_settles_after is not None:
            assert await writable.driver.find_effect(wanted) is None

    # --- succeeding

    @pytest.mark.parametrize("kind", OperationKind)
    async def test_a_write_succeeds_and_its_record_is_found_by_the_key_of_the_outcome(
        self, writable: Writable, kind: OperationKind
    ) -> None:
        wanted = command(writable, kind, self._record(writable, kind))

        outcome = await writable.driver.execute(wanted)

        assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
        if kind is not OperationKind.CREATE:
            assert outcome.key == wanted.record["key"]
        if writable.changes and kind is OperationKind.DELETE:
            assert await row_of(writable, outcome.key) is None
        elif writable.changes:
            assert outcome.key
            assert await row_of(writable, outcome.key) is not None

    @pytest.mark.parametrize("kind", OperationKind)
    async def test_an_effect_is_found_by_its_idempotency_key_and_no_other(
        self, writable: Writable, kind: OperationKind
    ) -> None:
        good = self._record(writable, kind)
        operation = (await matrix(writable))[kind]
        if operation.effect_settles_after is None:
            pytest.skip("the system cannot tell what became of a write")
        wanted = command(writable, kind, good)
        assert await writable.driver.find_effect(wanted) is None

        outcome = await writable.driver.execute(wanted)
        found = await writable.driver.find_effect(wanted)

        assert found is not None
        assert found.status is OutcomeStatus.SUCCEEDED
        assert (found.key, found.reference) == (outcome.key, outcome.reference)
        assert await writable.driver.find_effect(command(writable, kind, good)) is None

    async def test_a_repeat_of_the_same_command_has_no_second_effect(self, writable: Writable) -> None:
        kind = OperationKind.CREATE
        good = self._record(writable, kind)
        if (await matrix(writable))[kind].effect_settles_after is None:
            pytest.skip("the system cannot tell what became of a write")
        wanted = command(writable, kind, good)
        first = await writable.driver.execute(wanted)
        after_first = await scan(writable)

        second = await attempt(writable, wanted)

        assert second is None or second.status is OutcomeStatus.FAILED or second.key == first.key
        assert await scan(writable) == after_first

    async def test_two_creates_are_two_records(self, writable: Writable) -> None:
        good = self._record(writable, OperationKind.CREATE)

        first = await writable.driver.execute(command(writable, OperationKind.CREATE, good))
        second = await writable.driver.execute(command(writable, OperationKind.CREATE, good))

        assert first.key != second.key
        if writable.changes:
            assert {first.key, second.key} <= set(
                keys(await pages(writable.driver, ReadRequest(writable.stream, ReadMode.SCAN)))
            )

    async def test_amounts_come_back_to_the_digit(self, writable: Writable) -> None:
        if not writable.amount:
            pytest.skip("no amount can be written")
        good = self._record(writable, OperationKind.CREATE)
        for amount in writable.amounts:
            outcome = await writable.driver.execute(
                command(writable, OperationKind.CREATE, with_value(good, writable.amount, amount))
            )
            assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.messages
            if outcome.record is not None:
                assert values(outcome.record, writable.amount) == {amount}
            else:
                row = await row_of(writable, outcome.key)
                assert row is not None
                assert values(row, writable.amount_column, plain=True) == {amount}

    def _record(self, writable: Writable, kind: OperationKind) -> Mapping[str, Any]:
        if kind not in writable.records:
            pytest.skip(f"no record to {kind} is known")
        return writable.records[kind]


def without(record: Mapping[str, Any], name: str) -> Record:
    """The record without a field; of lines, without it in every line."""
    first, _, member = name.partition(".")
    changed = copy.deepcopy(dict(record))
    if not member:
        changed.pop(first, None)
    elif isinstance(changed.get(first), list):
        changed[first] = [without(line, member) for line in changed[first]]
    elif isinstance(changed.get(first), dict):
        changed[first] = without(changed[first], member)
    return changed


def with_value(record: Mapping[str, Any], name: str, value: str) -> Record:
    first, _, member = name.partition(".")
    changed = copy.deepcopy(dict(record))
    if not member:
        changed[first] = value
    elif isinstance(changed[first], list):
        changed[first] = [with_value(line, member, value) for line in changed[first]]
    else:
        changed[first] = with_value(changed[first], member, value)
    return changed


def values(record: Mapping[str, Any], name: str, *, plain: bool = False) -> set[str]:
    """The values of a field as texts, of lines those of every line; `plain`: without zeros that end a decimal."""
    first, _, member = name.partition(".")
    held = record[first]
    if member:
        lines = held if isinstance(held, list) else [held]
        return {text for line in lines for text in values(line, member, plain=plain)}
    text = str(held)
    return {text.rstrip("0").rstrip(".") if plain and "." in text else text}


def _named(operation: Operation) -> set[str]:
    grouped = {name for group in operation.any_of for name in group}
    return {*operation.fields, *operation.required, *operation.updatable_in, *grouped}


def _field(fields: tuple[Field, ...], name: str) -> bool:
    first, _, member = name.partition(".")
    if first == "customFields":
        return bool(member)
    found = next((each for each in fields if each.alias == first), None)
    if found is None or not member:
        return found is not None
    return found.kind in (Kind.LIST, Kind.OBJECT) and _field(found.fields, member)
