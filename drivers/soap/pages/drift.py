"""Pure: what answers say of a page that changed since its WSDL was fetched.

NAV leaves out texts that are empty, and lists of sub-pages without lines; every other field is always there. So one that
no record of an answer has may have been taken off the page, and a text that none of many has, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from drivers.soap.columns import Column, below_all
from drivers.soap.model import Kind
from drivers.soap.pages.service import PageModel
from drivers.soap.pages.shape import PageShape

_MANY: Final = 100  # records


def unseen(shape: PageShape, records: Sequence[Any], expected: frozenset[str]) -> set[str]:
    """Fields that are read and that no record has, those of lines as `PART.FIELD`. `expected`: known to be so."""
    own = (*shape.columns, *shape.key, *((shape.replication,) if shape.replication else ()))
    found = _missing(own, records, "", expected)
    for lines in shape.lines:
        part = lines.path[0]
        name = part.rpartition("}")[2]
        held = below_all(records, lines.path)
        if not held and len(records) >= _MANY and name not in expected:
            found.add(name)
        columns = (*lines.columns, *(column for column, _ in lines.where))
        found |= _missing(columns, held, f"{name}.", expected)
    return found


def lost(names: Iterable[str], model: PageModel) -> list[str]:
    """Those that the page does not have any more."""
    return sorted(name for name in names if not _has(model, *name.split(".")))


def _has(model: PageModel, name: str, field: str = "") -> bool:
    if not field:
        return model.type.member(name) is not None
    part = model.part(name)
    return part is not None and model.definitions.type_of(part[1]).member(field) is not None


def _missing(
    columns: Iterable[Column], elements: Sequence[Any], prefix: str, expected: frozenset[str]
) -> set[str]:
    if not elements:
        return set()
    tags = {
        each.path[0]: f"{prefix}{each.name}"
        for each in columns
        if (each.kind is not Kind.TEXT or each.decode is not None or len(elements) >= _MANY)
        and f"{prefix}{each.name}" not in expected
    }
    for element in elements:
        if not tags:
            break
        for child in element:
            tags.pop(child.tag, None)
    return set(tags.values())
