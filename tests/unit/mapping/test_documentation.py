"""The examples of docs/mapping.md are read by the compiler, so that the page cannot go stale."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConfigurationError
from agent.mapping.compile import compile_mapping
from agent.mapping.values import _OPTIONS, _SOURCES
from agent.model.entities import ENTITIES, Field

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "mapping.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CELLS = [line for line in re.findall(r"`([a-zA-Z]+ = (?:\{.*\}))`", PAGE) if not line.startswith("lookup")]
INSIDE_LINES = ("name =", "key =", "currencyKey = { header", "quantity =", "priceUnit =", "uomKey =")


def compile_any(mapping: dict[str, Any]) -> None:
    """With the entity that has these fields, and what else that entity needs."""
    last: ConfigurationError | None = None
    for entity in ENTITIES.values():
        required = {
            field.alias: {"const": "x"} for field in entity.fields if field.required and field.name != "key"
        }
        try:
            compile_mapping({**required, **mapping}, entity=entity.name, where="docs")
        except ConfigurationError as error:
            last = error
        else:
            return
    assert last is not None
    raise last


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_table_compiles(block: str) -> None:
    text = tomllib.loads(block)
    mapping = text["streams"]["orders"]["map"] if "streams" in text else text
    if block.lstrip().startswith("name   ="):
        mapping = {"lineItems": {"lines": "l", "map": mapping}}
    compile_any(mapping)


@pytest.mark.parametrize("cell", CELLS)
def test_every_example_in_a_table_compiles(cell: str) -> None:
    mapping: dict[str, Any] = tomllib.loads(cell)
    if cell.startswith(INSIDE_LINES) and "maktx" not in cell:
        mapping = {"lineItems": {"lines": "l", "map": mapping}}
    if 'lookup = "terms"' in cell:
        mapping["lookups"] = {"terms": {"30": "30 days net"}}
    compile_any(mapping)


def test_every_word_of_a_mapping_is_documented() -> None:
    for word in (*_SOURCES, *_OPTIONS):
        assert f"`{word}`" in PAGE or f"{word} =" in PAGE, word


def test_every_field_of_the_model_is_documented() -> None:
    page = (ROOT / "docs" / "unified-model.md").read_text("utf-8")

    def walk(fields: tuple[Field, ...]) -> None:
        for field in fields:
            assert re.search(rf"\b{field.alias}\b", page), field.alias
            walk(field.fields)

    for entity in ENTITIES.values():
        assert entity.path in page
        walk(entity.fields)
