"""The runner over the real outbox and mapping; only the source is made up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.clock import ManualClock
from agent.errors import DeletionsHeld, SourceChanged, StorageFull, TransientError, Unreachable
from agent.model.run import RunMode, RunStatus
from agent.outbox.store import Entry, Outbox
from agent.sync.cursor import read_checkpoint
from drivers.contract import ReadMode, StreamSpec
from tests.unit.sync.running import ADDRESS, World, make_stream


async def test_the_initial_run_enqueues_every_record_and_ends_with_its_report(world: World) -> None:
    result = await world.run()
    batches = await world.new_batches()

    assert result.report.status is RunStatus.SUCCEEDED
    assert result.report.mode is RunMode.INITIAL
    assert (result.report.counts.read, result.report.counts.enqueued, result.report.counts.pages) == (7, 7, 3)
    assert [batch.kind.value for batch in batches] == ["run", "records", "records", "records", "run"]
    assert batches[-1].report is not None
    assert batches[-1].report.status is RunStatus.SUCCEEDED
    assert batches[-1].report.counts == result.report.counts


async def test_only_changed_records_travel_afterwards(world: World) -> None:
    await world.run()
    await world.travelled()
    world.source.put("K3", "99.00")
    world.source.put("NEW", "1.00")

    result = await world.run()

    assert await world.travelled() == (["K3", "NEW"], [])
    assert result.report.mode is RunMode.INCREMENTAL


async def test_the_row_at_the_floor_is_read_again_and_does_not_travel_again(world: World) -> None:
    """The bound is inclusive, because two rows may share a stamp; fingerprints keep the repeat off the wire."""
    await world.run()
    await world.travelled()

    result = await world.run()

    assert result.report.counts.read == 1
    assert result.report.counts.unchanged == 1
    assert await world.travelled() == ([], [])


async def test_a_source_without_a_change_column_is_compared_by_hash(world: World) -> None:
    world.source.stamped = False
    await world.run()
    await world.travelled()
    world.source.put("K3", "99.00")
    world.source.remove("K1")

    result = await world.run()

    assert await world.travelled() == (["K3"], ["K1"])
    assert (result.report.counts.read, result.report.counts.unchanged) == (6, 5)


async def test_a_deleted_record_becomes_a_tombstone_once(world: World) -> None:
    await world.run()
    await world.travelled()
    world.source.remove("K2")

    first = await world.run()
    assert await world.travelled() == ([], ["K2"])
    assert first.report.counts.tombstones == 1

    await world.run()
    assert await world.travelled() == ([], [])


@pytest.mark.parametrize("stamped", [True, False])
async def test_what_a_walk_passes_by_is_not_gone_while_its_key_finds_it(world: World, stamped: bool) -> None:
    world.source.stamped = stamped
    await world.run()
    await world.travelled()
    world.source.put("K3", "9.99")
    world.source.remove("K2")
    world.source.passed_by = {"K1", "K3"}

    result = await world.run()

    assert await world.travelled() == (["K3"], ["K2"])
    assert (result.error, result.report.counts.tombstones) == (None, 1)


@pytest.mark.parametrize("accept", [False, True])
async def test_many_that_a_walk_passes_by_are_looked_for_by_one_more_walk(world: World, accept: bool) -> None:
    """For so many a look at each key would cost more; the share of deletions is of what is gone indeed."""
    world.stream = make_stream(page_rows=1_000, max_share=0.1)
    world.source.stamped = False
    for number in range(2_000):
        world.source.put(f"N{number:04}", "1.00")
    await world.run()
    await world.travelled()
    world.source.remove("K2")
    world.source.passed_by = {f"N{number:04}" for number in range(1_500)}
    world.source.passing = 1
    world.source.requests.clear()

    result = await world.run(accept_deletions=accept)

    assert await world.travelled() == ([], ["K2"])
    assert (result.error, result.report.counts.tombstones) == (None, 1)
    assert [request.mode for request in world.source.requests] == [ReadMode.SCAN, ReadMode.KEYS]


async def test_a_record_that_comes_back_travels_again(world: World) -> None:
    await world.run()
    world.source.remove("K2")
    await world.run()
    await world.travelled()
    world.source.put("K2", "2.50")

    await world.run()

    assert await world.travelled() == (["K2"], [])


async def test_a_large_share_of_deletions_waits_for_a_person(world: World) -> None:
    for number in range(100, 140):
        world.source.put(f"K{number}", "1")
    await world.run()
    await world.travelled()
    for number in range(100, 140):
        world.source.remove(f"K{number}")

    held = await world.run()
    assert isinstance(held.error, DeletionsHeld)
    assert "--accept-deletions" in held.error.hint
    assert await world.travelled() == ([], [])

    accepted = await world.run(accept_deletions=True)
    assert accepted.error is None
    assert len((await world.travelled())[1]) == 40


async def test_deletions_are_not_concluded_from_a_walk_that_was_cut_short(world: World) -> None:
    world.source.stamped = False
    await world.run()
    await world.travelled()
    world.source.cut_short = True

    result = await world.run()

    assert isinstance(result.error, TransientError)
    assert await world.travelled() == ([], [])


async def test_a_failed_page_leaves_the_checkpoint_at_the_last_page_that_was_enqueued(world: World) -> None:
    world.source.fail_at_page, world.source.fault = 2, lambda: Unreachable("the source is gone")

    failed = await world.run()
    checkpoint = read_checkpoint(await world.outbox.checkpoint(ADDRESS))

    assert isinstance(failed.error, Unreachable)
    assert failed.report.status is RunStatus.FAILED
    assert (await world.travelled())[0] == ["K0", "K1", "K2"]
    assert checkpoint.under_way is not None
    assert checkpoint.under_way.cursor == "K2"


async def test_a_page_that_the_outbox_refuses_leaves_the_checkpoint_before_it(world: World) -> None:
    """Nothing else that a run writes, such as its report, moves the position past records that are not there."""
    append, pages = world.outbox.append, 0

    async def refuse_the_second_page(entry: Entry) -> tuple[int, ...]:
        nonlocal pages
        pages += entry.segment is not None
        if entry.segment is not None and pages == 2:
            raise StorageFull
        return await append(entry)

    world.outbox.append = refuse_the_second_page  # type: ignore[method-assign]
    failed = await world.run()
    checkpoint = read_checkpoint(await world.outbox.checkpoint(ADDRESS))

    assert isinstance(failed.error, StorageFull)
    assert (await world.travelled())[0] == ["K0", "K1", "K2"]
    assert checkpoint.under_way is not None
    assert checkpoint.under_way.cursor == "K2"


async def test_the_next_run_goes_on_behind_the_last_page_that_was_enqueued(world: World) -> None:
    world.source.fail_at_page, world.source.fault = 2, lambda: Unreachable("the source is gone")
    await world.run()
    await world.travelled()
    world.source.fail_at_page = None

    result = await world.run()

    assert world.source.requests[1].after == "K2"
    assert (await world.travelled())[0] == ["K3", "K4", "K5", "K6"]
    assert result.report.status is RunStatus.SUCCEEDED


async def test_the_words_of_an_error_stay_on_the_agent(world: World) -> None:
    """The relay learns the class of an error; the sentence may hold names and values of the customer."""
    world.source.fail_at_page, world.source.fault = 1, lambda: Unreachable("host secret-erp.local is down")

    await world.run()
    told = (await world.new_batches())[-1].report
    kept = (await world.outbox.runs(ADDRESS, 1))[0]

    assert told is not None
    assert told.error is not None
    assert (told.error.code, told.error.message) == ("unreachable", "")
    assert "secret-erp" in str(kept.error)


async def test_a_full_resync_sends_known_records_again_and_keeps_noticing_deletions(world: World) -> None:
    await world.run()
    await world.travelled()
    world.source.remove("K5")

    result = await world.run(full=True)

    assert await world.travelled() == ([f"K{number}" for number in (0, 1, 2, 3, 4, 6)], ["K5"])
    assert result.report.mode is RunMode.RESYNC


async def test_an_interrupted_full_resync_is_finished_by_the_next_run(world: World) -> None:
    await world.run()
    world.source.fail_at_page, world.source.fault = 2, lambda: Unreachable("the source is gone")
    await world.run(full=True)
    await world.travelled()
    world.source.fail_at_page = None

    result = await world.run()

    assert (await world.travelled())[0] == ["K3", "K4", "K5", "K6"]
    assert result.report.mode is RunMode.RESYNC


async def test_a_record_that_cannot_be_mapped_is_a_dead_letter_and_the_rest_goes_on(world: World) -> None:
    world.source.put("BAD", "not a number")

    result = await world.run()
    letters = await world.outbox.dead_letters(ADDRESS)
    told = [letter for batch in await world.new_batches() for letter in batch.letters]

    assert result.report.status is RunStatus.SUCCEEDED
    assert (result.report.counts.mapped, result.report.counts.dead_letters) == (7, 1)
    assert [(letter.key, letter.field) for letter in letters] == [("BAD", "totalNetValue")]
    assert [letter.key for letter in told] == ["BAD"]


async def test_an_unchanged_bad_record_is_not_reported_again(world: World) -> None:
    world.source.stamped = False
    world.source.put("BAD", "not a number")
    await world.run()

    result = await world.run()

    assert result.report.counts.dead_letters == 0
    assert len(await world.outbox.dead_letters(ADDRESS)) == 1


async def test_a_requeued_record_is_read_again_by_its_key(world: World) -> None:
    world.source.put("BAD", "not a number")
    await world.run()
    await world.travelled()
    world.source.rows["BAD"] = ("7.00", world.source.rows["BAD"][1])

    result = await world.run(keys=("BAD",), walk=False)

    assert await world.travelled() == (["BAD"], [])
    assert result.report.counts.read == 1
    assert await world.outbox.dead_letters(ADDRESS) == []


async def test_a_row_that_no_pass_brought_is_found_by_the_comparison_of_keys(world: World) -> None:
    """A row committed late, with a stamp behind the floor, is repaired where everything is covered."""
    await world.run()
    await world.travelled()
    world.source.rows["LATE"] = ("5.00", 1)
    world.source.rows = dict(world.source.rows)
    world.stream = make_stream()
    world.source.now += 5

    await world.run()

    assert "LATE" in (await world.travelled())[0]
    assert world.source.requests[-1].mode is ReadMode.BY_KEYS


async def test_keys_are_compared_only_as_often_as_configured(world: World) -> None:
    world.stream = make_stream(every=timedelta(hours=1))
    await world.run()
    world.source.remove("K1")

    world.clock.advance(60)
    early = await world.run()
    world.clock.advance(3600)
    late = await world.run()

    assert (early.report.counts.tombstones, late.report.counts.tombstones) == (0, 1)


async def test_a_key_twice_in_a_page_is_one_clear_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = world.source._chosen
    monkeypatch.setattr(
        world.source, "_chosen", lambda request: [row for row in chosen(request) for _ in range(2)]
    )

    result = await world.run()

    assert isinstance(result.error, SourceChanged)
    assert "'K0'" in result.error.message
    assert "`key`" in result.error.hint
    assert (await world.travelled())[0] == []


async def test_a_cancelled_run_says_so_and_resumes(world: World) -> None:
    reached = asyncio.Event()
    original = world.outbox.append

    async def append_then_hold(entry):
        seqs = await original(entry)
        if entry.segment is not None:
            reached.set()
            await asyncio.sleep(3600)  # noqa: TID251 - held until cancelled
        return seqs

    world.outbox.append = append_then_hold  # type: ignore[method-assign]
    task = asyncio.create_task(world.run())
    await reached.wait()
    world.outbox.append = original  # type: ignore[method-assign]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await world.outbox.runs(ADDRESS, 1))[0].status == "cancelled"
    await world.run()
    assert sorted(await world.replica()) == [f"K{number}" for number in range(7)]


async def test_a_query_changed_in_the_middle_of_the_first_pass_is_read_from_its_beginning(
    world: World,
) -> None:
    """The cursor is a place in the old query; the new one may order and choose its rows otherwise."""
    world.source.fault = lambda: Unreachable("scripted")
    world.source.fail_at_page = 2
    await world.run()
    world.source.fail_at_page = None
    world.source.put("A", "9.50")  # what only the new query yields, before the place of the cursor
    world.stream = replace(
        make_stream(compare=False),
        spec=StreamSpec("orders", "purchase_order", {"query": "select * from all_orders"}),
    )

    assert (await world.run()).error is None
    assert sorted(await world.replica()) == ["A", *(f"K{number}" for number in range(7))]


async def test_a_run_that_a_fault_of_ours_ends_is_not_told_as_running_for_ever(world: World) -> None:
    world.source.fail_at_page = 2
    world.source.fault = ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await world.run()

    assert (await world.outbox.runs(ADDRESS, 1))[0].status == "failed"
    told = (await world.new_batches())[-1].report
    assert told is not None
    assert told.error is not None
    assert (told.status, told.error.code) == (RunStatus.FAILED, "unexpected")


async def test_a_cancelled_run_ends_also_where_no_report_can_be_kept(world: World) -> None:
    reached = asyncio.Event()

    async def hold(_request):
        reached.set()
        await asyncio.sleep(3600)  # noqa: TID251 - held until cancelled
        yield

    async def refuse(_entry):
        raise StorageFull

    world.source.read = hold  # type: ignore[method-assign]
    task = asyncio.create_task(world.run())
    await reached.wait()
    world.outbox.append = refuse  # type: ignore[method-assign]
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 12), st.integers(0, 99)),
        st.tuples(st.just("remove"), st.integers(0, 12), st.just(0)),
        st.tuples(st.just("run"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("full"), st.integers(0, 3), st.just(0)),
    ),
    max_size=25,
)


@given(history=steps, stamped=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_history_a_run_that_succeeds_leaves_an_exact_copy(
    history: list[tuple[str, int, int]], stamped: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever changed and wherever runs failed, the batches in order make what the source holds."""

    async def live() -> None:
        path = tmp_path_factory.mktemp("history") / "outbox.db"
        async with await Outbox.open(path, clock=ManualClock()) as outbox:
            world = World(outbox, make_stream(max_share=1.0))
            world.source.stamped = stamped
            world.source.fault = lambda: Unreachable("scripted")
            for verb, number, value in history:
                if verb == "put":
                    world.source.put(f"K{number:02}", f"{value}.25")
                elif verb == "remove" and f"K{number:02}" in world.source.rows:
                    world.source.remove(f"K{number:02}")
                elif verb in ("run", "full"):
                    world.source.fail_at_page = number or None
                    await world.run(full=verb == "full")
            world.source.fail_at_page = None
            # A pass that was cut short ends with the bounds it began with: what changed behind its cursor comes next.
            await world.run()
            result = await world.run()

            expected = {key: total for key, (total, _) in world.source.rows.items()}
            assert result.error is None
            assert {key: float(total) for key, total in (await world.replica()).items()} == {
                key: float(total) for key, total in expected.items()
            }

    asyncio.run(live())


async def test_a_run_whose_end_a_full_disk_did_not_take_is_closed_by_the_next(world: World) -> None:
    append = world.outbox.append

    async def refuse_the_end(entry: Entry) -> tuple[int, ...]:
        if entry.run_record is not None and entry.run_record.status != RunStatus.RUNNING:
            raise StorageFull
        return await append(entry)

    world.outbox.append = refuse_the_end  # type: ignore[method-assign]
    with pytest.raises(StorageFull):
        await world.run()
    world.outbox.append = append  # type: ignore[method-assign]

    await world.run()

    assert await world.outbox.unfinished_runs() == []
    ended = [batch.report for batch in await world.new_batches() if batch.report is not None]
    assert [(report.run, report.status) for report in ended if report.finished_at is not None] == [
        ("run001", RunStatus.CANCELLED),
        ("run002", RunStatus.SUCCEEDED),
    ]
