from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.usage import (
    Installation,
    Ledger,
    Prices,
    Standing,
    TooFewCredits,
    UsageAction,
)

PRICES = Prices(
    tiers={1: 1, 2: 2, 3: 4},
    on_premises_factor=2,
    unknown=Installation(2, on_premises=True),
    default_pool=None,
    systems={
        "sap-s4hana": Installation(3, on_premises=False),
        "sap-ecc": Installation(3, on_premises=True),
        "small": Installation(1, on_premises=False),
    },
)
SYSTEMS = ("sap-s4hana", "sap-ecc", "small", "homegrown")


def ledger(pool: int | None) -> Ledger:
    return Ledger(pool, 0, {})


def standings(one: Ledger) -> dict[str, Standing]:
    return {name: held.standing for name, held in one.connections.items()}


def test_on_premises_costs_double_its_cloud_equivalent_and_an_unknown_system_has_a_tier() -> None:
    assert [PRICES.of(system).credits for system in SYSTEMS] == [4, 8, 1, 4]
    assert PRICES.of(None) == PRICES.of("homegrown")


def test_a_used_up_pool_refuses_new_connections_once_and_touches_nothing_that_runs() -> None:
    """G168."""
    one = ledger(9)
    one.told("ecc", "a", "sap-ecc", PRICES)
    for _ in range(3):
        one.told("s4", "a", "sap-s4hana", PRICES)
    one.told("small", "a", "small", PRICES)

    assert standings(one) == {
        "ecc": Standing.ESTABLISHED,
        "s4": Standing.REFUSED,
        "small": Standing.ESTABLISHED,
    }
    assert one.in_use == 9
    assert [change.action for change in one.history] == [
        UsageAction.TAKEN,
        UsageAction.REFUSED,
        UsageAction.TAKEN,
    ]


def test_credits_that_come_back_go_to_whoever_asks_next() -> None:
    """G169."""
    one = ledger(8)
    one.told("ecc", "a", "sap-ecc", PRICES)
    one.told("other", "a", "sap-ecc", PRICES)
    one.gone(["ecc"], "not configured")
    one.told("other", "a", "sap-ecc", PRICES)

    assert standings(one) == {"ecc": Standing.DISCONNECTED, "other": Standing.ESTABLISHED}
    assert one.in_use == 8


def test_a_smaller_pool_touches_nothing_that_runs() -> None:
    """G168."""
    one = ledger(None)
    one.told("ecc", "a", "sap-ecc", PRICES)
    one.resize(1)
    one.told("ecc", "a", "sap-ecc", PRICES)
    one.told("small", "a", "small", PRICES)

    assert standings(one) == {"ecc": Standing.ESTABLISHED, "small": Standing.REFUSED}
    assert (one.in_use, one.free) == (8, 0)


def test_released_credits_stay_away_until_they_are_given_back() -> None:
    """G169."""
    one = ledger(8)
    one.told("ecc", "a", "sap-ecc", PRICES)
    one.release("ecc")
    one.told("ecc", "a", "sap-ecc", PRICES)
    assert standings(one) == {"ecc": Standing.RELEASED}
    one.told("s4", "a", "sap-s4hana", PRICES)

    with pytest.raises(TooFewCredits, match="8 connection credits are needed, and 4 of the pool are free"):
        one.give("ecc")
    one.release("s4")
    one.give("ecc")

    assert standings(one) == {"ecc": Standing.ESTABLISHED, "s4": Standing.RELEASED}


def test_another_system_behind_a_running_connection_pays_the_difference() -> None:
    one = ledger(4)
    one.told("erp", "a", "sap-s4hana", PRICES)
    one.told("erp", "a", "sap-ecc", PRICES)
    assert one.in_use == 8
    one.told("erp", "a", "small", PRICES)
    assert one.in_use == 1
    assert standings(one) == {"erp": Standing.ESTABLISHED}


def test_a_status_that_names_no_system_changes_no_price() -> None:
    one = ledger(None)
    one.told("erp", "a", "sap-ecc", PRICES)
    one.told("erp", "a", None, PRICES)

    assert one.in_use == 8


def test_an_agent_that_knows_nothing_of_refusals_is_taken_beyond_the_pool() -> None:
    one = ledger(1)
    one.told("ecc", "a", "sap-ecc", PRICES, refusable=False)

    assert standings(one) == {"ecc": Standing.ESTABLISHED}
    assert one.history[0].why == "established beyond the pool"


NAMES = st.sampled_from("abcdef")
STEPS = st.one_of(
    st.tuples(st.just("told"), NAMES, st.sampled_from([*SYSTEMS, None]), st.booleans()),
    st.tuples(st.just("gone"), NAMES),
    st.tuples(st.just("release"), NAMES),
    st.tuples(st.just("give"), NAMES),
    st.tuples(st.just("resize"), st.one_of(st.none(), st.integers(0, 30))),
)


@given(st.one_of(st.none(), st.integers(0, 30)), st.lists(STEPS, max_size=40))
def test_credits_in_use_are_the_sum_of_what_established_connections_cost(
    pool: int | None, steps: list[tuple[str, str, str | None]]
) -> None:
    """G167: after any sequence; the history tells the same, and nobody new is let in above the pool."""
    one = ledger(pool)
    for step in steps:
        before, established = one.in_use, {n for n, s in standings(one).items() if s is Standing.ESTABLISHED}
        play(one, step)
        assert one.in_use == sum(held.holds for held in one.connections.values())
        new = {n for n, s in standings(one).items() if s is Standing.ESTABLISHED} - established
        if new and one.pool is not None and not (step[0] == "told" and step[3:] == (False,)):
            assert one.in_use <= one.pool
        if step[0] == "resize":
            assert before == one.in_use
    taken = sum(change.credits for change in one.history if change.action is UsageAction.TAKEN)
    returned = sum(change.credits for change in one.history if change.action is UsageAction.RETURNED)
    assert taken - returned == one.in_use


def play(one: Ledger, step: tuple[object, ...]) -> None:
    match step:
        case ("told", str(name), system, bool(refusable)):
            one.told(name, "agent", system, PRICES, refusable=refusable)  # type: ignore[arg-type]
        case ("gone", str(name)):
            one.gone([name], "not configured")
        case ("release", str(name)):
            one.release(name)
        case ("give", str(name)):
            try:
                one.give(name)
            except TooFewCredits:
                assert not one.connections[name].holds
        case ("resize", size):
            one.resize(size)  # type: ignore[arg-type]
