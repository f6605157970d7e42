from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from agent.configuration.schema import schema_texts

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", sorted(schema_texts()))
def test_the_committed_schemas_are_those_of_the_code(name: str) -> None:
    committed = (ROOT / "config" / "schemas" / name).read_text(encoding="utf-8")

    assert committed == schema_texts()[name], "run `groundwire config schema config/schemas`"


@pytest.mark.parametrize("name", sorted(schema_texts()))
def test_each_schema_is_a_valid_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_texts()[name]))


@pytest.mark.parametrize(
    ("example", "schema"),
    [
        ("agent.example.toml", "agent.schema.json"),
        ("connection.example.toml", "connection.schema.json"),
        ("policy.example.toml", "policy.schema.json"),
    ],
)
def test_the_examples_follow_their_schemas(example: str, schema: str) -> None:
    content = tomllib.loads((ROOT / "config" / example).read_text(encoding="utf-8"))

    jsonschema.validate(content, json.loads(schema_texts()[schema]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"drvier": "odbc"},
        {"driver": "odbc", "secrets": {"Pwd": "hunter2"}},
        {"driver": "odbc", "sync": {"every": "soon"}},
        {"driver": "odbc", "streams": {"s": {"entiy": "vendor"}}},
    ],
)
def test_an_editor_is_told_of_the_usual_mistakes(wrong: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(schema_texts()["connection.schema.json"]))
