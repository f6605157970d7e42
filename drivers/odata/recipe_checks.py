"""Parts of a recipe held against the types of the service. Each mistake is raised with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.odata.edm import Parameter, Property, StructuredType
from drivers.odata.recipes import Assignment, Form
from drivers.odata.write_options import Source, StepTable
from drivers.recipe_tables import nearest

# Which tables a form takes, and which of them it needs.
_TAKES: Final[Mapping[Form, tuple[frozenset[str], frozenset[str]]]] = {
    Form.CREATE: (frozenset({"values", "lines"}), frozenset({"values"})),
    Form.UPDATE: (frozenset({"set", "where", "method"}), frozenset({"set", "where"})),
    Form.DELETE: (frozenset({"where"}), frozenset({"where"})),
    Form.CALL: (frozenset({"values", "where", "on"}), frozenset()),
}


def check_form(form: Form, table: StepTable, where: str) -> None:
    takes, needs = _TAKES[form]
    for option in ("values", "set", "where", "lines", "on", "method"):
        if getattr(table, option) and option not in takes:
            raise BadConfiguration(f"{form.value} takes no {option}", where=f"{where}.{option}")
        if not getattr(table, option) and option in needs:
            raise BadConfiguration(f"{form.value} needs {option}", where=where)
    if table.when is not None and table.unless is not None:
        raise BadConfiguration("when and unless exclude each other", where=where)


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
