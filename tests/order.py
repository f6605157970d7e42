"""The files that take long come first, so that no worker is left alone with one of them at the end.

A plugin of pytest; tests/conftest.py takes it in. `slow_files.json` holds their seconds, as GROUNDWIRE_TIMES=write had
them written by a whole run. Files that are not in it come behind them, in the order that they would have had.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

SLOW_FILES: Final = Path(__file__).with_name("slow_files.json")
SLOW_SECONDS: Final = 4.0


def file_of(test: str) -> str:
    return test.partition("::")[0]


class SlowestFirst:
    """The plugin itself."""

    def __init__(self, known: Mapping[str, float], written: Path | None = None) -> None:
        """`written`: where the seconds of this run go."""
        self._known = known
        self._written = written
        self._seconds: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)  # behind what puts them into an order by chance
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: -self._known.get(file_of(item.nodeid), 0.0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[file_of(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        if self._written is not None and self._seconds:
            slow = {file: round(took) for file, took in self._seconds.most_common() if took >= SLOW_SECONDS}
            self._written.write_text(json.dumps(slow, indent=2) + "\n")


def slowest_first(config: pytest.Config) -> SlowestFirst:
    worker = hasattr(config, "workerinput")
    wanted = os.environ.get("GROUNDWIRE_TIMES") == "write" and not worker
    return SlowestFirst(json.loads(SLOW_FILES.read_text()), SLOW_FILES if wanted else None)
