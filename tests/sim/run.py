"""Plays worlds: `make sim SEEDS=n`, or one of them again: `python -m tests.sim.run --seed 17`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.sim.plan import plan_of, whole_plan_of
from tests.sim.world import Outcome, play


def played(seed: int, *, whole: bool = False) -> Outcome:
    """`whole`: a world of full size, whatever the seed makes by itself."""
    base = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - memory, where there is any
    folder = Path(tempfile.mkdtemp(prefix="groundwire-sim-", dir=base))
    try:
        return play(folder, seed, plan=whole_plan_of(seed) if whole else plan_of(seed))
    finally:
        shutil.rmtree(folder)


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="play this one alone, and print its whole trace")
    parser.add_argument("--whole", action="store_true", help="of full size; without it, what the seed makes")
    parser.add_argument("--jobs", type=int, help="worlds at a time; without it, as many as there are cores")
    asked = parser.parse_args(arguments)  # type: ignore[arg-type]
    if asked.seed is not None:
        outcome = played(asked.seed, whole=asked.whole)
        print("\n".join(outcome.lines))
        print(
            outcome if outcome.faults else f"seed {asked.seed}: all invariants hold ({outcome.digest[:16]})"
        )
        return bool(outcome.faults)
    began, failed = time.monotonic(), 0
    with ProcessPoolExecutor(asked.jobs) as pool:
        chosen = range(asked.first, asked.first + asked.seeds)
        for outcome in pool.map(partial(played, whole=asked.whole), chosen, chunksize=8):
            if outcome.faults:
                failed += 1
                print(outcome, flush=True)
    print(f"{asked.seeds} worlds from seed {asked.first}, {failed} failed, {time.monotonic() - began:.0f} s")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
