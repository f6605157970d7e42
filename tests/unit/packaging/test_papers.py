"""What a bundle says of itself names what no distribution brings: the libraries of CPython for Windows."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.packaging_scripts import ROOT, script

papers = script("papers")


@pytest.fixture
def for_windows(tmp_path: Path) -> Path:
    """A bundle's folder as one looks there, with a Python's own folder beside it."""
    (tmp_path / "groundwire" / "_internal").mkdir(parents=True)
    for name in (
        "libcrypto-3.dll",
        "libssl-3.dll",
        "libffi-8.dll",
        "sqlite3.dll",
        "VCRUNTIME140.dll",
        "python311.dll",
    ):
        (tmp_path / "groundwire" / "_internal" / name).write_bytes(name.encode())
    (tmp_path / "Python").mkdir()
    (tmp_path / "Python" / "LICENSE.txt").write_text("the words of its licence")
    return tmp_path / "groundwire"


def test_what_python_for_windows_brings_is_on_the_bill(for_windows: Path, tmp_path: Path) -> None:
    origin = papers.Origin(tmp_path, tmp_path / "Python", "3.11.9", "3.0.13")

    papers.write(ROOT, for_windows, 1_767_225_600, origin)

    bill = json.loads((for_windows / "sbom.cdx.json").read_text())
    assert {one["name"]: one["version"] for one in bill["components"]} == {
        "CPython": "3.11.9",
        "Microsoft Visual C++ runtime": "140",
        "libffi": "8",
        "openssl": "3.0.13",
        "sqlite": sqlite3.sqlite_version,
    }
    assert "the words of its licence" in (for_windows / "LICENCES.txt").read_text()
