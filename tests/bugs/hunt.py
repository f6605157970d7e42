"""Plants each seeded bug in a copy of the tree and runs the tests, nearest first, until one fails.

    python -m tests.bugs.hunt [--bug NN ...] [--jobs N] [--limit SECONDS] [--new] [--write]

It ends with 1 when a bug does not apply, does not import, or is caught by nothing. The tests that failed are run once
more in a copy without a bug: one that fails there too has caught nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from tests.bugs.nearness import Neighbourhood
from tests.bugs.page import PAGE, Found, read_found, rendered, summary, write_found
from tests.bugs.seeded import ROOT, Bug, DoesNotApply, all_bugs, patched
from tests.bugs.workshop import BrokenRun, Workshop

FIRST_PORTION: Final = 3  # test files that one pytest runs; then ever more, for each costs a start


class NotCaught(Exception):
    pass


class Hunt:
    def __init__(self, place: Path, *, limit: float, source: Path = ROOT) -> None:
        self._place = place
        self._limit = limit
        self._clean = Workshop(place / "clean", source=source)
        self._neighbourhood = Neighbourhood(self._clean.tree)

    def catch(self, bug: Bug) -> Found:
        """Raises NotCaught, also with the reason why the bug cannot be planted."""
        try:
            patched(bug, self._clean.tree)
        except DoesNotApply as error:
            raise NotCaught(str(error)) from error
        with tempfile.TemporaryDirectory(dir=self._place, ignore_cleanup_errors=True) as folder:
            shop = Workshop(Path(folder), source=self._clean.tree)
            shop.plant(bug)
            return self._caught(bug, shop)

    def _caught(self, bug: Bug, shop: Workshop) -> Found:
        seconds = processor = 0.0
        for tests in _portions(self._neighbourhood.tests_of(bug.paths)):
            ran = shop.run(tests, limit=self._limit - seconds)
            seconds, processor = seconds + ran.seconds, processor + ran.processor
            if ran.failed and (broken := shop.import_fault(bug.paths)):
                raise NotCaught(f"it is no bug that anybody would ship, it does not import: {broken}")
            if ran.failed:
                return Found(ran.failed[0], round(seconds, 1), round(processor, 1))
            if ran.timed_out:
                raise NotCaught(f"nothing caught it within {self._limit:g} seconds")
        raise NotCaught("no test caught it")

    def failing_anyway(self, tests: Collection[str]) -> set[str]:
        """Those that fail without any bug: they have caught nothing."""
        ran = self._clean.run(sorted(set(tests)), first_only=False)
        return {test for test in tests if any(test.startswith(failed) for failed in ran.failed)}


def _portions(tests: Sequence[str]) -> Iterator[Sequence[str]]:
    at, size = 0, FIRST_PORTION
    while at < len(tests):
        yield tests[at : at + size]
        at, size = at + size, size * 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.bugs.hunt")
    parser.add_argument(
        "--bug", action="append", default=[], help="only this one, by its number; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=1, help="bugs that are hunted at a time")
    parser.add_argument("--limit", type=float, default=1_800.0, help="seconds for each bug")
    parser.add_argument("--new", action="store_true", help="only those that no written hunt has caught yet")
    parser.add_argument("--write", action="store_true", help="write what was found into docs/seeded-bugs.md")
    options = parser.parse_args(arguments)
    known = all_bugs()
    if unknown := set(options.bug) - {bug.number for bug in known}:
        parser.error(
            f"there is no bug {', '.join(sorted(unknown))}; there are {known[0].number} to {known[-1].number}"
        )
    chosen = [bug for bug in known if not options.bug or bug.number in options.bug]
    if options.new:
        chosen = [bug for bug in chosen if bug.name not in read_found()]
    caught: dict[str, Found] = {}
    with tempfile.TemporaryDirectory(prefix="groundwire-bugs-", ignore_cleanup_errors=True) as folder:
        hunt = Hunt(Path(folder), limit=options.limit)
        with ThreadPoolExecutor(max(1, options.jobs)) as pool:
            hunted = {pool.submit(hunt.catch, bug): bug for bug in chosen}
            for done in as_completed(hunted):
                bug = hunted[done]
                try:
                    one = caught[bug.name] = done.result()
                    print(f"caught      {bug.name} by {one.test} after {one.seconds:.1f} s", flush=True)
                    if options.write:  # at once: a long hunt that is ended early has found what it has found
                        write_found(known, read_found() | caught)
                except (NotCaught, BrokenRun) as reason:
                    print(f"NOT CAUGHT  {bug.name}: {reason}", flush=True)
        failing = hunt.failing_anyway({one.test for one in caught.values()}) if caught else set()
    for name in [name for name, one in caught.items() if one.test in failing]:
        print(f"NOT CAUGHT  {name}: {caught.pop(name).test} fails without the bug too")
    print(f"{len(caught)} of {len(chosen)} caught, {summary(caught.values())}")
    if options.write:
        write_found(known, {name: one for name, one in read_found().items() if one.test not in failing})
        PAGE.write_text(rendered(known, read_found()), encoding="utf-8")
    return 0 if chosen and len(caught) == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
