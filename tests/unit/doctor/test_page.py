"""docs/doctor.md has every check and finding that there is, with cause and remedy, as the code has them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from agent.doctor.checks import CHECKS, every_known
from agent.doctor.page import tables

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "doctor.md"


def test_the_page_has_every_check_and_finding_as_the_code_has_them() -> None:
    """To write them anew: python -m agent.doctor.page"""
    assert PAGE.read_text("utf-8").partition("## Every check and finding\n\n")[2] == f"{tables()}\n"


def test_every_code_is_there_once_and_belongs_to_its_check() -> None:
    codes = [one.code for one in every_known()]

    assert len(codes) == len(set(codes))
    for check in CHECKS:
        assert {one.code.partition(".")[0] for one in check.known} == {check.name}


def test_every_code_that_is_known_is_found_somewhere_and_the_other_way_round() -> None:
    """A code that nobody finds any more would stay on the page for ever; one that is not known would fail its check."""
    for check in CHECKS:
        module = check.run.__module__
        known = {one.code.partition(".")[2] for one in check.known}
        texts = set(texts_in(ROOT / f"{module.replace('.', '/')}.py"))

        assert known <= texts, f"{module}: {known - texts}"


def test_every_finding_has_a_meaning_and_a_next_step() -> None:
    for one in every_known():
        assert one.meaning, one.code
        assert one.remedy, one.code
        assert one.remedy.endswith((".", "`", ")")), one.code


def texts_in(file: Path) -> Iterator[str]:
    """The texts of a module outside of its table of what is known."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if not (isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "KNOWN"):
            yield from (
                one.value
                for one in ast.walk(node)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )
