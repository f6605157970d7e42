from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration, ReadMode, ReadRequest, SourceChanged, StreamSpec
from drivers.sandbox.driver import SandboxDriver
from drivers.sandbox.options import NAMES, read_options
from tests.canaries import canary


@pytest.mark.parametrize(
    "start", ["2026-03-01", date(2026, 3, 1), datetime(2026, 3, 1), "2026-03-01T00:00:00+00:00"]
)
def test_a_start_may_be_written_in_several_ways(start):
    assert read_options({"start": start}, "c").start == 1_772_323_200


def test_one_size_gives_every_table_its_share():
    assert read_options({"size": 1_000}, "c").sizes == {
        "purchase_orders": 1_000, "work_orders": 400, "inventory_items": 600, "vendors": 150, "assets": 300,
    }  # fmt: skip


def test_a_table_may_have_a_size_of_its_own():
    sizes = read_options({"size": {"vendors": 3}}, "c").sizes

    assert (sizes["vendors"], sizes["purchase_orders"]) == (3, 400)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"sice": 5}, "c.options.sice"),
        ({"size": 0}, "c.options.size.purchase_orders"),
        ({"size": True}, "c.options.size.purchase_orders"),
        ({"size": {"orders": 5}}, "c.options.size.orders"),
        ({"seed": "one"}, "c.options.seed"),
        ({"seed": -1}, "c.options.seed"),
        ({"changes_per_minute": float("nan")}, "c.options.changes_per_minute"),
        ({"time": "slow"}, "c.options.time"),
        ({"time": ["real"]}, "c.options.time"),
        ({"start": "soon"}, "c.options.start"),
        ({"start": "2026-13-01"}, "c.options.start"),
        ({"start": 5}, "c.options.start"),
        ({"start": "1066-10-14"}, "c.options.start"),
    ],
)
def test_an_option_that_cannot_work_is_named(options, place):
    with pytest.raises(BadConfiguration) as caught:
        read_options(options, "c")

    assert caught.value.where == place


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.dictionaries(st.text(), st.integers())
)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_any_options_are_taken_or_refused_with_their_place(options):
    refused: list[str] = []
    try:
        SandboxDriver("c", options, {})
    except BadConfiguration as error:
        refused.append(error.where)

    assert all(place.startswith("c.options") for place in refused)


def test_a_secret_is_refused_without_being_shown():
    with pytest.raises(BadConfiguration) as caught:
        SandboxDriver("c", {}, {"password": canary()})

    assert canary() not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        ({"tabel": "vendors"}, BadConfiguration, "table"),
        ({"table": "invoices"}, SourceChanged, "purchase_orders"),
        ({"table": ["vendors"]}, SourceChanged, "purchase_orders"),
        ({"table": "vendors", "replication_key": "modified"}, SourceChanged, "changed_at"),
    ],
)
async def test_a_stream_that_cannot_be_read_says_what_there_is(options, error, hint):
    driver = SandboxDriver("c", {}, {})
    with pytest.raises(error) as caught:
        await anext(driver.read(ReadRequest(StreamSpec("s", "vendor", options), ReadMode.SCAN)))

    assert hint in caught.value.hint
    assert caught.value.where == "c.streams.s.read"
