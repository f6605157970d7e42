"""The page of promises is held against the tests: every id names tests, and every test it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guarantees.md"
ROW = re.compile(r"^\| (G\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promises() -> dict[str, str]:
    return {number: tests for number, _, tests in ROW.findall(PAGE.read_text(encoding="utf-8"))}


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def test_every_promise_names_its_tests() -> None:
    found = promises()

    assert len(found) > 10
    assert [number for number, tests in found.items() if not NAMED.search(tests)] == []


def test_every_test_that_a_promise_names_exists() -> None:
    missing = [
        f"{number}: {path}::{name}"
        for number, tests in promises().items()
        for path, name in NAMED.findall(tests)
        if not (ROOT / path).is_file() or name not in functions(ROOT / path)
    ]

    assert missing == []


def test_no_promise_is_numbered_twice() -> None:
    numbers = [number for number, _, _ in ROW.findall(PAGE.read_text(encoding="utf-8"))]

    assert len(numbers) == len(set(numbers))
