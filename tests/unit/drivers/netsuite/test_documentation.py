"""docs/drivers/netsuite.md names every option, and its examples are taken, so that the page stays true."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from drivers.contract import StreamSpec
from drivers.netsuite.options import ConnectionOptions, LineOptions, StreamOptions, parse_connection
from drivers.netsuite.recipes import TYPES, read_writes
from drivers.netsuite.shape import Kind, shape_of
from drivers.netsuite.write_options import LinesTable, OperationTable, StepTable, WriteTable
from drivers.option_tables import Strict

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "drivers" / "netsuite.md").read_text("utf-8")
CONNECTION, READ, WRITE = (
    tomllib.loads(found) for found in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
)
# Options of every driver over HTTP, described on the page of the odata driver.
SHARED = {"headers", "certificate_file", "key_file"}


@pytest.mark.parametrize(
    "table",
    [ConnectionOptions, StreamOptions, LineOptions, WriteTable, OperationTable, StepTable, LinesTable],
)
def test_every_option_is_on_the_page(table: type[Strict]) -> None:
    missing = [
        name for name in table.model_fields if not re.search(rf"\b{name}\b", PAGE) and name not in SHARED
    ]

    assert missing == []


def test_every_type_is_on_the_page() -> None:
    assert [name for name in (*TYPES, *Kind) if f"`{name}`" not in PAGE] == []


def test_the_examples_are_taken() -> None:
    parse_connection(CONNECTION["options"])
    read = READ["streams"]["purchase_orders"]["read"]
    shape_of(StreamSpec("purchase_orders", "purchase_order", read))
    for name, entity in (("purchase_orders", "purchase_order"), ("work_orders", "work_order")):
        assert read_writes(StreamSpec(name, entity, read, write=WRITE["streams"][name]["write"])).recipes
