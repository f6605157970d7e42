"""The tests' tables are named as the systems' own are: the profiles are read from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.databases import gp
from tests.databases.laying import columns_of


def schema(shared_dir: Path, name: str) -> Any:
    path = shared_dir / "erp" / "dynamics" / "schemas" / name
    if not path.is_file():
        pytest.skip(f"needs ../shared/erp/dynamics/schemas/{name}, which lists a database's columns")
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "table", ["POP10100", "POP10110", "PM00200", "IV00101", "IV00102", "FA00100", "SVC00200", "SVC00203"]
)
def test_every_column_of_gp_is_one_of_its_table(shared_dir: Path, table: str) -> None:
    """The list has the names as classes were made of them: `Acquisition_Cost` is `AcquisitionCost` there."""
    listed = {name.lower() for name, _ in schema(shared_dir, "gp_tables_ef.json")[table]}

    used = {name.replace("_", "").lower() for name in columns_of(gp.TABLES[table])}

    assert used <= listed
    assert ("dexrowts" in listed) == (table not in gp.WITHOUT_A_STAMP)


def test_history_has_the_columns_of_work() -> None:
    assert gp.TABLES["POP30100"] == gp.TABLES["POP10100"]
    assert gp.TABLES["POP30110"] == gp.TABLES["POP10110"]
