"""Rows of an entity table as JSON-ready documents. Row by row on purpose: only what an API answer shows is rendered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import orjson
import pyarrow as pa

from agent.model.entities import BATCH_PROVENANCE, ENTITIES, PROVENANCE, Entity, Field, Kind
from agent.model.run import rfc3339

Document = dict[str, Any]


def to_documents(
    table: pa.Table, rows: Sequence[int], *, include_raw: bool = False, entity: str | None = None
) -> list[Document]:
    """Render the rows of these numbers, in this order. The entity is that of the table's metadata unless given."""
    stated = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    kind = ENTITIES[entity or stated["entity"]]
    shared = {field.alias: stated.get(field.name) for field in BATCH_PROVENANCE}
    chosen = table if include_raw or "raw" not in table.column_names else table.drop_columns(["raw"])
    records = chosen.take(pa.array(rows, pa.int64())).to_pylist()
    return [_document(record, kind, shared, include_raw=include_raw) for record in records]


def _document(record: Document, entity: Entity, shared: Document, *, include_raw: bool) -> Document:
    document = _object(record, entity.fields)
    document |= _object(record, PROVENANCE)
    raw = document.pop("raw")
    content_hash = record.get("content_hash")
    document["sourceKey"] = record.get("source_key") or record["key"]
    document["contentHash"] = None if content_hash is None else f"{content_hash:016x}"
    document |= shared
    if include_raw:
        document["raw"] = _parsed(raw)
    return document


def _parsed(raw: str | None) -> Any:
    """A raw record that is no JSON (an agent gone wrong) is not worth failing the whole answer for."""
    try:
        return None if raw is None else orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _object(members: Document, fields: tuple[Field, ...]) -> Document:
    return {field.alias: _value(members.get(field.name), field) for field in fields}


def _value(value: Any, field: Field) -> Any:
    if field.kind is Kind.LIST:
        return [_object(item or {}, field.fields) for item in value or ()]
    if field.kind is Kind.OBJECT:
        return None if value is None else _object(value, field.fields)
    if field.kind is Kind.CUSTOM:
        return {name: json_value(member) for name, member in (value or {}).items()}
    return json_value(value)


def json_value(value: Any) -> Any:
    render = _RENDERERS.get(type(value))
    return value if render is None else render(value)


def decimal_text(value: Decimal) -> str:
    """The one canonical form: no exponent, no trailing zeros after the point, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


_RENDERERS: Final[dict[type, Callable[[Any], Any]]] = {
    Decimal: decimal_text,
    datetime: rfc3339,
    date: date.isoformat,
}
