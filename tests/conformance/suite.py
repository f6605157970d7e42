"""The promises of `drivers/contract.py`, checked against any driver.

A driver's test module names a subclass of `DriverConformance` and gives it a fixture `subject`:

    class TestMyDriver(DriverConformance):
        @pytest.fixture
        async def subject(self) -> AsyncIterator[Subject]:
            driver = MyDriver(...)
            yield Subject(driver, StreamSpec(...), line_sets=frozenset({"lines"}))
            await driver.aclose()

The source must hold still while a test runs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest

from drivers.contract import (
    KEY_COLUMN,
    Capabilities,
    Catalogue,
    CheckStep,
    Description,
    Driver,
    DriverError,
    Mark,
    MarkKind,
    Page,
    ReadMode,
    ReadRequest,
    StreamSpec,
)
from drivers.keys import decode_key, encode_key

ODD_KEYS = (
    "",
    "O'Brien",
    'say "when"',
    "a;b--c",
    "'; DROP TABLE x; --",
    "nul\0inside",
    "😀 ü ß İ",
    "a~b",
    "%",
    "%7E",
    "-9" * 30,
    "NaN",
    "null",
    "?",
    "{brace}",
    "\\",
    "line\nbreak",
)


@dataclass(frozen=True, slots=True)
class Subject:
    driver: Driver
    stream: StreamSpec  # at least 3 records; with a replication key where the driver reads changes
    line_sets: frozenset[str] = frozenset()
    floats: frozenset[str] = frozenset()  # columns that the source itself keeps as floating point
    ties: StreamSpec | None = None  # a stream with 1,000 records of one and the same replication key
    page_sizes: tuple[int, ...] = (1, 2, 7, 1_000)


async def pages(driver: Driver, request: ReadRequest) -> list[Page]:
    """Every page of a read, with what holds for any page checked on the way."""
    found: list[Page] = []
    async for page in driver.read(request):
        assert not (found and found[-1].complete), "a page came after the complete one"
        assert page.table.num_rows <= request.page_rows
        assert page.cursor is not None or page.table.num_rows == 0
        found.append(page)
    assert found, "a read yields at least one page"
    assert found[-1].complete, "a read that ended well ends with a complete page"
    return found


def rows(found: Iterable[Page]) -> list[dict[str, Any]]:
    return [row for page in found for row in page.table.to_pylist()]


def keys(found: Iterable[Page]) -> list[str]:
    return [row[KEY_COLUMN] for row in rows(found)]


class DriverConformance:
    """Subclass it, name it Test..., and give it the fixture `subject`."""

    @pytest.fixture
    async def subject(self) -> AsyncIterator[Subject]:
        pytest.fail("a conformance test names its subject")
        yield  # noqa: PT022 - makes it the generator that a subclass overrides

    async def capabilities(self, subject: Subject) -> Capabilities:
        await subject.driver.check()  # some capabilities are known only once the source has answered
        return subject.driver.describe().capabilities

    async def scan(self, subject: Subject, page_rows: int = 1_000) -> list[Page]:
        return await pages(subject.driver, ReadRequest(subject.stream, ReadMode.SCAN, page_rows=page_rows))

    async def changes(self, subject: Subject, stream: StreamSpec, page_rows: int) -> list[Page]:
        end = await subject.driver.signpost(stream)
        assert end is not None, "a stream that changes are read of has a signpost"
        request = ReadRequest(stream, ReadMode.CHANGES, end=end, page_rows=page_rows)
        return await pages(subject.driver, request)

    async def need(self, subject: Subject, capability: str) -> None:
        if not getattr(await self.capabilities(subject), capability):
            pytest.skip(f"the driver does not declare {capability}")

    # --- what a driver says beforehand

    async def test_a_plan_names_what_is_read_and_what_it_counts_is_what_comes(self, subject: Subject) -> None:
        end = await subject.driver.signpost(subject.stream)
        modes = [ReadMode.SCAN, ReadMode.KEYS, *([ReadMode.CHANGES] if end is not None else [])]
        for mode in modes:
            request = ReadRequest(
                subject.stream, mode, end=end if mode is ReadMode.CHANGES else None, page_rows=7
            )
            plan = await subject.driver.plan(request)

            assert plan.objects
            assert plan.rows_per_call >= 1
            assert plan.rows is not None or plan.notes, "a plan that cannot count says why"
            if plan.exact:
                assert plan.rows == len(keys(await pages(subject.driver, request)))

    # --- what a driver says of itself

    async def test_it_describes_itself_before_it_connects(self, subject: Subject) -> None:
        described = subject.driver.describe()

        assert isinstance(described, Description)
        assert described.driver
        assert described.version
        assert described.capabilities.max_parallel_reads >= 1

    async def test_every_hop_of_check_is_good_and_says_what_it_found(self, subject: Subject) -> None:
        steps = list(await subject.driver.check())

        assert steps
        assert all(isinstance(step, CheckStep) and step.ok and step.name and step.detail for step in steps)
        assert subject.driver.describe().product

    async def test_check_says_of_each_stream_whether_it_can_be_read(self, subject: Subject) -> None:
        wrong = replace(subject.stream, name="wrong", options={"no_such_option": 1})

        steps = [step for step in await subject.driver.check([wrong, subject.stream]) if step.stream]

        assert {step.stream: step.ok for step in steps} == {"wrong": False, subject.stream.name: True}
        assert all(step.detail and (step.ok or (step.hint and step.code)) for step in steps)

    async def test_the_catalogue_names_each_table_once(self, subject: Subject) -> None:
        catalogue = await subject.driver.discover()

        assert isinstance(catalogue, Catalogue)
        assert catalogue.tables
        assert max(Counter(table.name for table in catalogue.tables).values()) == 1
        for table in catalogue.tables:
            assert set(table.key) <= {column.name for column in table.columns}

    # --- what a page looks like

    async def test_keys_are_texts_never_null_and_unique(self, subject: Subject) -> None:
        found = await self.scan(subject, page_rows=7)

        for page in found:
            column = page.table.column(KEY_COLUMN)
            assert column.type == pa.string()
            assert column.null_count == 0
        assert len(set(keys(found))) == len(keys(found)) >= 3
        assert all(encode_key(decode_key(key)) == key for key in keys(found))

    async def test_every_page_of_a_read_has_the_same_columns(self, subject: Subject) -> None:
        schemas = [page.table.schema for page in await self.scan(subject, page_rows=2)]

        assert all(schema.equals(schemas[0]) for schema in schemas)

    async def test_no_amount_is_a_floating_point_number(self, subject: Subject) -> None:
        (first, *_) = await self.scan(subject)

        for name, kind in _leaves(first.table.schema):
            assert not pa.types.is_floating(kind) or name in subject.floats, name

    async def test_lines_lie_under_their_header_as_lists_of_structs(self, subject: Subject) -> None:
        found = await self.scan(subject, page_rows=7)

        for page in found:
            for name in subject.line_sets:
                column = page.table.column(name)
                assert pa.types.is_list(column.type)
                assert pa.types.is_struct(column.type.value_type)
                assert column.null_count == 0, "a header without lines has an empty list"

    async def test_an_empty_read_is_one_complete_page_with_columns(self, subject: Subject) -> None:
        await self.need(subject, "by_keys")

        (page,) = await pages(
            subject.driver, ReadRequest(subject.stream, ReadMode.BY_KEYS, keys=["no such record"])
        )

        assert page.table.num_rows == 0
        assert page.complete
        assert KEY_COLUMN in page.table.column_names

    # --- paging

    async def test_any_page_size_yields_the_same_records_in_the_same_order(self, subject: Subject) -> None:
        whole = rows(await self.scan(subject, page_rows=100_000))

        for size in subject.page_sizes:
            assert rows(await self.scan(subject, page_rows=size)) == whole

    async def test_two_scans_of_a_source_at_rest_are_equal(self, subject: Subject) -> None:
        assert rows(await self.scan(subject)) == rows(await self.scan(subject))

    @pytest.mark.parametrize("mode", [ReadMode.SCAN, ReadMode.KEYS, ReadMode.WINDOW, ReadMode.CHANGES])
    async def test_from_every_cursor_a_read_goes_on_with_exactly_the_rest(
        self, subject: Subject, mode: ReadMode
    ) -> None:
        if mode is ReadMode.CHANGES:
            await self.need(subject, "incremental")
        if mode is ReadMode.KEYS:
            await self.need(subject, "keys")
        end = await subject.driver.signpost(subject.stream) if mode is ReadMode.CHANGES else None
        request = ReadRequest(subject.stream, mode, end=end, page_rows=7)
        whole = await pages(subject.driver, request)

        for number in range(0, len(whole), max(1, len(whole) // 10)):
            rest = await pages(subject.driver, replace(request, after=whole[number].cursor))
            assert keys(rest) == keys(whole[number + 1 :])

    async def test_a_cursor_outlives_the_driver_object_and_the_page_size(self, subject: Subject) -> None:
        whole = await self.scan(subject, page_rows=3)

        request = ReadRequest(subject.stream, ReadMode.SCAN, after=whole[0].cursor, page_rows=11)
        assert keys(await pages(subject.driver, request)) == keys(whole)[3:]

    async def test_a_cursor_of_another_make_is_refused_and_not_guessed_at(self, subject: Subject) -> None:
        for cursor in ("", "{}", "[]", "null", '{"v":999}', "not json", "5"):
            request = ReadRequest(subject.stream, ReadMode.SCAN, after=cursor)
            with pytest.raises(DriverError):
                await pages(subject.driver, request)

    async def test_a_read_may_be_left_early_and_the_driver_goes_on_working(self, subject: Subject) -> None:
        reading = subject.driver.read(ReadRequest(subject.stream, ReadMode.SCAN, page_rows=1))
        async with aclosing(reading) as left_early:  # type: ignore[type-var]
            await anext(left_early)

        assert len(await self.scan(subject)) >= 1

    async def test_a_cancelled_read_leaves_the_driver_usable(self, subject: Subject) -> None:
        task = asyncio.ensure_future(self.scan(subject, page_rows=1))
        await asyncio.sleep(0)  # noqa: TID251 - gives the loop a turn, waits for nothing
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert rows(await self.scan(subject))

    # --- the modes

    async def test_keys_mode_yields_the_keys_of_a_scan_and_nothing_else(self, subject: Subject) -> None:
        await self.need(subject, "keys")

        found = await pages(subject.driver, ReadRequest(subject.stream, ReadMode.KEYS, page_rows=7))

        assert all(page.table.column_names == [KEY_COLUMN] for page in found)
        assert keys(found) == keys(await self.scan(subject))

    async def test_by_keys_yields_the_named_rows_that_exist(self, subject: Subject) -> None:
        await self.need(subject, "by_keys")
        whole = {row[KEY_COLUMN]: row for row in rows(await self.scan(subject))}
        wanted = list(whole)[::2]

        for size in (1, 3, 1_000):
            request = ReadRequest(subject.stream, ReadMode.BY_KEYS, keys=[*wanted, *wanted], page_rows=size)
            found = rows(await pages(subject.driver, request))
            assert Counter(row[KEY_COLUMN] for row in found) == Counter(wanted)
            assert all(row == whole[row[KEY_COLUMN]] for row in found)

    async def test_odd_keys_find_nothing_and_harm_nothing(self, subject: Subject) -> None:
        await self.need(subject, "by_keys")
        before = keys(await self.scan(subject))
        odd = [key for key in ODD_KEYS if key not in before]

        found = await pages(
            subject.driver, ReadRequest(subject.stream, ReadMode.BY_KEYS, keys=[*odd, before[0]])
        )

        assert keys(found) == [before[0]]
        assert keys(await self.scan(subject)) == before

    async def test_a_window_without_start_is_everything(self, subject: Subject) -> None:
        found = await pages(subject.driver, ReadRequest(subject.stream, ReadMode.WINDOW, page_rows=7))

        assert rows(found) == rows(await self.scan(subject))

    async def test_a_window_from_the_signpost_holds_no_more_than_everything(self, subject: Subject) -> None:
        await self.need(subject, "incremental")
        start = await subject.driver.signpost(subject.stream)

        found = await pages(
            subject.driver, ReadRequest(subject.stream, ReadMode.WINDOW, start=start, page_rows=7)
        )

        assert set(keys(found)) <= set(keys(await self.scan(subject)))

    async def test_a_signpost_has_a_kind_and_two_of_them_never_go_back(self, subject: Subject) -> None:
        await self.need(subject, "incremental")

        first = await subject.driver.signpost(subject.stream)
        second = await subject.driver.signpost(subject.stream)

        assert isinstance(first, Mark)
        assert isinstance(second, Mark)
        assert first.kind is second.kind
        assert isinstance(first.kind, MarkKind)
        if first.kind is MarkKind.INTEGER:
            assert int(first.value) <= int(second.value)
        else:
            assert first.value <= second.value

    async def test_changes_up_to_the_signpost_are_among_everything(self, subject: Subject) -> None:
        await self.need(subject, "incremental")
        whole = {row[KEY_COLUMN]: row for row in rows(await self.scan(subject))}

        found = rows(await self.changes(subject, subject.stream, page_rows=7))

        assert len({row[KEY_COLUMN] for row in found}) == len(found) > 0
        assert all(row == whole[row[KEY_COLUMN]] for row in found)

    async def test_a_thousand_equal_change_stamps_are_neither_skipped_nor_repeated(
        self, subject: Subject
    ) -> None:
        if subject.ties is None:
            pytest.skip("the subject has no stream of equal change stamps")

        found = keys(await self.changes(subject, subject.ties, page_rows=7))

        assert len(found) == len(set(found)) == 1_000


def _leaves(schema: pa.Schema) -> Iterable[tuple[str, pa.DataType]]:
    for field in schema:
        if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
            yield from ((f"{field.name}.{inner.name}", inner.type) for inner in field.type.value_type)
        else:
            yield field.name, field.type
