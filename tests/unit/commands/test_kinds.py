from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.commands.answers import RESULT_BYTES, size_of
from agent.commands.arguments import read_arguments
from agent.commands.diagnostics import Diagnostics
from agent.commands.inspecting import CheckConnection, Discover, described
from agent.commands.pausing import Pause, Resume
from agent.commands.ports import Answer, Call, Refused, State
from agent.commands.reading import ReadRecord
from agent.commands.records import RecordRejected
from agent.commands.syncing import Requeue, Resync, Sync
from agent.errors import ConfigurationError, CredentialsRefused, GroundwireError, Paused, Unreachable
from agent.model.run import RunCounts, RunMode, RunReport, RunStatus, RunTrigger
from agent.outbox.store import OutboxStats, RunRecord, StoredLetter
from agent.policy.decision import Decision
from agent.sync.runner import RunResult
from agent.tunnel.link import LinkPhase, LinkState
from drivers.contract import Catalogue, CheckStep, Column, Table

NOW = ManualClock().utcnow()
ALLOWED = Decision(allowed=True, code="allowed", why="")


def judge(_connection: str, _name: str, _now: datetime) -> Decision:
    return ALLOWED


def call(progress: Callable[[Mapping[str, Any]], Any] | None = None) -> Call:
    async def tell(told: Mapping[str, Any]) -> None:
        if progress is not None:
            progress(told)

    return Call("c1", NOW + timedelta(hours=1), Actor(Origin.RELAY), tell)


def report(address: str = "erp/orders") -> RunReport:
    return RunReport(
        "r1", address, "erp", "vendor", RunTrigger.COMMAND, RunMode.RESYNC, RunStatus.SUCCEEDED, NOW, NOW
    )


class FakeConnections:
    """Starts runs that end as scripted."""

    def __init__(self) -> None:
        self.watchers: set[Callable[[RunReport], None]] = set()
        self.started: list[dict[str, Any]] = []
        self.error: GroundwireError | None = None
        self.hindrance: GroundwireError | None = None
        self.hold = False
        self.futures: list[asyncio.Future[RunResult]] = []
        self.paused: set[str] = set()
        self.driver: Any = None

    def choose(
        self, connection: str, streams: Sequence[str] | None = None, entities: Sequence[str] | None = None
    ) -> list[tuple[str, str]]:
        if connection != "erp":
            raise ConfigurationError(f"there is no connection named {connection!r}")
        if "nothing" in [*(streams or ()), *(entities or ())]:
            raise ConfigurationError("the connection erp has no such stream; there are: orders, vendors")
        return [(connection, name) for name in streams or ("orders", "vendors")]

    def require(self, wanted: Sequence[tuple[str, str]]) -> None:
        if self.hindrance is not None:
            raise self.hindrance

    def require_credentials(self, name: str) -> None:
        if isinstance(self.hindrance, CredentialsRefused):
            raise self.hindrance

    def start_syncs(
        self, wanted: Sequence[tuple[str, str]], trigger: RunTrigger, **how: Any
    ) -> list[asyncio.Future[RunResult]]:
        self.started.append({"wanted": list(wanted), "trigger": trigger, **how})
        return self._runs(["/".join(pair) for pair in wanted])

    def fetch(
        self, keys: Mapping[str, Sequence[str]], trigger: RunTrigger
    ) -> list[asyncio.Future[RunResult]]:
        self.started.append({"keys": dict(keys), "trigger": trigger})
        return self._runs(list(keys))

    def _runs(self, addresses: list[str]) -> list[asyncio.Future[RunResult]]:
        for address in addresses:
            future: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
            if not self.hold:
                future.set_result(RunResult(report(address), self.error))
            self.futures.append(future)
        return self.futures[-len(addresses) :] if addresses else []

    def named(self, name: str) -> object:
        return self.choose(name)

    async def pause(self, name: str) -> None:
        self.paused.add(name)

    async def resume(self, name: str) -> None:
        self.paused.discard(name)

    def settings(self, name: str) -> Any:
        return SimpleNamespace(name=name, streams={})

    def aside(self, name: str) -> Any:
        return self.driver


