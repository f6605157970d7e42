"""The oracle of the eight invariants notices each kind of breach, and nothing where there is none."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.faults.invariants import Account, Asked, Bound, End, Report, Stored, Version, Wire, judge

STREAM = "erp/orders"
HISTORY = (
    Version(STREAM, "A", 1, "one"),
    Version(STREAM, "B", 2, "two"),
    Version(STREAM, "A", 3, "three"),
    Version(STREAM, "B", 4, None),
    Version(STREAM, "C", 5, "n/a", bad=True),
)
FIRST = Stored(STREAM, 1, 0, "r1", "h1", records=(("A", 1, "one"), ("B", 2, "two")))
SECOND = Stored(STREAM, 2, 1, "r1", "h2", records=(("A", 3, "three"),))
THIRD = Stored(STREAM, 3, 2, "r1", "h3", gone=("B",))
FOURTH = Stored(STREAM, 4, 3, "r1", "h4", letters=("C",))
LAST = Stored(STREAM, 5, 4, "r1", "h5", report=Report("succeeded", enqueued=4, dead_letters=1))
STORED = (FIRST, SECOND, THIRD, FOURTH, LAST)
GOOD = Account(
    HISTORY,
    STORED,
    ends={STREAM: End(enqueued=5, acked=5, pending=0)},
    wire=Wire({STREAM: 5}, {(STREAM, number, f"h{number}"): 1 for number in range(1, 6)}, window=2),
    shown={(STREAM, "A"): (3, "three")},
    commands=(
        Asked("c1", 1, "succeeded"),
        Asked("c2", 0, "failed"),
        Asked("c3", 1, "in_doubt", tellable=False),
    ),
    arrivals=(Bound("orders", 3.0, 60.0),),
    bounds=(Bound("bytes of a frame", 10, 20),),
)


def stored(*batches: Stored) -> Account:
    return replace(GOOD, stored=batches)


def test_an_account_that_is_right_is_found_right() -> None:
    assert judge(GOOD) == []


def test_what_was_overtaken_or_was_gone_before_anybody_saw_it_is_not_lost() -> None:
    history = (*HISTORY, Version(STREAM, "D", 6, "six"), Version(STREAM, "D", 7, None))
    newest_alone = replace(FIRST, records=(("B", 2, "two"),))
    report = replace(LAST, report=Report("succeeded", enqueued=3, dead_letters=1))

    account = replace(stored(newest_alone, SECOND, THIRD, FOURTH, report), history=history)

    assert judge(account) == []


@pytest.mark.parametrize(
    ("breach", "account"),
    [
        ("I1: .* version 3 is lost", stored(FIRST, replace(SECOND, records=()), THIRD, FOURTH, LAST)),
        ("I1: .* version 5 is lost", stored(FIRST, SECOND, THIRD, replace(FOURTH, letters=()), LAST)),
        ("I1: .* version 4 is lost", stored(FIRST, SECOND, replace(THIRD, gone=()), FOURTH, LAST)),
        ("I2: .* batch 5 was acked", stored(*STORED[:-1])),
        ("I2: .* batch 2 was acked", stored(FIRST, replace(SECOND, digest="other"), THIRD, FOURTH, LAST)),
        ("I3: .* an older version came", stored(*STORED, Stored(STREAM, 6, 5, "r2", "h6", records=(("A", 1, "one"),)))),
        ("I3: .* has version 2, the source None", stored(FIRST, SECOND, replace(THIRD, gone=()), FOURTH, LAST)),
        ("I3: .* says 'other'", stored(FIRST, replace(SECOND, records=(("A", 3, "other"),)), THIRD, FOURTH, LAST)),
        ("I3: .* was never committed", stored(*STORED, Stored(STREAM, 6, 5, "r2", "h6", records=(("Z", 9, "x"),)))),
        ("I3: .* a tombstone without a deletion", stored(FIRST, replace(SECOND, gone=("A",)), THIRD, FOURTH, LAST)),
        ("I3: .* the index shows", replace(GOOD, shown={(STREAM, "A"): (1, "one")})),
        ("I3: .* the index shows", replace(GOOD, shown={(STREAM, "A"): (3, "three"), (STREAM, "B"): (2, "two")})),
        ("I4: .* names 1, the one before it is 3", stored(FIRST, SECOND, THIRD, replace(FOURTH, prev=1), LAST)),
        ("I4: .* is not what its hash", stored(replace(FIRST, whole=False), *STORED[1:])),
        ("I4: .* pending=1", replace(GOOD, ends={STREAM: End(5, 5, 1)})),
        ("I4: .* the store ends at 5", replace(GOOD, ends={STREAM: End(6, 6, 0)})),
        ("I4: run r1 enqueued 9", stored(*STORED[:-1], replace(LAST, report=Report("succeeded", 9, 1)))),
        ("I4: run r1 never ended", stored(*STORED[:-1], replace(LAST, report=Report("running", 0, 0)))),
        ("I5: bytes of a frame", replace(GOOD, bounds=(Bound("bytes of a frame", 21, 20),))),
        ("I6: orders took", replace(GOOD, arrivals=(Bound("orders", 61.0, 60.0),))),
        ("I7: c1: 2 effects", replace(GOOD, commands=(Asked("c1", 2, "succeeded"),))),
        ("I7: c1: 0 effects, told succeeded", replace(GOOD, commands=(Asked("c1", 0, "succeeded"),))),
        ("I7: c1: 1 effects, told refused", replace(GOOD, commands=(Asked("c1", 1, "refused"),))),
        ("I7: c1: 0 effects, told None", replace(GOOD, commands=(Asked("c1", 0, None),))),
        ("I7: c1: .* could tell", replace(GOOD, commands=(Asked("c1", 0, "in_doubt"),))),
        ("I8: .* version 3 more than once", stored(*STORED, Stored(STREAM, 6, 5, "r2", "h6", records=(("A", 3, "three"),)))),
        ("I8: 4 batches were sent again, at most 2", replace(GOOD, wire=Wire(sent={(STREAM, 1, "h1"): 5}, window=2, lines=2))),
    ],
)  # fmt: skip
def test_a_breach_is_named(breach: str, account: Account) -> None:
    assert any(re.match(breach, fault) for fault in judge(account)), judge(account)
