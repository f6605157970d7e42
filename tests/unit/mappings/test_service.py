from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.clock import ManualClock
from agent.errors import (
    AuditUnavailable,
    ConfigurationError,
    MoreRejects,
    SourceChanged,
    Stale,
    StorageDamaged,
    VersionMismatch,
)
from agent.mapping.overlay import Action, Change
from agent.mapping.paths import read_changes
from agent.mappings import preview, versions
from agent.mappings.service import amend
from agent.mappings.versions import VersionStore
from drivers.contract import ReadMode
from tests.unit.mappings.probing import ANNA, BASE, World

REGION = Change(("custom", "region"), spec="region")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ManualClock())


def in_force(world: World) -> Any:
    return amend(VersionStore(world.folder), world.settings()).streams["orders"].map


async def test_a_change_is_in_force_at_once_kept_and_audited(world: World) -> None:
    done = await world.mappings.change("erp", "orders", [REGION], ANNA, note="asked for")

    assert (done.version, done.paths) == (1, ("customFields.region",))
    assert in_force(world) == {**BASE, "custom": {"region": "region"}}
    assert world.restarted == ["erp"]
    (line,) = world.trail.lines
    assert (line[0], line[1], line[2]["version"], line[2]["paths"]) == (
        "mapping_changed",
        ANNA,
        1,
        ["customFields.region"],
    )
    assert line[2]["before"] != line[2]["after"]
    (version,) = world.service().read("erp", "orders").history.versions
    assert (version.number, version.actor, version.note) == (1, ANNA, "asked for")


async def test_a_preview_shows_both_sides_and_changes_nothing(world: World) -> None:
    change = Change(("totalNetValue",), spec={"from": "total", "as": "decimal", "scale": 1})

    found = await world.mappings.preview("erp", "orders", [change, REGION])

    assert found.tried == 3
    assert found.before is not None
    assert (set(found.before.rejected), set(found.after.rejected)) == ({"3"}, {"3"})
    rows = {row.key: row for row in found.rows()}
    assert [(one.field, one.before, one.after) for one in rows["1"].differences] == [
        ("customFields.region", None, "north")
    ]
    assert in_force(world) == BASE
    assert world.trail.lines == []


async def test_a_record_of_many_values_shows_its_first_differences_and_their_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MAX_DIFFERENCES", 3)
    changes = [Change(("custom", f"x{number}"), spec="region") for number in range(10)]

    (first, *_) = (await world.mappings.preview("erp", "orders", changes)).rows()

    assert [one.field for one in first.differences] == [
        "customFields.x0",
        "customFields.x1",
        "customFields.x2",
    ]
    assert first.more == 7


