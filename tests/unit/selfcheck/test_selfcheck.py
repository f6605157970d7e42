"""What `groundwire selfcheck` tries, and that it says so where something is missing."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.clock import SystemClock
from agent.doctor.check import Check, Report, Told, examine
from agent.doctor.installation import Installation
from agent.findings import Finding, Level, worst
from agent.selfcheck import checks, children, modules, shipped, speaking, storing, texts
from agent.selfcheck.words import part, plain
from drivers.registry import create, names

ROOT = Path(__file__).resolve().parents[3]
# Of other systems, or named where a text is only looked up and nothing imported.
NOT_HERE = frozenset({"msvcrt", "win32api", "win32con", "win32security", "winreg", "_winapi", "saprfclib"})


async def ask(*asked: Check) -> list[Finding]:
    report: Report = await examine(
        Installation(
            config_dir=Path("/nonexistent"),
            state_dir=None,
            settings=None,
            environ=os.environ,
            clock=SystemClock(),
        ),
        asked,
    )
    return list(report.findings)


async def test_what_needs_no_process_works_here() -> None:
    found = await ask(
        shipped.CHECK, storing.STORE, storing.SEALING, speaking.TLS, speaking.WSDL_CHECK,
        texts.ZONES, texts.CODECS_CHECK, texts.SCHEDULE, texts.COLUMNS,
    )  # fmt: skip

    assert [(one.code, one.cause, one.evidence) for one in found if one.level is not Level.OK] == []
    assert len(found) == 9


async def test_whatever_a_part_raises_is_its_finding() -> None:
    def missing() -> str:
        raise LookupError("unknown encoding: cp1252")

    (found,) = await ask(plain("encodings", "character sets", "A character set is missing", missing))

    assert (found.code, found.level, found.evidence) == (
        "encodings.broken",
        Level.PROBLEM,
        "unknown encoding: cp1252",
    )
    assert found.next_step


async def test_a_module_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "modules", lambda: iter(["json", "agent.nobody_wrote_this"]))

    found = {one.where: one for one in await ask(modules.CHECK)}

    assert found["agent.nobody_wrote_this"].level is Level.PROBLEM
    assert "agent.nobody_wrote_this" in found["agent.nobody_wrote_this"].evidence


async def test_an_extra_may_be_missing_from_a_python_and_not_from_a_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without() -> tuple[int, list[tuple[str, ImportError | OSError]]]:
        return 1, [("relay.bus.nats", ModuleNotFoundError("No module named 'nats'", name="nats"))]

    monkeypatch.setattr(modules, "imported", without)

    assert worst(await ask(modules.CHECK)) is Level.NOTICE

    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert worst(await ask(modules.CHECK)) is Level.PROBLEM


def test_every_library_that_the_source_names_is_imported() -> None:
    """By importing our own modules, or for what functions import, from the list."""
    ours = set(modules.PACKAGES)
    listed = {name.partition(".")[0] for name in (*modules.LATE, *modules.ELSEWHERE)}
    loaded = {name for name, at_once in imports() if at_once}
    late = {name for name, _ in imports()} - loaded

    assert late - ours - listed - set(sys.stdlib_module_names) - NOT_HERE == set()


def imports() -> Iterator[tuple[str, bool]]:
    """Each top-level package that the source imports, and whether it does so when its module is loaded."""
    for package in modules.PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            tree = ast.parse(file.read_text("utf-8"))
            inside = {
                id(node)
                for function in ast.walk(tree)
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
                for node in ast.walk(function)
            }
            for node in ast.walk(tree):
                names_of = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                yield from ((name.partition(".")[0], id(node) not in inside) for name in names_of)


def test_every_driver_is_started_with_options_that_open_it() -> None:
    assert set(children.OPTIONS) == set(names())
    for name, (options, secrets) in children.OPTIONS.items():
        create(name, connection="selfcheck", options=options, secrets=dict.fromkeys(secrets, "x"))


async def test_a_missing_driver_manager_is_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "libodbc.so.2: cannot open shared object file: No such file or directory"
    monkeypatch.setattr(children, "trial_fails", lambda *_, **__: words)

    (found,) = await ask(children.ODBC)

    assert (found.code, found.level, found.evidence) == ("manager.no_manager", Level.NOTICE, words)


async def test_a_driver_whose_process_does_not_start_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "names", lambda: ("sandbox",))
    monkeypatch.setattr(
        "agent.hosting.driver.child_command", lambda: ("/nonexistent/groundwire", "driver-host")
    )

    (found,) = await ask(children.CHILDREN)

    assert (found.code, found.where, found.level) == ("drivers.broken", "sandbox", Level.PROBLEM)
    assert "could not be started" in found.evidence


@pytest.mark.parametrize(("broken", "code"), [(False, 0), (True, 1)])
def test_it_ends_with_one_where_something_is_broken(
    monkeypatch: pytest.MonkeyPatch, *, broken: bool, code: int
) -> None:
    async def look(told: Told) -> None:
        if broken:
            raise ImportError("no")
        told.fine("here", "works")

    monkeypatch.setattr(checks, "CHECKS", (part("one", "one thing", "It is missing", look),))

    done = CliRunner().invoke(main, ["selfcheck", "--json"])

    assert done.exit_code == code
    assert '"one.broken"' in done.output or not broken


def test_every_code_is_there_once_and_on_the_page() -> None:
    codes = [known.code for check in checks.CHECKS for known in check.known]
    page = (ROOT / "docs" / "bundle.md").read_text("utf-8")

    assert len(codes) == len(set(codes))
    assert [code for code in codes if f"`{code}`" not in page] == []
