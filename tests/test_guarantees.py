"""The four pages of evidence are held against the tests, and the checks are held against pages that are wrong."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.evidence import (
    MENTION,
    Suite,
    command_faults,
    mention_faults,
    naming_faults,
    promise_faults,
    prose,
    rows,
    table_faults,
)

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TABLES = {
    "faults.md": [f"F{number:02}" for number in range(1, 31)],
    "attacks.md": [f"S{number:02}" for number in range(1, 26)],
    "known-failures.md": [f"K{number:02}" for number in range(1, 52)],
}
SUITE = Suite(ROOT)


@cache
def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def pages() -> dict[str, str]:
    found = [ROOT / "README.md", *DOCS.rglob("*.md")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in found}


def known() -> set[str]:
    return {row.number for name in ("guarantees.md", *TABLES) for row in rows(page(name))}


def test_every_promise_stands_once_and_has_tests_that_run() -> None:
    assert len(rows(page("guarantees.md"))) > 200
    assert promise_faults(page("guarantees.md"), SUITE) == []


@pytest.mark.parametrize("name", TABLES)
def test_every_fault_attack_and_known_failure_has_a_row_with_tests_and_a_result(name: str) -> None:
    assert table_faults(page(name), TABLES[name], SUITE, linked=name == "known-failures.md") == []


def test_every_test_that_a_page_names_is_there() -> None:
    assert naming_faults(pages(), SUITE) == []


def test_every_number_that_a_page_or_a_test_mentions_is_on_a_page() -> None:
    tests = {
        str(path.relative_to(ROOT)): prose(path.read_text(encoding="utf-8"))
        for path in SUITE.files()
        if path != Path(__file__)
    }

    assert mention_faults(pages() | tests, known()) == []


def test_whatever_is_run_has_a_command_that_repeats_it() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert "| in CI | longer |" in page("guarantees.md")
    assert command_faults(page("guarantees.md"), makefile, SUITE) == []


# What follows plants each fault in a page that was right, and sees that it is named.

SOURCE = '''
import os
import pytest

IMAGES = os.environ.get("GROUNDWIRE_IMAGES")


def test_it_holds():
    """K01, and nothing else."""


@pytest.mark.slow
def test_it_holds_for_long():
    pass


@pytest.mark.skip(reason="not today")
def test_it_was_left_out():
    pass


def test_it_gives_up():
    pytest.skip("on every machine")


def test_it_needs_a_server():
    if not servers():
        pytest.skip("no server here")


class TestMachine:
    def test_it_turns(self):
        pass


class Helper:
    def test_it_is_never_collected(self):
        pass


test_outbox = Machine.TestCase


def check_it_holds():
    pass
'''
CONFORMANCE = """
class Conformance:
    def test_every_driver_does(self):
        pass


class Forgotten:
    def test_no_driver_does(self):
        pass
"""
CONTRACT = """
| G01 | **It holds.** |
| G02 | **It turns.** |

## Tests

| G01 | `tests/test_it.py::test_it_holds` |
| G02 | `tests/test_it.py::test_it_turns`, `tests/suite.py::test_every_driver_does` |
"""
TABLE = """
| K01 | It was [lost](https://example.org/x/issues/1) | It is not. | `tests/test_it.py::test_it_holds` | holds |
| K02 | It was [lost](https://example.org/x/pull/2) | - | `tests/test_it.py::TestMachine` | not applicable, because there is no bus in this version |
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "tests" / "suite.py").write_text(CONFORMANCE, encoding="utf-8")
    (tmp_path / "tests" / "test_driver.py").write_text(
        "class TestOne(suite.Conformance):\n    pass\n", encoding="utf-8"
    )
    return Suite(tmp_path)


def test_pages_that_are_right_have_no_fault(suite: Suite) -> None:
    assert promise_faults(CONTRACT, suite) == []
    assert table_faults(TABLE, ["K01", "K02"], suite, linked=True) == []
    assert naming_faults({"it.md": CONTRACT + TABLE}, suite) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("| G02 | `tests/test_it.py::test_it_turns`, `", "| G03 | `", "G02 has no row under Tests"),
        ("| G02 | **It turns.** |\n", "", "G02 has tests and is not promised"),
        ("| G02 | **It turns.** |", "| G01 | **It turns.** |", "G01 has 2 rows"),
        (
            "**It turns.** |",
            "**It turns.** | `tests/test_it.py::test_it_turns` |",
            "G02 has more than its words",
        ),
        ("`tests/test_it.py::test_it_holds`", "by hand", "G01 names no test"),
        ("test_it_holds`", "test_it_holds_for_long`", "G01 has no test that CI runs"),
        ("test_it_holds`", "test_it_was_left_out`", "which is skipped everywhere"),
        ("test_it_holds`", "test_it_gives_up`", "which is skipped everywhere"),
        ("| G01 | `tests/test_it.py::test_it_holds` |\n", "", "G01 has no row under Tests"),
    ],
)
def test_a_fault_of_the_contract_is_named(suite: Suite, right: str, wrong: str, fault: str) -> None:
    assert right in CONTRACT

    found = promise_faults(CONTRACT.replace(right, wrong), suite)

    assert any(fault in each for each in found), found