async def test_rows_of_a_preview_are_rendered_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred orders of ten thousand lines each are a page of Arrow, and would be gigabytes of documents."""
    rendered: list[int] = []
    render = preview.to_documents

    def counted(records: Any, rows: Any, **more: Any) -> Any:
        rendered.append(len(rows))
        return render(records, rows, **more)

    monkeypatch.setattr(preview, "to_documents", counted)
    rows = (await world.mappings.preview("erp", "orders", [REGION])).rows()

    assert rendered == []
    next(rows)
    assert rendered == [1, 1]


async def test_a_preview_reads_named_records_by_their_keys_and_only_the_columns_it_needs(
    world: World,
) -> None:
    found = await world.mappings.preview("erp", "orders", [], keys=["2"])

    (request,) = world.source.requests
    assert (request.mode, request.stream.columns) == (ReadMode.BY_KEYS, ("no", "total"))
    assert found.keys == ("2",)


async def test_a_change_for_another_version_than_the_one_in_force_is_refused(world: World) -> None:
    await world.mappings.change("erp", "orders", [REGION], ANNA, based_on=0)

    with pytest.raises(Stale):
        await world.mappings.change("erp", "orders", [Change(("title",), spec="no")], ANNA, based_on=0)

    assert world.mappings.read("erp", "orders").history.number == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Change(("title",), spec={"frm": "no"}), ConfigurationError),
        (Change(("title",), spec="nowhere"), SourceChanged),
        (Change(("orderNo",), Action.REMOVE), ConfigurationError),
        (Change(("totalNetValue",), spec={"from": "region", "as": "decimal"}), MoreRejects),
    ],
)
async def test_what_would_not_work_is_refused_and_changes_nothing(
    world: World, change: Change, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await world.mappings.change("erp", "orders", [change], ANNA)

    assert in_force(world) == BASE
    assert (world.restarted, world.trail.lines) == ([], [])


async def test_more_rejects_may_be_accepted(world: World) -> None:
    change = Change(("totalNetValue",), spec={"from": "region", "as": "decimal"})

    done = await world.mappings.change("erp", "orders", [change], ANNA, accept_rejects=True)

    assert done.version == 1
    assert done.comparison is not None
    assert len(done.comparison.after.rejected) == 3


async def test_a_mapping_whose_column_went_can_be_mended(world: World) -> None:
    world.base = {"orderNo": "no", "title": "gone"}

    done = await world.mappings.change("erp", "orders", [Change(("title",), spec="region")], ANNA)

    assert done.version == 1


async def test_without_the_audit_log_nothing_is_changed(world: World) -> None:
    world.trail.broken = True

    with pytest.raises(AuditUnavailable):
        await world.mappings.change("erp", "orders", [REGION], ANNA)

    assert in_force(world) == BASE


async def test_any_version_can_be_put_in_force_again_as_a_new_one(world: World) -> None:
    await world.mappings.change("erp", "orders", [REGION], ANNA)
    await world.mappings.change("erp", "orders", [Change(("title",), spec="region")], ANNA)

    back = await world.mappings.revert("erp", "orders", 1, ANNA)

    assert (back.version, back.paths) == (3, ("title",))
    assert in_force(world) == {**BASE, "custom": {"region": "region"}}
    assert (await world.mappings.revert("erp", "orders", 0, ANNA)).version == 4
    assert in_force(world) == BASE
    with pytest.raises(ConfigurationError, match="version 9 is not kept"):
        await world.mappings.revert("erp", "orders", 9, ANNA)


async def test_a_change_that_says_what_is_said_makes_no_version(world: World) -> None:
    done = await world.mappings.change("erp", "orders", [Change(("orderNo",), spec="no")], ANNA)

    assert (done.version, done.paths) == (0, ())
    assert world.restarted == []


async def test_what_the_file_says_by_now_is_let_go_of(world: World) -> None:
    await world.mappings.change("erp", "orders", [REGION, Change(("title",), spec="region")], ANNA)
    world.base = {**BASE, "custom": {"region": "region"}}

    adopted = await world.mappings.adopt("erp", "orders", ANNA)

    assert adopted.paths == ("customFields.region",)
    assert in_force(world) == {**world.base, "title": "region"}
    assert world.restarted == ["erp"], "what is in force is the same as before"


async def test_who_gives_up_waiting_leaves_a_version_that_is_in_force_or_none(world: World) -> None:
    task = asyncio.ensure_future(world.mappings.change("erp", "orders", [REGION], ANNA))
    while not world.trail.lines:
        await asyncio.sleep(0)  # noqa: TID251 - turns of the loop
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert world.mappings.read("erp", "orders").history.number == 1
    assert world.restarted == ["erp"]


async def test_two_changes_at_once_are_two_versions(world: World) -> None:
    await asyncio.gather(
        world.mappings.change("erp", "orders", [REGION], ANNA),
        world.mappings.change("erp", "orders", [Change(("title",), spec="region")], ANNA),
    )

    assert world.mappings.read("erp", "orders").history.number == 2
    assert in_force(world) == {**BASE, "custom": {"region": "region"}, "title": "region"}


async def test_only_the_newest_thousand_versions_are_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "MAX_VERSIONS", 3)
    for number in range(5):
        await world.mappings.change("erp", "orders", [Change(("notes",), spec={"const": str(number)})], ANNA)

    kept = world.service().read("erp", "orders").history

    assert [one.number for one in kept.versions] == [3, 4, 5]


async def test_a_file_that_grew_too_large_loses_its_oldest_versions_and_never_the_newest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "MAX_FILE_BYTES", 2_000)
    for number in range(10):
        await world.mappings.change("erp", "orders", [Change(("notes",), spec={"const": str(number)})], ANNA)

    kept = world.service().read("erp", "orders").history

    assert 0 < len(kept.versions) < 10
    assert in_force(world)["notes"] == {"const": "9"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "no text",
        '{"format": 1}',
        '{"format": 1, "sha256": "", "connection": "erp"}\n{}',
    ],
)
async def test_a_damaged_file_is_refused_and_not_taken_for_no_changes(world: World, text: str) -> None:
    """The file alone might let travel what was removed at run time."""
    await world.mappings.change("erp", "orders", [REGION], ANNA)
    file = world.folder / "mappings" / "erp.json"
    file.write_text(text)

    with pytest.raises(StorageDamaged) as refused:
        in_force(world)

    assert "from a backup" in refused.value.hint
    with pytest.raises(StorageDamaged):
        await world.mappings.change("erp", "orders", [REGION], ANNA)
    assert file.read_text() == text, "it is left as it is"


async def test_a_file_of_a_newer_groundwire_is_refused(world: World) -> None:
    await world.mappings.change("erp", "orders", [REGION], ANNA)
    file = world.folder / "mappings" / "erp.json"
    file.write_text(json.dumps({"format": 2, "what": "ever"}) + "\nwhatever")

    with pytest.raises(VersionMismatch) as refused:
        in_force(world)

    assert "newer" in refused.value.hint


async def test_the_changes_of_another_connection_are_refused(world: World) -> None:
    await world.mappings.change("erp", "orders", [REGION], ANNA)
    (world.folder / "mappings" / "erp.json").rename(world.folder / "mappings" / "crm.json")

    with pytest.raises(StorageDamaged, match="another connection: erp") as refused:
        VersionStore(world.folder).history("crm", "orders")

    assert "groundwire mapping export erp/STREAM" in refused.value.hint


async def test_an_edit_of_the_file_that_has_no_effect_is_said_until_somebody_decides(world: World) -> None:
    world.base["title"] = "no"
    await world.mappings.change("erp", "orders", [Change(("title",), spec="region"), REGION], ANNA)
    assert world.mappings.read("erp", "orders").edited == ()

    world.base = {**world.base, "title": "total", "custom": {"region": "no"}}
    assert world.service().read("erp", "orders").edited == ("customFields.region", "title")

    # Another change of the same stream is no word about these.
    await world.mappings.change("erp", "orders", [Change(("notes",), spec="region")], ANNA)
    assert world.mappings.read("erp", "orders").edited == ("customFields.region", "title")
    await world.mappings.change("erp", "orders", [Change(("title",), Action.RESET)], ANNA)
    assert world.mappings.read("erp", "orders").edited == ("customFields.region",)
    await world.mappings.change("erp", "orders", [Change(("custom", "region"), spec="total")], ANNA)
    assert world.mappings.read("erp", "orders").edited == ()
    assert in_force(world)["title"] == "total"


async def test_the_log_says_which_edits_have_no_effect(world: World) -> None:
    await world.mappings.change("erp", "orders", [Change(("title",), spec="region")], ANNA)
    world.base["title"] = "no"

    with capture_logs() as lines:
        amend(VersionStore(world.folder), world.settings(), telling=True)
        amend(VersionStore(world.folder), world.settings())

    assert [(line["event"], line["stream"], line["fields"]) for line in lines] == [
        ("mapping_edits_without_effect", "erp/orders", ["title"])
    ]


async def test_a_file_that_changes_while_a_change_is_tried_refuses_it(world: World) -> None:
    """What was tried is not what would be in force."""
    world.source.on_read = lambda: setattr(world, "base", {**BASE, "title": "region"})

    with pytest.raises(Stale):
        await world.mappings.change("erp", "orders", [REGION], ANNA)

    assert world.mappings.read("erp", "orders").history.number == 0
    assert world.trail.lines == []


@pytest.mark.parametrize(
    "path", [("key",), ("sourceKey",), ("contentHash",), ("raw",), ("read", "key"), ("replication_key",)]
)
async def test_neither_key_nor_replication_key_nor_what_the_agent_makes_is_changed_by_a_mapping(
    path: tuple[str, ...],
) -> None:
    with pytest.raises(ConfigurationError):
        read_changes([{"path": list(path), "spec": "region"}], "purchase_order")


async def test_an_edit_of_the_file_shows_through_except_where_a_change_holds(world: World) -> None:
    await world.mappings.change("erp", "orders", [Change(("title",), spec="region")], ANNA)
    world.base = {"orderNo": "no", "title": "no", "notes": "region"}

    assert in_force(world) == {"orderNo": "no", "title": "region", "notes": "region"}


async def test_a_source_without_rows_refuses_no_change(world: World) -> None:
    world.source.shown = 0

    assert (await world.mappings.change("erp", "orders", [REGION], ANNA)).version == 1


async def test_a_name_that_is_not_there_is_said(world: World) -> None:
    with pytest.raises(ConfigurationError, match="no stream named 'ordres'"):
        world.mappings.read("erp", "ordres")
    with pytest.raises(ConfigurationError, match="no connection named 'epr'"):
        world.mappings.read("epr", "orders")
