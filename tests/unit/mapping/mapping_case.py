"""A page and a mapping in one line, for tests of single transformations."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from agent.mapping.compile import Mapped, compile_mapping

WHERE = "connections/nav.toml: streams.orders.map"


def map_page(mapping: dict[str, Any], page: pa.Table) -> Mapped:
    """Purchase orders whose number is made up, so that a test says only what it is about."""
    compiled = compile_mapping({"orderNo": {"const": "1"}, **mapping}, entity="purchase_order", where=WHERE)
    return compiled.apply(page)


def page_of(**columns: Any) -> pa.Table:
    arrays = {
        name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()
    }
    rows = len(next(iter(arrays.values())))
    return pa.table({"__key": pa.array([str(row) for row in range(rows)]), **arrays})


def values_of(spec: Any, values: Any, *, field: str = "title", **others: Any) -> list[Any]:
    """What `field` becomes for each value of the column "c"; a record's rejection stands as its reason code."""
    mapped = map_page({field: spec}, page_of(c=values, **others))
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)
    made = dict(zip(mapped.records["key"].to_pylist(), mapped.records[name].to_pylist(), strict=True))
    made |= {reject.key: f"reject:{reject.reason}" for reject in mapped.rejects}
    return [made[str(row)] for row in range(len(made))]