async def carry_out(kind: Any, args: dict[str, Any], made: Call | None = None) -> Answer:
    arguments = read_arguments(kind.arguments, args)
    await kind.prepare(arguments)
    answer: Answer = await kind.run(made or call(), arguments)
    return answer


async def test_a_sync_answers_with_its_runs() -> None:
    connections = FakeConnections()

    answer = await carry_out(Sync(connections, judge), {"connection": "erp", "streams": ["orders"]})

    assert answer.state is State.SUCCEEDED
    assert [run["stream"] for run in answer.result["runs"]] == ["erp/orders"]
    assert connections.started == [
        {"wanted": [("erp", "orders")], "trigger": RunTrigger.COMMAND, "full": False}
    ]


async def test_a_failed_sync_tells_the_code_of_its_error_and_no_word_of_it() -> None:
    connections = FakeConnections()
    connections.error = Unreachable("host secret-erp is down")

    answer = await carry_out(Sync(connections, judge), {"connection": "erp"})

    assert (answer.state, answer.result["code"]) == (State.FAILED, "unreachable")
    assert "secret-erp" not in str(answer.result)


@pytest.mark.parametrize(
    ("args", "full", "since"),
    [
        ({}, True, None),
        ({"since": "2026-01-01T00:00:00Z"}, False, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
async def test_a_resync_is_of_everything_or_since_a_moment(
    args: dict[str, Any], full: bool, since: datetime | None
) -> None:
    connections = FakeConnections()

    await carry_out(Resync(connections, judge), {"connection": "erp", **args})

    assert (connections.started[0]["full"], connections.started[0]["since"]) == (full, since)


@pytest.mark.parametrize(
    ("kind", "args", "field"),
    [
        (Sync, {"streams": ["nothing"]}, "streams"),
        (Resync, {"entities": ["nothing"]}, "entities"),
        (partial(Requeue, letters=None), {"stream": "nothing"}, "stream"),
    ],
)
async def test_a_stream_that_is_not_there_is_a_fault_of_its_argument(
    kind: Any, args: dict[str, Any], field: str
) -> None:
    """And what there is instead is not told."""
    with pytest.raises(Refused, match="bad_arguments") as refused:
        await carry_out(kind(FakeConnections(), judge=judge), {"connection": "erp", **args})

    assert [fault.field for fault in refused.value.faults] == [field]
    assert "vendors" not in refused.value.faults[0].message


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01T00:00:00", 7])
def test_a_moment_that_is_none_is_a_fault_of_its_field(since: Any) -> None:
    with pytest.raises(Refused) as refused:
        read_arguments(Resync.arguments, {"connection": "erp", "since": since})

    assert [fault.field for fault in refused.value.faults] == ["since"]


@pytest.mark.parametrize(
    "args", [{"connection": "erp", "full": True}, {"connection": "ERP"}, {"connection": "a/b"}]
)
def test_a_sync_takes_nothing_that_is_not_an_argument_of_it(args: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="bad_arguments"):
        read_arguments(Sync.arguments, args)


@pytest.mark.parametrize("hindrance", [Paused(), CredentialsRefused(), ConfigurationError()])
async def test_what_cannot_run_is_refused_before_it_starts(hindrance: GroundwireError) -> None:
    connections = FakeConnections()
    connections.hindrance = hindrance

    with pytest.raises(type(hindrance)):
        await carry_out(Sync(connections, judge), {"connection": "erp"})

    assert connections.started == []


async def test_a_sync_tells_how_far_each_stream_has_come() -> None:
    connections, told = FakeConnections(), []
    connections.hold = True
    running = asyncio.create_task(
        carry_out(Sync(connections, judge), {"connection": "erp"}, call(told.append))
    )
    while not connections.futures:
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    for watcher in list(connections.watchers):
        watcher(replace(report(), counts=RunCounts(read=7)))
        watcher(report("mes/other"))
    while not told:
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    for future in connections.futures:
        future.set_result(RunResult(report(), None))
    await running

    assert list(told[0]["streams"]) == ["erp/orders"]
    assert told[0]["streams"]["erp/orders"]["read"] == 7
    assert connections.watchers == set()


async def test_a_cancelled_sync_wants_its_runs_no_more() -> None:
    connections = FakeConnections()
    connections.hold = True
    running = asyncio.create_task(carry_out(Sync(connections, judge), {"connection": "erp"}))
    while not connections.futures:
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert all(future.cancelled() for future in connections.futures)
    assert connections.watchers == set()


async def test_a_connection_that_is_stopped_interrupts_its_sync() -> None:
    connections = FakeConnections()
    connections.hold = True
    running = asyncio.create_task(carry_out(Sync(connections, judge), {"connection": "erp"}))
    while not connections.futures:
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop
    for future in connections.futures:
        future.cancel()

    assert (await running).result["code"] == "interrupted"


class FakeLetters:
    def __init__(self) -> None:
        self.requeued: list[int] = []
        self._letters = [
            StoredLetter(number, "erp/orders", "vendor", "r", f"K{number}", "f", "x", "m", 0, NOW, None, None)
            for number in range(1, 6)
        ]

    async def dead_letters(
        self, stream: str | None = None, *, after_id: int = 0, limit: int = 100, with_raw: bool = False
    ) -> list[StoredLetter]:
        return [one for one in self._letters if one.stream == stream and one.id > after_id][:2]

    async def requeue(self, ids: Sequence[int]) -> dict[str, tuple[str, ...]]:
        self.requeued += ids
        return {"erp/orders": tuple(f"K{number}" for number in ids)} if ids else {}


@pytest.mark.parametrize(("keys", "ids"), [(None, [1, 2, 3, 4, 5]), (["K2", "K9"], [2])])
async def test_dead_letters_are_requeued_by_key_or_all_of_them(
    keys: list[str] | None, ids: list[int]
) -> None:
    connections, letters = FakeConnections(), FakeLetters()
    args = {"connection": "erp"} if keys is None else {"connection": "erp", "keys": keys}

    answer = await carry_out(Requeue(connections, letters, judge), args)

    assert letters.requeued == ids
    assert (answer.state, answer.result["requeued"]) == (State.SUCCEEDED, len(ids))


async def test_keys_of_which_none_is_a_dead_letter_are_refused() -> None:
    with pytest.raises(Refused, match="not_found"):
        await carry_out(
            Requeue(FakeConnections(), FakeLetters(), judge), {"connection": "erp", "keys": ["K9"]}
        )


async def test_a_connection_is_paused_and_resumed() -> None:
    connections = FakeConnections()

    assert (await carry_out(Pause(connections, judge), {"connection": "erp"})).result == {"paused": True}
    assert connections.paused == {"erp"}
    assert (await carry_out(Resume(connections, judge), {"connection": "erp"})).result == {"paused": False}
    assert connections.paused == set()
    with pytest.raises(ConfigurationError):
        await carry_out(Pause(connections, judge), {"connection": "nobody"})


class FakeRecords:
    def __init__(self, found: Mapping[str, Any] | GroundwireError | None) -> None:
        self._found = found

    async def read(self, connection: str, entity: str, key: str) -> Mapping[str, Any] | None:
        if isinstance(self._found, GroundwireError):
            raise self._found
        return self._found


@pytest.mark.parametrize(
    ("found", "state", "result"),
    [
        ({"key": "7"}, State.SUCCEEDED, {"record": {"key": "7"}}),
        (None, State.FAILED, {"code": "not_found", "record": None}),
        (
            RecordRejected("total", "not_a_decimal", where="erp/orders"),
            State.FAILED,
            {
                "code": "record_rejected",
                "fields": [
                    {
                        "field": "total",
                        "code": "not_a_decimal",
                        "message": "the value at the source does not fit",
                    }
                ],
            },
        ),
    ],
)
async def test_a_record_is_read_as_it_is_now(found: Any, state: State, result: dict[str, Any]) -> None:
    kind = ReadRecord(FakeConnections(), FakeRecords(found), judge)

    answer = await carry_out(kind, {"connection": "erp", "entity": "vendor", "key": "7"})

    assert (answer.state, answer.result) == (state, result)


class FakeDriver:
    def __init__(self, *, ok: bool = True, tables: int = 0) -> None:
        self._ok = ok
        self._tables = tables

    async def check(self, _streams: Any = ()) -> list[CheckStep]:
        steps = [CheckStep("host name", ok=True, detail="secret-host resolves")]
        return (
            steps
            if self._ok
            else [*steps, CheckStep("port", ok=False, detail="secret-host", code="unreachable")]
        )

    async def discover(self) -> Catalogue:
        columns = tuple(Column(f"column_{number}", "text") for number in range(20))
        return Catalogue(tuple(Table(f"table_{n}", columns, ("column_0",)) for n in range(self._tables)))


@pytest.mark.parametrize(("ok", "state"), [(True, State.SUCCEEDED), (False, State.FAILED)])
async def test_a_test_tells_steps_and_codes_and_no_detail(ok: bool, state: State) -> None:
    connections = FakeConnections()
    connections.driver = FakeDriver(ok=ok)

    answer = await carry_out(CheckConnection(connections, judge), {"connection": "erp"})

    assert answer.state is state
    assert answer.result["steps"][0] == {"name": "host name", "ok": True, "code": ""}
    assert "secret-host" not in str(answer.result)


@pytest.mark.parametrize("kind", [CheckConnection, Discover])
async def test_credentials_that_were_refused_are_not_tried_by_a_command(kind: Any) -> None:
    connections = FakeConnections()
    connections.hindrance = CredentialsRefused()

    with pytest.raises(CredentialsRefused):
        await carry_out(kind(connections, judge), {"connection": "erp"})


async def test_discover_tells_tables_with_columns_types_and_keys() -> None:
    connections = FakeConnections()
    connections.driver = FakeDriver(tables=2)

    answer = await carry_out(Discover(connections, judge), {"connection": "erp", "tables": ["table_1"]})

    assert (answer.result["count"], answer.result["complete"]) == (1, True)
    table = answer.result["tables"][0]
    assert (table["name"], table["key"], table["columns"][3]) == (
        "table_1",
        ["column_0"],
        {"name": "column_3", "type": "text", "nullable": True},
    )


@pytest.mark.parametrize("count", [1, 40, 400, 4_000])
async def test_however_much_a_source_holds_its_description_fits(count: int) -> None:
    tables = (await FakeDriver(tables=count).discover()).tables

    whole = described(tables, None)
    named = described(tables, [table.name for table in tables])

    for told in (whole, named):
        assert size_of(told) <= RESULT_BYTES
        assert told["count"] == count
        assert told["complete"] is (count <= 40)
    assert len(named["tables"]) >= min(count, 30)
    assert len(whole["tables"]) >= min(count, 400)


class FakeOutbox:
    damaged = 0

    async def stats(self) -> OutboxStats:
        return OutboxStats({}, 3, 300, None, 2, 0, 4_096, 0)

    async def runs(self, stream: str | None = None, limit: int = 100) -> list[RunRecord]:
        error = {"code": "unreachable", "message": "secret-host is down", "where": "/secret/path", "hint": ""}
        return [
            RunRecord(
                f"r{number}",
                "erp/orders",
                "erp",
                "vendor",
                "command",
                "initial",
                "failed",
                NOW,
                NOW,
                {},
                error,
            )
            for number in range(limit)
        ]


async def test_diagnostics_hold_codes_and_numbers_and_fit_whatever_there_is() -> None:
    streams = [
        {
            "name": f"s{n}",
            "entity": "vendor",
            "state": "idle",
            "error": {"code": "unreachable", "hint": "secret"},
        }
        for n in range(100)
    ]
    status = {"name": "erp", "system": "nav", "driver": "odbc", "state": "idle", "streams": streams}
    statuses = SimpleNamespace(connections=lambda: [status] * 200)
    link = LinkState(LinkPhase.WAITING, NOW, error_code="unreachable", error="secret-host", hint="")

    answer = await carry_out(Diagnostics(statuses, FakeOutbox(), lambda: link, judge), {})

    assert size_of(answer.result) <= RESULT_BYTES
    assert answer.result["link"]["error"] == "unreachable"
    assert answer.result["outbox"]["pendingBatches"] == 3
    assert answer.result["runs"][0]["error"] == "unreachable"
    assert answer.result["connections"]
    assert "secret" not in str(answer.result)
