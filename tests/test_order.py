"""The order in which files are given to the workers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.order import SLOW_FILES, SlowestFirst, file_of

ROOT = Path(__file__).resolve().parents[1]


def test_the_slowest_files_come_first_and_the_others_stay_as_they_were() -> None:
    items: Any = [
        SimpleNamespace(nodeid=name)
        for name in ("b.py::two", "slow.py::one", "a.py::one", "slower.py::one", "b.py::one", "slow.py::two")
    ]

    SlowestFirst({"slow.py": 5.0, "slower.py": 60.0}).pytest_collection_modifyitems(items)

    assert [item.nodeid for item in items] == [
        "slower.py::one",
        "slow.py::one",
        "slow.py::two",
        "b.py::two",
        "a.py::one",
        "b.py::one",
    ]


def test_the_seconds_of_a_run_are_written_for_the_files_that_take_long(tmp_path: Path) -> None:
    written = tmp_path / "slow.json"
    order = SlowestFirst({}, written)
    for name, took in (("a.py::one", 3.0), ("a.py::two", 2.6), ("b.py::one", 0.1), ("c.py::one", 9.0)):
        order.pytest_runtest_logreport(SimpleNamespace(nodeid=name, duration=took))  # type: ignore[arg-type]
    order.pytest_sessionfinish()

    assert list(json.loads(written.read_text()).items()) == [("c.py", 9), ("a.py", 6)]


def test_every_file_that_is_known_as_slow_is_there() -> None:
    assert [file for file in json.loads(SLOW_FILES.read_text()) if not (ROOT / file).is_file()] == []


def test_a_test_s_file_is_what_its_name_begins_with() -> None:
    assert file_of("tests/a.py::Class::test[x::y]") == "tests/a.py"
