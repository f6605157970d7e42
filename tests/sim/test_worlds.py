"""Worlds by seed: all invariants hold in each, and the same seed makes the same world.

GROUNDWIRE_WORLDS says how many are played, of which each tenth is whole and the others are small ones
(tests/sim/plan.py); the small ones stand in tests/sim/test_small_worlds.py, so that another process may play them.
`make sim SEEDS=n` plays them on all cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.mutants import MUTANTS
from tests.sim.plan import WHOLE_EVERY, Fault, deadly_plan_of, plan_of
from tests.sim.run import played
from tests.sim.world import play

WORLDS = int(os.environ.get("GROUNDWIRE_WORLDS", "1000"))
CHUNK = 100
ROOT = Path(__file__).resolve().parents[2]
FOUND = json.loads(Path(__file__).with_name("found.json").read_text())
WITHIN = 40  # seeds in which a planted fault must be found; where it was found first is tried first


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, WORLDS, CHUNK))
def test_every_invariant_holds_in_every_world(first: int) -> None:
    for seed in range(first, first + CHUNK, WHOLE_EVERY):
        outcome = played(seed)
        assert not outcome.faults, str(outcome)


def test_every_kind_of_fault_comes_often_in_small_worlds_and_in_whole_ones() -> None:
    plans = [plan_of(seed) for seed in range(1_000)]
    for whole, least in ((True, 10), (False, 50)):
        events = [event.fault for plan in plans if plan.whole is whole for event in plan.events]
        assert {fault for fault in Fault if events.count(fault) < least} == set()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [int(seed) for seed in FOUND["product"]])
def test_what_a_seed_found_once_stays_mended(seed: int) -> None:
    outcome = played(seed, whole=True)

    assert not outcome.faults, str(outcome)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_planted_fault_is_found(tmp_path: Path, name: str) -> None:
    likely = FOUND["planted"][name]
    for seed in (likely, *(seed for seed in range(WITHIN) if seed != likely)):
        if play(tmp_path / str(seed), seed, MUTANTS[name], deadly_plan_of(seed)).faults:
            return
    pytest.fail(f"{name} was not found in {WITHIN} worlds")


@pytest.mark.timeout(900)
def test_one_seed_makes_one_world_in_any_process() -> None:
    program = "from tests.sim.run import played; print(played(8).digest)"
    digests = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert digests[0] == digests[1]
    assert digests[0].strip() != played(10).digest
