from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from agent.clock import ManualClock
from agent.errors import (
    CredentialsRefused,
    DriverCrashed,
    GroundwireError,
    PolicyDenied,
    SourceChanged,
    Unreachable,
)
from agent.policies.in_force import Leaves
from agent.policy.leave import EVERYTHING, LeaveFilter, compile_leave
from agent.policy.model import LeaveRule
from agent.previewing import AT_ONCE, MAX_EMPTY_PAGES, Wanted, beside_each_other, preview
from agent.settings import ConnectionSettings, load
from agent.streams import build_stream
from agent.sync.cursor import Checkpoint, Pass, PassKind
from drivers.contract import Mark, MarkKind, Page, ReadMode, ReadPlan, ReadRequest, StreamSpec

NOW = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
STAMP = Mark(MarkKind.TIMESTAMP, "2026-03-01T23:00:00")
VENDORS = """driver = "odbc"
[sync]
time_zone = "Europe/Berlin"
quiet_hours = ["22:00-05:00"]
page_rows = 100
[streams.vendors]
entity = "vendor"
[streams.vendors.read]
query = "select * from v"
key = ["id"]
[streams.vendors.map]
name = "name"
taxNumber = "tax"
isActive = { from = "active", as = "boolean" }
"""


def page(*active: str) -> Page:
    rows = [(str(n), f"V{n}", f"DE{n}", each) for n, each in enumerate(active)]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    names = ("__key", "name", "tax", "active")
    table = {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}
    return Page(pa.table(table), "cursor", complete=True)


class Source:
    """Answers as told, and remembers what it was asked; anything else would be an AttributeError."""

    def __init__(self, *pages: Page, plan: ReadPlan | None = None, signpost: Mark | None = STAMP) -> None:
        self.pages, self.mark = list(pages), signpost
        self.planned = plan or ReadPlan(("v",), 101)
        self.reads: list[ReadRequest] = []
        self.plans: list[ReadRequest] = []
        self.error: Exception | None = None
        self.asked = 0
        self.clock, self.silent = ManualClock(NOW), 0.0  # seconds before each error
        self.before: list[Page] = []  # of each read

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        self.asked += 1
        if self.error is not None:
            self.clock.advance(self.silent)
            raise self.error
        return self.mark

    async def plan(self, request: ReadRequest) -> ReadPlan:
        self.plans.append(request)
        return self.planned

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        self.reads.append(request)
        for empty in self.before:
            yield empty
        yield self.pages.pop(0)
        raise AssertionError("a preview asks for one page")


@pytest.fixture
def erp(tmp_path: Path) -> ConnectionSettings:
    (tmp_path / "connections").mkdir()
    (tmp_path / "agent.toml").write_text('[agent]\nstate_dir = "state"\n')
    (tmp_path / "connections" / "erp.toml").write_text(VENDORS)
    return load(tmp_path).connections["erp"]


