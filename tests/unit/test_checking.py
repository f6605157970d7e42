from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from agent.checking import check_connection, mapping_problems
from agent.errors import SourceChanged
from agent.settings import ConnectionSettings, load
from drivers.contract import CheckStep, Operation, OperationKind, Page, ReadRequest, StreamSpec

VENDORS = """driver = "odbc"
[streams.vendors]
entity = "vendor"
[streams.vendors.read]
query = "select * from v"
key = ["id"]
[streams.vendors.map]
name = "name"
isActive = { from = "active", as = "boolean" }
"""


def page(*active: str, columns: Sequence[str] = ("id", "name", "active")) -> Page:
    rows = len(active)
    table = {
        "__key": [str(n) for n in range(rows)],
        "id": range(rows),
        "name": ["x"] * rows,
        "active": active,
    }
    kinds = {"__key": pa.string(), "id": pa.int64(), "name": pa.string(), "active": pa.string()}
    names = ["__key", *columns]
    return Page(pa.table({name: pa.array(table[name], kinds[name]) for name in names}), None, complete=True)


class Source:
    def __init__(self, *pages: Page, steps: Sequence[CheckStep] = (), error: Exception | None = None) -> None:
        self.pages, self.steps, self.error = pages, steps, error
        self.reads: list[ReadRequest] = []
        self.asked: list[str] = []
        self.can: list[Operation] = []

    async def check(self, streams: Sequence[StreamSpec] = ()) -> Sequence[CheckStep]:
        self.asked = [stream.name for stream in streams]
        return [CheckStep("open", ok=True, detail="open"), *self.steps]

    async def operations(self, streams: Sequence[StreamSpec]) -> Sequence[Operation]:
        return [one for one in self.can if one.stream in {stream.name for stream in streams}]

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        self.reads.append(request)
        if self.error is not None:
            raise self.error
        for one in self.pages:
            yield one


@pytest.fixture
def settings(tmp_path: Path) -> ConnectionSettings:
    return settings_of(tmp_path, VENDORS)


def settings_of(folder: Path, text: str) -> ConnectionSettings:
    (folder / "connections").mkdir()
    (folder / "agent.toml").write_text('[agent]\nstate_dir = "state"\n')
    (folder / "connections" / "erp.toml").write_text(text)
    return load(folder).connections["erp"]


async def last_step(source: Source, settings: ConnectionSettings) -> CheckStep:
    return (await check_connection(source, settings))[-1]


async def test_the_first_records_are_mapped_and_no_more_are_read(settings: ConnectionSettings) -> None:
    source = Source(page("true", "false"), page("true"))

    step = await last_step(source, settings)

    assert (step.ok, step.stream, step.detail) == (True, "vendors", "the first 2 records map")
    assert len(source.reads) == 1
    assert source.reads[0].page_rows == 20


async def test_a_mapping_that_rejects_every_record_names_field_and_remedy(
    settings: ConnectionSettings,
) -> None:
    step = await last_step(Source(page("perhaps", "maybe")), settings)

    assert (step.ok, step.code) == (False, "record")
    assert "isActive" in step.detail
    assert "map" in step.hint


async def test_a_record_that_is_wrong_is_told_but_is_no_fault_of_the_mapping(
    settings: ConnectionSettings,
) -> None:
    step = await last_step(Source(page("true", "perhaps")), settings)

    assert step.ok
    assert "1 of the first 2" in step.detail
    assert "isActive" in step.detail


async def test_a_column_that_the_source_does_not_deliver_is_named_even_without_records(
    settings: ConnectionSettings,
) -> None:
    assert (await last_step(Source(page()), settings)).ok

    step = await last_step(Source(page(columns=("id", "name"))), settings)

    assert (step.ok, step.code) == (False, "source_changed")
    assert "active" in step.detail
    assert "groundwire discover" in step.hint


async def test_a_read_that_fails_is_a_step_that_failed(settings: ConnectionSettings) -> None:
    step = await last_step(Source(error=SourceChanged("gone", hint="Look.")), settings)

    assert (step.ok, step.code, step.hint) == (False, "source_changed", "Look.")


@pytest.mark.parametrize("stream", ["", "vendors"])
async def test_behind_a_failed_hop_or_stream_nothing_is_read(
    settings: ConnectionSettings, stream: str
) -> None:
    failed = CheckStep("x", ok=False, detail="refused", stream=stream, code="unreachable")
    source = Source(page("true"), steps=[failed])

    assert (await last_step(source, settings)) == failed
    assert source.reads == []


async def test_a_stream_that_cannot_be_written_has_its_records_tried_all_the_same(
    settings: ConnectionSettings,
) -> None:
    failed = CheckStep("writes of vendors", ok=False, detail="no session", stream="vendors")
    source = Source(page("true", "false"), steps=[failed])

    assert (await last_step(source, settings)).detail == "the first 2 records map"


async def test_a_mapping_that_does_not_compile_leaves_the_other_streams_to_be_tried(tmp_path: Path) -> None:
    other = VENDORS[VENDORS.index("[streams") :].replace("streams.vendors", "streams.others")
    settings = settings_of(tmp_path, VENDORS.replace("name =", "nam =") + other)
    source = Source(page("true"))

    steps = {step.name: step for step in await check_connection(source, settings)}

    assert source.asked == ["others"]
    assert steps["mapping of others"].ok
    wrong = steps["mapping of vendors"]
    assert (wrong.ok, wrong.code) == (False, "configuration")
    assert "nam" in wrong.detail


def test_every_mapping_that_does_not_compile_is_told_with_its_file(tmp_path: Path) -> None:
    others = VENDORS[VENDORS.index("[streams") :].replace("streams.vendors", "streams.others")
    settings = settings_of(tmp_path, (VENDORS + others).replace("name =", "nam ="))

    problems = mapping_problems(settings)

    assert [problem.where.split(": ")[1] for problem in problems] == [
        "erp/vendors.nam",
        "erp/others.nam",
    ]
    assert all(problem.where.startswith("connections/erp.toml:") for problem in problems)


async def test_a_write_that_asks_for_a_field_or_status_that_the_entity_has_not_is_named(
    tmp_path: Path,
) -> None:
    text = VENDORS + '[streams.vendors.write.create]\nsteps = [{ sql = "x" }]\n'
    source = Source(page("true"))
    source.can = [
        Operation("vendors", "vendor", OperationKind.CREATE, fields=("name", "nmae", "customFields.x")),
        Operation("vendors", "vendor", OperationKind.UPDATE, fields=("name",), updatable_in={"name": ()}),
    ]

    steps = await check_connection(source, settings_of(tmp_path, text))

    (wrong,) = [step for step in steps if not step.ok]
    assert (wrong.name, wrong.code) == ("writes of vendors", "configuration")
    assert "streams.vendors.write.create: the entity vendor has no field 'nmae'" in wrong.detail
    assert "name" in wrong.hint
