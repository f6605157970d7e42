"""What goes wrong while NetSuite is read: sign-in, limits, rights, locked and changing records."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drivers.contract import (
    CredentialsRefused,
    DriverError,
    NotPermitted,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    Throttled,
)
from drivers.netsuite.driver import NetSuiteDriver
from tests.conformance.suite import keys, pages, rows
from tests.netsuite import signatures
from tests.netsuite.connections import (
    ACCOUNT,
    Make,
    curve_key,
    driver,
    drivers_of,
    oauth2,
    of_profile,
    orders,
    running,
    token_based,
    writable_orders,
)
from tests.netsuite.server import NetSuite
from tests.odata.server import Fault

FORBIDDEN = (
    b'{"title":"Forbidden","status":403,"o:errorDetails":[{"detail":"Your current role does not have permission.",'
    b'"o:errorCode":"INSUFFICIENT_PERMISSION"}]}'
)
LIMITED = (
    b'{"title":"Bad Request","status":400,"o:errorDetails":[{"detail":"Request limit exceeded.",'
    b'"o:errorCode":"SSS_REQUEST_LIMIT_EXCEEDED"}]}'
)


@pytest.fixture
def account() -> Iterator[NetSuite]:
    with running(orders=9) as made:
        yield made


@pytest.fixture
async def make(account: NetSuite) -> AsyncIterator[Make]:
    async with drivers_of(account) as made:
        yield made


async def scan(made: NetSuiteDriver, **changes: Any) -> list[dict[str, Any]]:
    return rows(await pages(made, ReadRequest(orders(), ReadMode.SCAN, page_rows=4, **changes)))


async def refused(made: NetSuiteDriver) -> DriverError:
    with pytest.raises(DriverError) as caught:
        await scan(made)
    return caught.value


def custom(account: NetSuite, auth: dict[str, Any], secrets: dict[str, str]) -> NetSuiteDriver:
    return NetSuiteDriver("test", {"account": ACCOUNT, "url": account.url, "auth": auth}, secrets)


class TestSigningIn:
    async def test_an_rsa_key_signs_in_as_well_as_one_of_a_curve(self, account: NetSuite) -> None:
        made = custom(account, *oauth2(account, curve=False))

        assert len(await scan(made)) == 9
        await made.aclose()

    async def test_a_key_of_another_certificate_is_refused_with_what_to_look_at(
        self, account: NetSuite
    ) -> None:
        auth, _ = oauth2(account, curve=False)
        made = custom(account, auth, {"private_key": signatures.pem_of(curve_key())})

        error = await refused(made)

        assert isinstance(error, CredentialsRefused)
        assert "certificate" in error.hint
        await made.aclose()

    @pytest.mark.parametrize("signed", [False, True], ids=["oauth2", "tba"])
    async def test_a_wrong_clock_is_named(self, account: NetSuite, make: Make, signed: bool) -> None:
        account.clock = lambda: datetime.now(UTC) + timedelta(hours=2)  # noqa: TID251 - NetSuite's own clock

        error = await refused(make(signed=signed))

        assert isinstance(error, CredentialsRefused)
        assert re.search(r"clock is (7200|7199) seconds away", error.hint)

    async def test_a_token_that_ends_amid_a_read_is_fetched_anew(self, account: NetSuite, make: Make) -> None:
        account.requests_per_token = 3

        assert len(await scan(make())) == 9
        assert len(account.tokens) > 2

    async def test_every_sending_of_a_signed_request_has_a_nonce_of_its_own(
        self, account: NetSuite, make: Make
    ) -> None:
        account.faults.append(Fault("suiteql", drop="after"))

        assert len(await scan(make(signed=True))) == 9
        headers = [each.headers["authorization"] for each in account.seen]
        nonces = [re.findall(r'oauth_nonce="([^"]+)"', header)[0] for header in headers]
        assert len(set(nonces)) == len(nonces)

    async def test_a_wrong_token_secret_is_told_with_netsuites_own_words(self, account: NetSuite) -> None:
        auth, secrets = token_based()
        made = custom(account, auth, {**secrets, "token_secret": "other"})

        error = await refused(made)

        assert isinstance(error, CredentialsRefused)
        assert "INVALID_LOGIN" in error.message
        assert "Login Audit Trail" in error.hint
        await made.aclose()

    async def test_no_secret_is_in_an_error(self, account: NetSuite) -> None:
        auth, secrets = token_based()
        account.faults.append(
            Fault("suiteql", status=400, body=b'{"title":"' + secrets["token_secret"].encode() + b'"}')
        )
        made = custom(account, auth, secrets)

        assert secrets["token_secret"] not in (await refused(made)).message
        await made.aclose()


class TestChecking:
    async def test_a_feature_that_is_off_fails_the_queries_step_with_where_to_turn_it_on(
        self, account: NetSuite, make: Make
    ) -> None:
        account.feature = False

        steps = await make().check([orders()])

        assert [(step.name, step.ok) for step in steps] == [
            ("host name", True),
            ("port", True),
            ("sign-in", True),
            ("SuiteQL", False),
        ]
        assert steps[-1].code == "not_permitted"
        assert "Enable Features" in steps[-1].hint

    async def test_a_table_that_the_role_may_not_see_fails_its_stream_alone(
        self, account: NetSuite, make: Make
    ) -> None:
        account.hidden.add("transactionline")
        plain = orders(lines={})

        steps = await make().check([orders(), plain])

        assert [(step.ok, step.code) for step in steps if step.stream] == [
            (False, "source_changed"),
            (True, ""),
        ]
        wrong = next(step for step in steps if not step.ok)
        assert "Record 'transactionline' was not found." in wrong.detail
        assert "role" in wrong.hint

    async def test_a_role_that_sees_no_transactions_still_has_its_other_streams(
        self, account: NetSuite, make: Make
    ) -> None:
        account.hidden.add("transaction")
        vendors, _ = of_profile("vendors")

        steps = await make().check([orders(), vendors])

        assert all(step.ok for step in steps if not step.stream)
        assert [step.ok for step in steps if step.stream == "orders"] == [False]
        assert all(step.ok for step in steps if step.stream == "vendors")

    async def test_a_stream_that_writes_asks_the_record_service_too(
        self, account: NetSuite, make: Make
    ) -> None:
        steps = await make().check([writable_orders()])

        assert all(step.ok for step in steps)
        assert [step.name for step in steps][4:] == ["records", "stream orders", "writes of orders"]

    @pytest.mark.parametrize("body", [b"<html><title>Not Found</title></html>", b""])
    async def test_a_place_that_is_not_there_is_no_service_that_answers(
        self, account: NetSuite, make: Make, body: bytes
    ) -> None:
        account.faults.append(Fault("suiteql", status=404, body=body))

        steps = await make().check([orders()])

        assert [(step.name, step.ok) for step in steps][-1] == ("SuiteQL", False)
        assert "options.account" in steps[-1].hint

    async def test_a_page_of_html_in_netsuites_place_is_told(self, account: NetSuite, make: Make) -> None:
        account.faults.append(Fault("suiteql", status=200, body=b"<html>hello</html>", times=9))

        assert isinstance(await refused(make()), SourceChanged)


class TestDiscovering:
    async def test_a_record_that_the_role_may_not_see_leaves_the_others(
        self, account: NetSuite, make: Make
    ) -> None:
        account.faults.append(Fault("metadata-catalog/vendor", status=403, body=FORBIDDEN))

        found = {table.name for table in (await make().discover()).tables}

        assert "vendor" not in found
        assert {"purchaseOrder", "workOrder", "inventoryItem"} <= found

    async def test_rights_that_are_missing_altogether_are_told(self, account: NetSuite, make: Make) -> None:
        account.feature = False

        with pytest.raises(NotPermitted):
            await make().discover()

    async def test_a_record_that_could_not_be_asked_for_is_not_left_out(
        self, account: NetSuite, make: Make
    ) -> None:
        account.faults.append(Fault("metadata-catalog/vendor", status=400, body=LIMITED))

        with pytest.raises(Throttled):
            await make().discover()


class TestLimits:
    async def test_no_more_requests_are_under_way_than_the_connection_may_have(self) -> None:
        account = NetSuite(orders=1_100)
        account.at_once, account.seconds = 2, 0.2
        account.start()
        made = driver(account, parallel=2)

        found = await pages(made, ReadRequest(orders(), ReadMode.SCAN, page_rows=1_100))

        assert found[0].table.num_rows == 1_100
        assert account.most_at_once == 2
        assert account.refused_at_once == 0
        await made.aclose()
        account.stop()

    async def test_what_is_asked_keeps_to_a_thousand_rows_and_never_to_an_offset(
        self, account: NetSuite, make: Make
    ) -> None:
        await pages(make(), ReadRequest(orders(), ReadMode.SCAN, page_rows=5_000))

        asked = [each.query for each in account.seen if "suiteql" in each.path]
        assert {each["offset"] for each in asked} == {"0"}
        assert max(int(each["limit"]) for each in asked) == 1_000

    async def test_lines_are_read_for_many_headers_at_once(self, account: NetSuite, make: Make) -> None:
        await pages(make(), ReadRequest(orders(), ReadMode.SCAN, page_rows=100))

        assert (
            len(account.queries) == 4
        )  # the keys that are null, the headers, their lines, the headers again

    async def test_too_many_requests_are_throttled_for_as_long_as_netsuite_says(
        self, account: NetSuite, make: Make
    ) -> None:
        account.at_once = 0

        error = await refused(make(signed=True))

        assert isinstance(error, Throttled)
        assert error.retry_after == 7

    async def test_a_limit_that_comes_as_a_bad_request_is_throttled_too(
        self, account: NetSuite, make: Make
    ) -> None:
        account.faults.append(Fault("suiteql", status=400, body=LIMITED))

        error = await refused(make())

        assert isinstance(error, Throttled)
        assert error.retry_after == 30
        assert "Request limit exceeded." in error.message

    async def test_a_failing_server_is_busy(self, account: NetSuite, make: Make) -> None:
        account.faults.append(Fault("suiteql", status=500))

        assert isinstance(await refused(make()), SourceBusy)


class TestReading:
    @pytest.mark.parametrize("rows", [b"[null]", b'[{"id":"1"},7]', b'["1"]'])
    async def test_a_row_that_is_none_is_told_and_not_passed_over(
        self, account: NetSuite, make: Make, rows: bytes
    ) -> None:
        body = b'{"items":' + rows + b',"hasMore":false,"totalResults":1}'
        account.faults.append(Fault("suiteql", status=200, body=body, times=9))

        assert isinstance(await refused(make()), SourceChanged)

    async def test_rows_that_move_while_a_read_goes_on_cost_no_other_row(
        self, account: NetSuite, make: Make
    ) -> None:
        before = {row["__key"] for row in await scan(make())}
        added: list[int] = []

        def meddle(query: str) -> None:
            if "transactionline" in query or len(added) > 6:
                return
            new = 500 + len(added)
            added.append(new)
            account.database.execute(
                "insert into \"transaction\" (id, type, lastmodifieddate) values (?, 'PurchOrd', 'T:2026-01-01 00:00:00')",
                [new],
            )
            account.database.execute('delete from "transaction" where id = ?', [new - 1])

        made = make()
        account.before_query = meddle
        found = keys(await pages(made, ReadRequest(orders(lines={}), ReadMode.SCAN, page_rows=2)))

        assert len(found) == len(set(found))
        assert before <= set(found)

    async def test_a_header_that_changes_while_its_lines_are_read_is_read_again(
        self, account: NetSuite, make: Make
    ) -> None:
        changed: list[str] = []

        def meddle(query: str) -> None:
            if "transactionline" in query and not changed:
                changed.append(query)
                account.database.execute("update \"transaction\" set memo = 'now' where id = 1007")

        made = make()
        account.before_query = meddle
        found = {row["__key"]: row for row in await scan(made)}

        assert found["1007"]["memo"] == "now"

    async def test_a_page_that_never_holds_still_is_busy(self, account: NetSuite, make: Make) -> None:
        count = iter(range(10_000))

        def meddle(query: str) -> None:
            account.database.execute('update "transaction" set memo = ? where id = 1007', [str(next(count))])

        account.before_query = meddle

        assert isinstance(await refused(make()), SourceBusy)

    async def test_a_locked_record_is_read_as_every_other(self, account: NetSuite, make: Make) -> None:
        account.records.locked.add(1007)

        assert "1007" in {row["__key"] for row in await scan(make())}

    async def test_moments_are_the_same_whatever_the_users_preferences_are(
        self, account: NetSuite, make: Make
    ) -> None:
        row = next(row for row in await scan(make()) if row["__key"] == "1007")
        other = NetSuite(orders=9, zone="Asia/Tokyo")
        other.start()
        there = driver(other, time_zone="Asia/Tokyo")

        elsewhere = next(row for row in await scan(there) if row["__key"] == "1007")

        assert row["lastmodifieddate"] == datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
        assert elsewhere == row
        await there.aclose()
        other.stop()

    async def test_a_local_time_stamp_is_that_of_the_user(self, account: NetSuite, make: Make) -> None:
        stream = orders(
            types={"trandate": "date", "duedate": "date", "lastmodifieddate": "timestamp"}, lines={}
        )
        made = make()

        found = rows(await pages(made, ReadRequest(stream, ReadMode.SCAN)))
        end = await made.signpost(stream)
        changes = rows(await pages(made, ReadRequest(stream, ReadMode.CHANGES, end=end, page_rows=3)))

        assert found[0]["lastmodifieddate"] == datetime(2026, 3, 1, 17, 30)
        assert sorted(row["__key"] for row in changes) == sorted(row["__key"] for row in found)

    async def test_a_query_that_doubles_its_rows_is_told(self, make: Make) -> None:
        doubled = orders(
            query="select t.id, l.item from transaction t join transactionline l on l.transaction = t.id",
            replication_key=None,
            types={},
            lines={},
        )

        with pytest.raises(SourceChanged, match="more than one row with the key"):
            await pages(make(), ReadRequest(doubled, ReadMode.SCAN, page_rows=2))

    async def test_lines_that_cannot_be_told_apart_are_told(self, make: Make) -> None:
        lines = orders().options["lines"]["lines"]
        same = orders(lines={"lines": {**lines, "order_by": ["item"], "query": SAME}})

        with pytest.raises(SourceChanged, match="the same place"):
            await pages(make(), ReadRequest(same, ReadMode.SCAN))

    async def test_the_columns_of_a_stream_are_those_of_its_queries(self, make: Make) -> None:
        found = {column.name: column.type for column in await make().columns(orders())}

        assert (found["id"], found["trandate"], found["lines.quantity"]) == ("integer", "date", "decimal")

    async def test_a_stream_without_a_replication_key_has_no_signpost(
        self, account: NetSuite, make: Make
    ) -> None:
        assert await make().signpost(orders(replication_key=None)) is None
        assert not account.seen

    @pytest.mark.parametrize(("hours", "day"), [(2, "2026-11-01"), (12, "2026-11-01")])
    async def test_a_day_is_that_of_the_users_clock(
        self, account: NetSuite, make: Make, hours: int, day: str
    ) -> None:
        """At midnight UTC of the second it is still the first in California."""
        account.clock = lambda: datetime(2026, 11, 2, tzinfo=UTC) + timedelta(hours=hours - 12)
        made = make(signed=True)
        account.validator.validate_timestamp_and_nonce = lambda *_, **__: True  # type: ignore[method-assign]
        mark = await made.signpost(orders(types={"lastmodifieddate": "date"}, lines={}))

        assert mark is not None
        assert mark.value == day

    @pytest.mark.parametrize(
        ("utc", "local"),
        [
            ("07:59:30", "00:59:30"),
            ("08:20:00", "01:00:00"),
            ("09:20:00", "01:00:00"),
            ("10:20:00", "02:20:00"),
        ],
    )
    async def test_a_local_clock_stands_still_while_an_hour_comes_twice(
        self, account: NetSuite, make: Make, utc: str, local: str
    ) -> None:
        account.clock = lambda: datetime.fromisoformat(f"2026-11-01T{utc}+00:00")
        account.validator.validate_timestamp_and_nonce = lambda *_, **__: True  # type: ignore[method-assign]

        mark = await make(signed=True).signpost(orders(types={"lastmodifieddate": "timestamp"}, lines={}))

        assert mark is not None
        assert mark.value == f"2026-11-01T{local}"

    async def test_a_key_without_a_value_is_told(self, account: NetSuite, make: Make) -> None:
        stream = orders(
            query="select t.entity, t.tranid from transaction t where t.type = 'WorkOrd'",
            key=["entity"],
            replication_key=None,
            types={},
            lines={},
        )

        with pytest.raises(SourceChanged, match="no value in its key"):
            await pages(make(), ReadRequest(stream, ReadMode.SCAN))


SAME = (
    "select l.transaction, 1 as item, l.quantity, l.rate, l.expectedreceiptdate, l.isclosed"
    " from transactionline l where l.mainline = 'F'"
)