def everything(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
    return EVERYTHING


def nothing(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
    raise PolicyDenied("nothing of it may leave", hint="write it into policy.toml")


async def looked_at(
    source: Source,
    erp: ConnectionSettings,
    *,
    leaving: Leaves = everything,
    checkpoint: Checkpoint | None = None,
    records: int = 3,
) -> dict[str, Any]:
    wanted = [Wanted(erp.streams["vendors"], checkpoint or Checkpoint())]
    (found,) = await preview(source, erp, wanted, leaving, clock=ManualClock(NOW), records=records)
    return found


async def test_a_first_sync_is_planned_as_it_would_run_and_one_small_page_is_read(
    erp: ConnectionSettings,
) -> None:
    plan = ReadPlan(("v",), rows_per_call=101, rows=1_234, exact=True, calls=14)
    source = Source(page("true", "no"), plan=plan)

    found = await looked_at(source, erp)

    first, deletions = found["reads"]
    assert (first["purpose"], first["mode"], first["start"], first["end"]) == (
        "initial",
        "window",
        "2025-12-01T23:00:00",
        "2026-03-01T23:00:00",
    )
    assert (first["rows"], first["pages"], first["calls"], first["objects"]) == (1_234, 13, 14, ["v"])
    assert (deletions["purpose"], deletions["mode"]) == ("deletions", "keys")
    assert [(read.mode, read.page_rows) for read in source.reads] == [(ReadMode.WINDOW, 3)]
    assert found["error"] is None


async def test_records_are_shown_as_they_would_leave_and_what_is_withheld_is_named(
    erp: ConnectionSettings,
) -> None:
    rule = LeaveRule.model_validate({"fields": ["name", "isActive"], "mask": ["taxNumber"]})

    def leaving(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
        return compile_leave(rule, entity, b"")

    sample = (await looked_at(Source(page("true", "perhaps")), erp, leaving=leaving))["sample"]

    assert sample["records"] == [{"key": "0", "name": "V0", "taxNumber": "***", "isActive": True}]
    assert sample["withheld_fields"] == {"masked": ["taxNumber"]}
    assert [(one["key"], one["field"], one["reason"]) for one in sample["rejects"]] == [
        ("1", "isActive", "not_a_boolean")
    ]
    assert (sample["tried"], sample["mapped"]) == (2, 1)


async def test_where_nothing_may_leave_the_mapping_is_shown_all_the_same(erp: ConnectionSettings) -> None:
    found = await looked_at(Source(page("true")), erp, leaving=nothing)

    assert found["policy"] == {
        "leaves": False,
        "why": "nothing of it may leave",
        "hint": "write it into policy.toml",
    }
    assert found["sample"]["records"][0]["taxNumber"] == "DE0"
    assert found["error"] is None


async def test_a_pass_that_was_cut_short_is_shown_going_on(erp: ConnectionSettings) -> None:
    reading = build_stream(erp, erp.streams["vendors"], EVERYTHING).reading
    step = Pass(PassKind.INITIAL, ReadMode.SCAN, end=STAMP, reading=reading, cursor="at 500", resumed=True)
    source = Source(page("true"))

    found = await looked_at(source, erp, checkpoint=Checkpoint(under_way=step))

    assert (found["reads"][0]["mode"], found["reads"][0]["resumes"]) == ("scan", True)
    assert source.reads[0].after == "at 500"
    assert source.plans[0].after is None


async def test_changes_since_the_floor_are_what_the_next_sync_reads(erp: ConnectionSettings) -> None:
    floor = replace(STAMP, value="2026-03-01T20:00:00")
    source = Source(page(), page("true"))

    found = await looked_at(source, erp, checkpoint=Checkpoint(floor=floor, initial_done=True))

    first = found["reads"][0]
    assert (first["purpose"], first["mode"], first["start"]) == ("changes", "changes", "2026-03-01T19:55:00")
    assert [read.mode for read in source.reads] == [ReadMode.CHANGES, ReadMode.SCAN]
    assert found["sample"]["of"] == "everything"


async def test_quiet_hours_that_apply_now_are_said(erp: ConnectionSettings) -> None:
    schedule = (await looked_at(Source(page("true")), erp))["schedule"]

    assert (schedule["every"], schedule["quiet_hours"], schedule["time_zone"]) == (
        "15m",
        ["22:00-05:00"],
        "Europe/Berlin",
    )
    assert schedule["quiet_until"] == "2026-03-02T04:00:00Z"


async def test_rows_that_nobody_can_count_leave_the_rest_to_be_seen(erp: ConnectionSettings) -> None:
    found = await looked_at(Source(page("true"), plan=ReadPlan(("v",), 101, notes=("No count.",))), erp)

    assert (found["reads"][0]["rows"], found["reads"][0]["pages"]) == (None, None)
    assert found["reads"][0]["notes"] == ["No count."]
    assert found["sample"]["mapped"] == 1


async def test_what_is_wrong_with_a_stream_stands_in_its_document(erp: ConnectionSettings) -> None:
    source = Source()
    source.error = Unreachable("nothing answered", where="erp")

    found = await looked_at(source, erp)

    assert (found["error"]["code"], found["sample"]) == ("unreachable", None)


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (CredentialsRefused("no"), 1),
        (Unreachable("down"), 1),
        (DriverCrashed("died"), 2),
        (SourceChanged("x"), 4),
    ],
    ids=["refused", "unreachable", "died", "one-stream-alone"],
)
async def test_once_the_way_to_the_source_is_closed_no_further_stream_is_tried(
    erp: ConnectionSettings, error: GroundwireError, asked: int
) -> None:
    """A try may lock an account, or take five minutes."""
    source = Source()
    source.error = error
    wanted = [Wanted(erp.streams["vendors"], Checkpoint())] * 4

    found = await preview(source, erp, wanted, everything, clock=source.clock, records=3)

    assert [one["error"]["code"] for one in found] == [error.code] * 4
    assert source.asked == asked


async def test_a_driver_that_hangs_is_waited_for_once_whatever_streams_there_are(
    erp: ConnectionSettings,
) -> None:
    source = Source()
    source.error, source.silent = DriverCrashed("gave no answer for 300 s and was ended"), 300.0
    wanted = [Wanted(erp.streams["vendors"], Checkpoint())] * 4

    found = await preview(source, erp, wanted, everything, clock=source.clock, records=3)

    assert [one["error"]["code"] for one in found] == ["driver_crashed"] * 4
    assert source.clock.monotonic() == 300.0


async def test_connections_are_looked_at_beside_each_other_and_told_in_their_order() -> None:
    gate = asyncio.Event()
    begun: list[int] = []

    async def look(number: int) -> list[dict[str, Any]]:
        begun.append(number)
        if len(begun) < AT_ONCE:
            await gate.wait()
        gate.set()
        return [{"stream": number}]

    found = await beside_each_other([partial(look, number) for number in range(AT_ONCE + 2)])

    assert [one["stream"] for one in found] == list(range(AT_ONCE + 2))


async def test_empty_pages_before_the_first_record_are_passed_over(erp: ConnectionSettings) -> None:
    empty = replace(page(), complete=False)
    source = Source(page("true"))
    source.before = [empty, empty]

    sample = (await looked_at(source, erp))["sample"]

    assert (sample["of"], sample["mapped"]) == ("pass", 1)


async def test_a_source_that_gives_empty_pages_alone_is_not_asked_for_ever(erp: ConnectionSettings) -> None:
    empty = replace(page(), complete=False)
    source = Source(empty, empty)
    source.before = [empty] * (MAX_EMPTY_PAGES - 1)

    sample = (await looked_at(source, erp))["sample"]

    assert (sample["tried"], [read.mode for read in source.reads]) == (0, [ReadMode.WINDOW, ReadMode.SCAN])
