"""Parts of a recipe held against the types of the service. Each mistake is raised with its place."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.contract import BadConfiguration, SourceChanged
from drivers.odata.edm import Parameter, Property, StructuredType
from drivers.odata.recipes import Assignment
from drivers.recipes.naming import nearest
from drivers.recipes.tables import Source


def check_whole_key(type_: StructuredType, conditions: tuple[Assignment, ...], where: str) -> None:
    if {each.target.name for each in conditions} != set(type_.key):
        raise BadConfiguration(
            f"a record is named by its whole key: {', '.join(type_.key)}",
            where=where,
            hint=f"Write where = {{ {', '.join(f'{name} = ...' for name in type_.key)} }}.",
        )


def assignments(
    targets: Mapping[str, Property] | Mapping[str, Parameter],
    sources: Mapping[str, Source],
    where: str,
    holder: str,
) -> tuple[Assignment, ...]:
    found = []
    for name, source in sources.items():
        if name not in targets:
            raise SourceChanged(
                f"{holder} has no property {name!r}", where=f"{where}.{name}", hint=nearest(name, targets)
            )
        if (source.field is None) == (source.const is None):
            raise BadConfiguration(
                "a property gets exactly one of a field and const",
                where=f"{where}.{name}",
                hint='Write Supplier = "vendorKey" or Plant = { const = "1000" }.',
            )
        found.append(Assignment(targets[name], source.field or "", source.const))
    return tuple(found)


def settable(values: tuple[Assignment, ...], word: str, type_: StructuredType) -> tuple[Assignment, ...]:
    """Keys are kept: services call them not creatable where they number records themselves, and take them in lines."""
    return tuple(each for each in values if getattr(each.target, word, True) or each.target.name in type_.key)
