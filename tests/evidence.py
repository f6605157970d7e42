"""The pages of promises, faults, attacks and known failures, held against the tests that they name.

Everything here takes pages and a folder of tests and returns what is wrong with them, one sentence per fault. It reads
the tests' source and imports none of them: what pytest would collect is told from names.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

ROW = re.compile(r"^\| ([A-Z]\d{2,3}) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
MENTION = re.compile(r"\b(?:G\d{2,3}|[FSK]\d{2})\b")
LINK = re.compile(r"\]\(https://[\w./#-]+\)")
RESULT = re.compile(r"holds\b.*|(?:holds in part|not applicable), because .{20,}")
CODE = re.compile(r"`([^`\n]+)`")
MAKE = re.compile(r"(?:[A-Z_]+=\S+ )*make ([a-z-]+)\b")
VARIABLE = re.compile(r"\bGROUNDWIRE_[A-Z_]+\b")
RUN = re.compile(r"^\| (.+?) \| .+ \| (.+?) \|$", re.MULTILINE)
COMMAND = re.compile(r"\b(?:make [a-z]|pytest .*tests/|python -m )")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its id and the cells behind it."""

    number: str
    cells: tuple[str, ...]

    @property
    def tests(self) -> tuple[tuple[str, str], ...]:
        """Every test that the row names, as file and name."""
        return tuple(found for cell in self.cells for found in TEST.findall(cell))


def rows(page: str) -> list[Row]:
    return [Row(number, tuple(cells.split(" | "))) for number, cells in ROW.findall(page)]


class Fate(StrEnum):
    """What becomes of a test in the run that everybody makes."""

    RUNS = "runs"
    SLOW = "is slow, so that CI leaves it out"
    SKIPPED = "is skipped everywhere"


