"""What goes wrong inside a database while a write is under way: the outcome is true, and no half of an order is left."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from drivers.contract import BadConfiguration, OperationKind, Outcome, OutcomeStatus, StreamSpec, Unreachable
from drivers.odbc import transactions
from drivers.odbc.driver import OdbcDriver
from tests.integration.odbc_sources import Source
from tests.integration.odbc_write_sources import command

pytestmark = pytest.mark.integration

READ = {"query": "select ref, vendor from t_heads", "key": ["ref"]}
HEAD = {"insert": "t_heads", "values": {"ref": "idempotencyKey", "vendor": "vendorKey"}}
LINES = {
    "insert": "t_lines",
    "for_each": "lineItems",
    "values": {"ref": "idempotencyKey", "item": "lineItems.materialKey"},
}
FIND = "select ref from t_heads where ref = :idempotencyKey"
_numbers = itertools.count(1)

TABLES = (
    "create table t_heads (ref varchar(64) primary key, vendor varchar(20))",
    "create table t_lines (ref varchar(64) not null references t_heads (ref), item varchar(5) not null)",
)
POSTGRES = (
    "create table t_late (ref varchar(64) references t_heads (ref) deferrable initially deferred)",
    "create sequence t_tries",
    (
        "create function t_refuse() returns trigger language plpgsql as $$ begin"
        " if new.item = 'BAD' then raise exception 'Item BAD is not stocked' using errcode = 'GW007'; end if;"
        " return new; end $$"
    ),
    "create trigger t_stock before insert on t_lines for each row execute function t_refuse()",
    (
        "create function t_at_commit() returns trigger language plpgsql as $$ begin"
        " if new.vendor = 'LATE-NO' then raise exception 'Too late for LATE-NO' using errcode = 'GW008'; end if;"
        " if new.vendor = 'LATE-END' then perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1); end if;"
        " return new; end $$"
    ),
    (
        "create constraint trigger t_close after insert on t_heads deferrable initially deferred"
        " for each row execute function t_at_commit()"
    ),
    (
        "create procedure t_half(p_ref text) language plpgsql as $$ begin"
        " insert into t_heads values (p_ref, 'x'); raise exception 'half way'; end $$"
    ),
    (
        "create procedure t_commits(p_ref text) language plpgsql as $$ begin"
        " insert into t_heads values (p_ref, 'x'); commit; end $$"
    ),
    (
        "create procedure t_flaky(p_ref text) language plpgsql as $$ begin"
        " insert into t_heads values (p_ref, 'x');"
        " if nextval('t_tries') % 2 = 1 then raise exception 'again' using errcode = '40001'; end if; end $$"
    ),
    (
        "create procedure t_untidy(p_ref text) language plpgsql as $$ begin insert into t_heads values (p_ref, 'x');"
        " perform set_config('search_path', 'pg_catalog', false); end $$"
    ),
)
MARIADB = (
    "create sequence t_tries",
    "create table t_plain (ref varchar(64)) engine = myisam",
    (
        "create trigger t_stock before insert on t_lines for each row if new.item = 'BAD' then"
        " signal sqlstate '45000' set message_text = 'Item BAD is not stocked'; end if"
    ),
    (
        "create procedure t_half(p_ref varchar(64)) begin"
        " insert into t_heads values (p_ref, 'x'); signal sqlstate '45000' set message_text = 'half way'; end"
    ),
    "create procedure t_commits(p_ref varchar(64)) begin insert into t_heads values (p_ref, 'x'); commit; end",
    (
        "create procedure t_alters(p_ref varchar(64)) begin insert into t_heads values (p_ref, 'x');"
        " create table if not exists t_side (a integer); end"
    ),
    "create procedure t_rolls_back(p_ref varchar(64)) begin rollback; insert into t_heads values (p_ref, 'x'); end",
    (
        "create procedure t_flaky(p_ref varchar(64)) begin insert into t_heads values (p_ref, 'x');"
        " if nextval(t_tries) % 2 = 1 then signal sqlstate '40001' set message_text = 'again'; end if; end"
    ),
    (
        "create procedure t_untidy(p_ref varchar(64)) begin insert into t_heads values (p_ref, 'x');"
        " set session sql_mode = ''; set autocommit = 1; end"
    ),
)


@pytest.fixture(scope="module", params=["postgres", "mariadb"])
def troubled(request: pytest.FixtureRequest) -> Source:
    source: Source = request.getfixturevalue(f"writable_{request.param}")
    source.run(*TABLES, *(POSTGRES if source.kind == "postgres" else MARIADB))
    return source


@pytest.fixture
async def driver(troubled: Source, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OdbcDriver]:
    monkeypatch.setattr(transactions, "FIRST_PAUSE", 0.01)
    made = troubled.driver()
    yield made
    await made.aclose()


def only(source: Source, kind: str) -> None:
    if source.kind != kind:
        pytest.skip(f"a matter of {kind}")


def stream(*steps: dict[str, Any], **create: Any) -> StreamSpec:
    table = {"steps": list(steps), "key": ["idempotencyKey"], "find": FIND, **create}
    return StreamSpec("orders", "purchase_order", READ, write={"create": table})


class Written:
    """One create, and what of it is there."""

    def __init__(self, source: Source, spec: StreamSpec, **fields: Any) -> None:
        self.key = f"t-{next(_numbers)}"
        self.command = command(OperationKind.CREATE, {"vendorKey": "V", **fields}, spec, self.key)
        self._source = source

    def there(self) -> tuple[int, int]:
        connection = self._source.connect()
        heads, lines = (
            connection.execute(f"select count(*) from {table} where ref = ?", self.key).fetchone()[0]
            for table in ("t_heads", "t_lines")
        )
        connection.close()
        return heads, lines


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"call": f"{name}(:idempotencyKey)", **more}


def words(outcome: Outcome) -> str:
    return " ".join(message.text for message in outcome.messages)


FAILURES = {
    "a second line that a trigger refuses": ([HEAD, LINES], "Item BAD is not stocked"),
    "a line that is not given what it needs": (
        [HEAD, {"insert": "t_lines", "values": {"ref": "idempotencyKey", "item": "title"}}],
        "null",
    ),
    "a line of another order that is not there": (
        [HEAD, {"insert": "t_lines", "values": {"ref": {"const": "nobody"}, "item": {"const": "I"}}}],
        "foreign key",
    ),
    "a header that is there already": ([HEAD, HEAD], "uplicate"),
    "a text that is too long": ([HEAD, {**LINES, "for_each": None, "values": {"ref": "idempotencyKey", "item": {"const": "too long"}}}], "too long"),
    "a procedure that raises half way": ([call("t_half")], "half way"),
    "a step that meets other rows than it expects": (
        [HEAD, {"sql": "select ref from t_heads where ref = :idempotencyKey", "expect_rows": 0}],
        "1 rows were met",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
async def test_whatever_fails_half_way_leaves_nothing_and_says_why(
    troubled: Source, driver: OdbcDriver, name: str
) -> None:
    steps, about = FAILURES[name]
    lines = [{"materialKey": "OK"}, {"materialKey": "BAD"}]
    given = {"lineItems": lines} if LINES in steps else {"title": None}
    steps = [{key: value for key, value in step.items() if value is not None} for step in steps]
    tried = Written(troubled, stream(*steps), **(given if steps != [call("t_half")] else {}))
    used = {field for step in steps for field in str(step).split("'")}
    for field in set(tried.command.record) - used:
        del tried.command.record[field]  # type: ignore[attr-defined]

    outcome = await driver.execute(tried.command)

    assert outcome.status is OutcomeStatus.FAILED, outcome
    assert about in words(outcome)
    assert tried.there() == (0, 0)
    assert await driver.find_effect(tried.command) is None


async def test_a_session_that_ends_between_two_steps_leaves_nothing(
    troubled: Source, driver: OdbcDriver
) -> None:
    ends = {
        "postgres": "select pg_terminate_backend(pg_backend_pid())",
        "mariadb": "kill connection_id()",
    }
    tried = Written(troubled, stream(HEAD, {"sql": ends[troubled.kind]}))

    outcome = await driver.execute(tried.command)

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.FAILED, "unreachable")
    assert tried.there() == (0, 0)


async def test_a_constraint_that_is_looked_at_only_at_commit_is_a_certain_no(
    troubled: Source, driver: OdbcDriver
) -> None:
    only(troubled, "postgres")
    orphan = {"insert": "t_late", "values": {"ref": {"const": "nobody"}}}
    for spec, vendor, about in (
        (stream(HEAD, orphan), "V", "foreign key"),
        (stream(HEAD), "LATE-NO", "Too late for LATE-NO"),
    ):
        tried = Written(troubled, spec, vendorKey=vendor)

        outcome = await driver.execute(tried.command)

        assert outcome.status is OutcomeStatus.FAILED
        assert about in words(outcome)
        assert tried.there() == (0, 0)


async def test_a_session_that_ends_inside_the_commit_leaves_it_to_the_lookup(
    troubled: Source, driver: OdbcDriver
) -> None:
    only(troubled, "postgres")
    tried = Written(troubled, stream(HEAD), vendorKey="LATE-END")

    with pytest.raises(Unreachable, match="commit"):
        await driver.execute(tried.command)

    assert await driver.find_effect(tried.command) is None
    assert tried.there() == (0, 0)


async def test_a_serialization_failure_is_tried_again_and_has_one_effect(
    troubled: Source, driver: OdbcDriver
) -> None:
    for _ in range(2):
        tried = Written(troubled, stream(call("t_flaky")))
        del tried.command.record["vendorKey"]  # type: ignore[attr-defined]

        outcome = await driver.execute(tried.command)

        assert outcome.status is OutcomeStatus.SUCCEEDED, outcome
        assert tried.there() == (1, 0)


async def test_two_writes_in_a_deadlock_both_succeed_once(troubled: Source, driver: OdbcDriver) -> None:
    pause = {"postgres": "select pg_sleep(0.3)", "mariadb": "select sleep(0.3)"}[troubled.kind]
    names = [f"lock-{next(_numbers)}-{side}" for side in "ab"]
    troubled.run(*(f"insert into t_heads values ('{name}', 'x')" for name in names))

    def touching(*order: str) -> StreamSpec:
        first, second = (
            {"update": "t_heads", "set": {"vendor": "vendorKey"}, "where": {"ref": {"const": name}}}
            for name in order
        )
        return stream(HEAD, first, {"sql": pause}, second)

    tried = [
        Written(troubled, touching(*names)),
        Written(troubled, touching(*reversed(names))),
    ]
    other = troubled.driver()

    outcomes = await asyncio.gather(driver.execute(tried[0].command), other.execute(tried[1].command))
    await other.aclose()

    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.SUCCEEDED] * 2, outcomes
    assert [one.there() for one in tried] == [(1, 0), (1, 0)]


@pytest.mark.parametrize("procedure", ["t_commits", "t_alters", "t_rolls_back"])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_procedure_that_ends_the_transaction_unasked_leaves_the_outcome_in_doubt(
    troubled: Source, driver: OdbcDriver, procedure: str, fails: bool
) -> None:
    only(troubled, "mariadb")
    failing = {"sql": "select 1 from t_heads where ref = 'nobody'", "expect_rows": 1}
    steps = [call(procedure), *([failing] if fails else [])]
    tried, meant = (Written(troubled, stream(*steps, commits_itself=said)) for said in (False, True))
    for each in (tried, meant):
        del each.command.record["vendorKey"]  # type: ignore[attr-defined]

    outcome = await driver.execute(tried.command)
    declared = await driver.execute(meant.command)

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.IN_DOUBT, "not_undone")
    assert (await driver.find_effect(tried.command) is not None) == (tried.there() == (1, 0))
    assert declared.status is (OutcomeStatus.IN_DOUBT if fails else OutcomeStatus.SUCCEEDED)
    assert fails or meant.there() == (1, 0)


async def test_a_procedure_that_commits_where_the_database_forbids_it_changes_nothing(
    troubled: Source, driver: OdbcDriver
) -> None:
    only(troubled, "postgres")
    tried = Written(troubled, stream(call("t_commits")))
    del tried.command.record["vendorKey"]  # type: ignore[attr-defined]

    outcome = await driver.execute(tried.command)

    assert outcome.status is OutcomeStatus.FAILED
    assert tried.there() == (0, 0)


async def test_a_table_without_transactions_that_keeps_half_of_a_write_leaves_it_in_doubt(
    troubled: Source, driver: OdbcDriver
) -> None:
    only(troubled, "mariadb")
    plain = {"insert": "t_plain", "values": {"ref": "idempotencyKey"}}
    tried = Written(troubled, stream(plain, HEAD, HEAD))

    outcome = await driver.execute(tried.command)
    (step,) = [step for step in await driver.check([tried.command.stream]) if not step.ok]

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.IN_DOUBT, "not_undone")
    assert "MyISAM" in step.detail
    assert "InnoDB" in step.hint


async def test_a_step_that_gives_other_columns_is_no_certain_no_once_something_was_committed(
    troubled: Source, driver: OdbcDriver
) -> None:
    only(troubled, "mariadb")
    spec = stream(call("t_commits", returns=["id"]), commits_itself=True)
    tried = Written(troubled, spec)
    del tried.command.record["vendorKey"]  # type: ignore[attr-defined]

    outcome = await driver.execute(tried.command)

    assert (outcome.status, outcome.messages[0].code) == (OutcomeStatus.IN_DOUBT, "source_changed")
    assert tried.there() == (1, 0)


async def test_what_a_procedure_leaves_in_its_session_never_meets_the_next_write(
    troubled: Source, driver: OdbcDriver
) -> None:
    untidy = Written(troubled, stream(call("t_untidy"), commits_itself=True))
    del untidy.command.record["vendorKey"]  # type: ignore[attr-defined]
    long = Written(troubled, stream(HEAD), vendorKey="x" * 21)
    half = Written(troubled, stream(HEAD, HEAD))

    first = await driver.execute(untidy.command)
    refused = await driver.execute(long.command)
    undone = await driver.execute(half.command)

    assert first.status is OutcomeStatus.SUCCEEDED, first
    assert refused.status is OutcomeStatus.FAILED
    assert "too long" in words(refused)
    assert undone.status is OutcomeStatus.FAILED
    assert (long.there(), half.there()) == ((0, 0), (0, 0))


async def test_a_find_that_cannot_make_an_outcome_is_refused_before_anything_is_written(
    troubled: Source, driver: OdbcDriver
) -> None:
    wrong = "select vendor as nr from t_heads where ref = :idempotencyKey"
    insert = {**HEAD, "returns": ["ref"]}
    tried = Written(troubled, stream(insert, key=["result.ref"], find=wrong))

    with pytest.raises(BadConfiguration) as caught:
        await driver.execute(tried.command)
    (step,) = [step for step in await driver.check([tried.command.stream]) if not step.ok]

    assert caught.value.where == "streams.orders.write.create.find"
    assert "ref" in step.detail
    assert tried.there() == (0, 0)


async def test_check_reads_the_body_of_a_procedure(troubled: Source, driver: OdbcDriver) -> None:
    only(troubled, "mariadb")
    for procedure, about in (
        ("t_commits", "commit"),
        ("t_alters", "create table"),
        ("t_rolls_back", "rollback"),
    ):
        (step,) = [one for one in await driver.check([stream(call(procedure))]) if not one.ok]
        assert about in step.detail
        assert "commits_itself" in step.hint
    fine = await driver.check([stream(call("t_commits"), commits_itself=True), stream(call("t_half"))])
    assert all(step.ok for step in fine), fine
