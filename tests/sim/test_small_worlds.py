"""The small worlds of tests/sim/test_worlds.py."""

from __future__ import annotations

import pytest

from tests.sim.plan import WHOLE_EVERY
from tests.sim.run import played
from tests.sim.test_worlds import CHUNK, WORLDS


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, WORLDS, CHUNK))
def test_every_invariant_holds_in_every_small_world(first: int) -> None:
    for seed in range(first, first + CHUNK):
        if seed % WHOLE_EVERY:
            outcome = played(seed)
            assert not outcome.faults, str(outcome)