class Suite:
    """The tests below a folder, as pytest would collect them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tests: dict[str, dict[str, Fate]] = {}

    def files(self) -> Iterator[Path]:
        return (self._root / "tests").rglob("*.py")

    def fate(self, path: str, name: str) -> Fate | None:
        """What becomes of a test; None for what is no test that pytest finds."""
        if path not in self._tests:
            self._tests[path] = self._collect(path)
        return self._tests[path].get(name)

    def _collect(self, path: str) -> dict[str, Fate]:
        file = self._root / path
        if not file.is_file():
            return {}
        module = ast.parse(file.read_text(encoding="utf-8"))
        if file.name.startswith("test_"):
            return dict(_tests_in(module.body, _fate(_marks_of_module(module))))
        # A suite that drivers inherit: its classes are collected wherever a Test... is made from them.
        classes = (
            node for node in module.body if isinstance(node, ast.ClassDef) and node.name in self._inherited
        )
        return {name: fate for node in classes for name, fate in _tests_in(node.body, Fate.RUNS)}

    @cached_property
    def _inherited(self) -> frozenset[str]:
        bases: set[str] = set()
        for file in self.files():
            if file.name.startswith("test_"):
                for found in re.findall(
                    r"^class Test\w*\(([^)]+)\):", file.read_text(encoding="utf-8"), re.MULTILINE
                ):
                    bases.update(base.strip().rpartition(".")[2] for base in found.split(","))
        return frozenset(bases)


def _tests_in(body: Iterable[ast.stmt], outer: Fate) -> Iterator[tuple[str, Fate]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield (
                node.name,
                max(outer, _fate(node.decorator_list), _fate_of_body(node.body), key=list(Fate).index),
            )
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            fate = max(outer, _fate(node.decorator_list), key=list(Fate).index)
            yield node.name, fate
            yield from _tests_in(node.body, fate)
        elif isinstance(node, ast.Assign):
            # What a state machine of Hypothesis makes is a test: test_outbox = OutboxMachine.TestCase.
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id.startswith(("test_", "Test")):
                    yield target.id, outer


def _marks_of_module(module: ast.Module) -> list[ast.expr]:
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets
        ):
            return list(node.value.elts) if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return []


def _fate(marks: Iterable[ast.expr]) -> Fate:
    names = {ast.unparse(mark.func if isinstance(mark, ast.Call) else mark) for mark in marks}
    if names & {"pytest.mark.skip", "pytest.mark.xfail"}:
        return Fate.SKIPPED
    return Fate.SLOW if "pytest.mark.slow" in names else Fate.RUNS


def _fate_of_body(body: Sequence[ast.stmt]) -> Fate:
    """A `pytest.skip()` that stands under no condition skips on every machine."""
    calls = (node.value for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    return Fate.SKIPPED if any(ast.unparse(call.func) == "pytest.skip" for call in calls) else Fate.RUNS


def promise_faults(page: str, suite: Suite) -> list[str]:
    """Of the page of promises: each has one row among the promises, one among the tests, and tests that run."""
    contract, _, named = page.partition("\n## Tests\n")
    promised, tested = rows(contract), rows(named)
    faults = [*_repeated(promised), *_repeated(tested)]
    faults += [
        f"{row.number} has more than its words among the promises" for row in promised if len(row.cells) != 1
    ]
    words, tests = {row.number for row in promised}, {row.number for row in tested}
    faults += [f"{number} has no row under Tests" for number in sorted(words - tests)]
    faults += [f"{number} has tests and is not promised" for number in sorted(tests - words)]
    faults += [fault for row in tested for fault in _faults_of_tests(row, suite)]
    if [row.number for row in tested] != sorted(tests, key=lambda number: int(number[1:])):
        faults.append("the rows under Tests are not in the order of their numbers")
    return faults


def table_faults(page: str, numbers: Sequence[str], suite: Suite, *, linked: bool = False) -> list[str]:
    """Of a page with a row for each of `numbers`: id, what it is, what holds, tests, and the result in its last cell."""
    found = rows(page)
    faults = _repeated(found)
    faults += [f"{number} has no row" for number in numbers if number not in {row.number for row in found}]
    faults += [f"{row.number} is not one of the page's numbers" for row in found if row.number not in numbers]
    for row in found:
        if not RESULT.fullmatch(row.cells[-1]):
            faults.append(f"{row.number} ends in no result with its reason: {row.cells[-1]}")
        if linked and not LINK.search(row.cells[0]):
            faults.append(f"{row.number} has no link to what happened")
        faults += _faults_of_tests(row, suite)
    return faults


def _repeated(found: Iterable[Row]) -> list[str]:
    counts = Counter(row.number for row in found)
    return [f"{number} has {count} rows" for number, count in counts.items() if count > 1]


def _faults_of_tests(row: Row, suite: Suite) -> list[str]:
    fates = {f"{path}::{name}": suite.fate(path, name) for path, name in row.tests}
    if not fates:
        return [f"{row.number} names no test"]
    faults = [
        f"{row.number} names {test}, which {fate}" for test, fate in fates.items() if fate is Fate.SKIPPED
    ]
    if all(fate is Fate.SLOW for fate in fates.values()):
        faults.append(f"{row.number} has no test that CI runs")
    return faults


def naming_faults(pages: Mapping[str, str], suite: Suite) -> list[str]:
    """Of any pages: every test that they name is one that pytest finds."""
    return [
        f"{page} names {path}::{name}, which is no test"
        for page, text in pages.items()
        for path, name in sorted(set(TEST.findall(text)))
        if suite.fate(path, name) is None
    ]


def mention_faults(texts: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """Of any prose: every id that it mentions has a row somewhere."""
    rows_there_are = set(known)
    return [
        f"{place} mentions {number}, which is on no page"
        for place, text in texts.items()
        for number in sorted(set(MENTION.findall(text)) - rows_there_are)
    ]


def command_faults(page: str, makefile: str, suite: Suite) -> list[str]:
    """Of the page of promises: what is run has a command that repeats it, of targets and variables that there are."""
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {found[1] for code in CODE.findall(page) if (found := MAKE.match(code))}
    faults = [f"there is no target {target} to make" for target in sorted(named - targets)]
    variables = set(VARIABLE.findall(page)) - set(VARIABLE.findall(makefile))
    for file in suite.files():
        variables.difference_update(VARIABLE.findall(file.read_text(encoding="utf-8")))
    faults += [f"nothing reads {variable}" for variable in sorted(variables)]
    _, _, run = page.partition("\n## How much is run\n")
    for what, command in RUN.findall(run.partition("\n## ")[0]):
        if what != "suite" and command != "the same" and not any(map(COMMAND.search, CODE.findall(command))):
            faults.append(f"no command repeats: {what}")
    return faults


def prose(source: str) -> str:
    """The comments and docstrings of a module: what it says of itself, without its data."""
    if not MENTION.search(source):
        return ""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [
        ast.get_docstring(n) or "" for n in ast.walk(ast.parse(source)) if isinstance(n, documented)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join([*docstrings, *(t.string for t in tokens if t.type == tokenize.COMMENT)])
