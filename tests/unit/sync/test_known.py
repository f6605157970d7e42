from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.sync.known import MAX_RECENT_RUNS, Hashes, Known

EMPTY = np.empty(0, dtype=np.uint64)
small = st.integers(0, 30)
pages = st.lists(st.dictionaries(small, st.integers(0, 3), max_size=8), max_size=2 * MAX_RECENT_RUNS)


def arrays(page: dict[int, int]) -> tuple[Hashes, Hashes]:
    return np.array(list(page), dtype=np.uint64), np.array(list(page.values()), dtype=np.uint64)


def sorted_arrays(page: dict[int, int]) -> tuple[Hashes, Hashes]:
    return arrays(dict(sorted(page.items())))


@given(
    start=st.dictionaries(small, st.integers(0, 3)),
    history=pages,
    probe=st.dictionaries(small, st.integers(0, 3)),
)
def test_changed_means_new_or_other_than_what_was_last_learned(
    start: dict[int, int], history: list[dict[int, int]], probe: dict[int, int]
) -> None:
    """The sorted arrays answer as a plain dict would, whatever was learned in whatever order."""
    known, model = Known(*sorted_arrays(start)), dict(start)
    for page in history:
        known.learn(*arrays(page))
        model |= page

    keys, contents = arrays(probe)

    assert known.is_changed(keys, contents).tolist() == [model.get(k) != c for k, c in probe.items()]
    assert known.is_known(keys).tolist() == [k in model for k in probe]


@given(start=st.dictionaries(small, st.integers(0, 3)), seen=st.sets(small))
def test_what_a_complete_walk_did_not_see_is_missing(start: dict[int, int], seen: set[int]) -> None:
    known = Known(*sorted_arrays(start))

    missing = known.missing_from(np.array(sorted(seen), dtype=np.uint64))

    assert set(missing.tolist()) == set(start) - seen


def test_records_learned_during_the_run_are_not_missing() -> None:
    """Only what was known when the walk began can be concluded to be gone."""
    known = Known(EMPTY, EMPTY)
    known.learn(*arrays({1: 1}))

    assert not len(known.missing_from(EMPTY))
