"""The tests' tables are named as the systems' own are: the profiles are read from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.databases import gp, nav
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


def converted(name: str) -> str:
    """A field's name as SQL Server has it, under NAV's own setting of what is converted."""
    return name.translate(str.maketrans(dict.fromkeys(".\"\\/'%][", "_")))


@pytest.mark.parametrize("table", sorted(nav.COLUMNS))
def test_every_column_of_nav_is_a_field_of_its_table_that_is_kept(shared_dir: Path, table: str) -> None:
    fields = {
        converted(title.split(" ", 1)[1]): {converted(field["name"]): field["flow"] for field in listed}
        for title, listed in schema(shared_dir, "nav2018_tables.json").items()
    }[table]

    used = columns_of(nav.COLUMNS[table]) - {"timestamp"}

    assert used <= fields.keys()
    assert not any(fields[name] for name in used)  # a FlowField is no column


@pytest.mark.parametrize(
    ("table", "field", "options"),
    [
        ("38 Purchase Header", "Document Type", "Quote,Order,Invoice,Credit Memo,Blanket Order,Return Order"),
        ("38 Purchase Header", "Status", "Open,Released,Pending Approval,Pending Prepayment;"),
        ("39 Purchase Line", "Type", ",G/L Account,Item,,Fixed Asset,Charge (Item)"),
        ("23 Vendor", "Blocked", ",Payment,All"),
        ("27 Item", "Type", "Inventory,Service"),
        ("5405 Production Order", "Status", "Simulated,Planned,Firm Planned,Released,Finished"),
    ],
)
def test_the_numbers_of_options_are_those_of_nav(
    shared_dir: Path, table: str, field: str, options: str
) -> None:
    """The profile's mappings know these numbers: 1 is an order, 2 a line of an item, and so on."""
    listed = {each["name"]: each["options"] for each in schema(shared_dir, "nav2018_tables.json")[table]}

    assert listed[field] == options
