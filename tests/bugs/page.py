"""docs/seeded-bugs.md: each seeded bug, what it brings back, what caught it, and how soon."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.bugs.seeded import ROOT, Bug, all_bugs

PAGE: Final = ROOT / "docs" / "seeded-bugs.md"
FOUND: Final = Path(__file__).with_name("found.json")
MACHINE: Final = "two cores under a load of ten to twenty-four"

_HEAD: Final = """# Seeded bugs

{count} defects that somebody could make, each a small patch in `tests/bugs/patches/`. For each of them `make bugs` copies
the tree, plants the bug, sees that the program still imports, and runs the tests until one fails; that test is then
run without the bug, where it must pass. No test is chosen by hand: those that stand nearest to the changed module come
first (`tests/bugs/nearness.py`), and all the others behind them. A bug that nothing catches fails the command.

    make bugs                # all; JOBS=2: two at a time
    make bugs BUG=07         # one

The last run: **{summary}**. The time to find begins when the first test file is started, on {machine}; beside it
stands what the processor took for the tests until then.

| bug | what is wrong | brings back | caught by | time to find | processor |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Found:
    test: str
    seconds: float
    processor: float


def read_found() -> dict[str, Found]:
    if not FOUND.exists():
        return {}
    return {name: Found(**one) for name, one in json.loads(FOUND.read_text(encoding="utf-8")).items()}


def write_found(bugs: Sequence[Bug], found: Mapping[str, Found]) -> None:
    content = {bug.name: asdict(found[bug.name]) for bug in bugs if bug.name in found}
    FOUND.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def summary(found: Collection[Found]) -> str:
    times = sorted(one.seconds for one in found)
    if not times:
        return "none was caught"
    processor = median(one.processor for one in found)
    return f"median time to find {median(times):.1f} s ({processor:.1f} s of the processor), longest {times[-1]:.0f} s"


def rendered(bugs: Sequence[Bug], found: Mapping[str, Found]) -> str:
    caught = [found[bug.name] for bug in bugs if bug.name in found]
    whole = f"{len(caught)} of {len(bugs)} caught, {summary(caught)}"
    lines = [_line(bug, found.get(bug.name)) for bug in bugs]
    return _HEAD.format(count=len(bugs), summary=whole, machine=MACHINE) + "\n".join(lines) + "\n"


def _line(bug: Bug, found: Found | None) -> str:
    told = (
        ("not yet", "", "")
        if found is None
        else (f"`{found.test}`", f"{found.seconds:.1f} s", f"{found.processor:.1f} s")
    )
    return f"| {bug.name} | {bug.what} | {', '.join(bug.brings_back)} | {' | '.join(told)} |"


if __name__ == "__main__":
    PAGE.write_text(rendered(all_bugs(), read_found()), encoding="utf-8")