def test_rows_of_tests_out_of_order_are_named(suite: Suite) -> None:
    head, _, tests = CONTRACT.partition("## Tests\n\n")
    swapped = "\n".join(reversed(tests.strip().splitlines()))

    assert promise_faults(f"{head}## Tests\n\n{swapped}\n", suite) == [
        "the rows under Tests are not in the order of their numbers"
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("| K02 |", "| K01 |", "K01 has 2 rows"),
        ("| K02 |", "| K03 |", "K02 has no row"),
        ("| K02 |", "| K03 |", "K03 is not one of the page's numbers"),
        ("| holds |", "| |", "K01 ends in no result"),
        (", because there is no bus in this version", "", "K02 ends in no result"),
        ("because there is no bus in this version", "because no", "K02 ends in no result"),
        ("[lost](https://example.org/x/pull/2)", "lost", "K02 has no link"),
        ("`tests/test_it.py::TestMachine`", "-", "K02 names no test"),
    ],
)
def test_a_fault_of_a_table_is_named(suite: Suite, right: str, wrong: str, fault: str) -> None:
    assert right in TABLE

    found = table_faults(TABLE.replace(right, wrong), ["K01", "K02"], suite, linked=True)

    assert any(fault in each for each in found), found


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("tests/test_it.py::test_it_holds", True),
        ("tests/test_it.py::test_it_needs_a_server", True),
        ("tests/test_it.py::TestMachine", True),
        ("tests/test_it.py::test_it_turns", True),
        ("tests/test_it.py::test_outbox", True),
        ("tests/suite.py::test_every_driver_does", True),
        ("tests/test_it.py::test_it_held", False),
        ("tests/test_it.py::check_it_holds", False),
        ("tests/test_it.py::test_it_is_never_collected", False),
        ("tests/suite.py::test_no_driver_does", False),
        ("tests/test_that.py::test_it_holds", False),
    ],
)
def test_only_what_pytest_finds_is_a_test(suite: Suite, named: str, *, there: bool) -> None:
    found = naming_faults({"it.md": f"see `{named}`"}, suite)

    assert found == ([] if there else [f"it.md names {named}, which is no test"])


def test_a_number_that_is_on_no_page_is_named(suite: Suite) -> None:
    source = '"""K01, as in G99."""\n\nKEY = "S77"  # not F66\n'

    assert prose(source).split() == ["K01,", "as", "in", "G99.", "#", "not", "F66"]
    assert mention_faults({"it.py": prose(source)}, {"K01"}) == [
        "it.py mentions F66, which is on no page",
        "it.py mentions G99, which is on no page",
    ]
    assert MENTION.findall(SOURCE) == ["K01"]
    assert suite.fate("tests/test_it.py", "test_it_holds") is not None


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("`GROUNDWIRE_IMAGES=9 make faults`", ""),
        ("`GROUNDWIRE_IMAGES=9 pytest tests/test_it.py`", ""),
        ("the same", ""),
        ("`make faults` looks at `more` than to make the same again `and`", ""),
        ("`make sim SEEDS=9`", "there is no target sim to make"),
        ("`GROUNDWIRE_NOBODY_READS=9 make faults`", "nothing reads GROUNDWIRE_NOBODY_READS"),
        ("`GROUNDWIRE_IMAGES=9`", "no command repeats: images"),
        ("by hand", "no command repeats: images"),
    ],
)
def test_a_number_without_its_command_is_named(suite: Suite, command: str, fault: str) -> None:
    table = f"\n## How much is run\n\n| suite | in CI | longer |\n| images | 9 | {command} |\n\n## Tests\n"

    assert command_faults(table, "faults: packages\n", suite) == ([fault] if fault else [])
