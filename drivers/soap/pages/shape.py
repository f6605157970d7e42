"""Pure: a stream's options and its page's WSDL -> what is read, and how it becomes columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from drivers.contract import BadConfiguration, MarkKind, SourceChanged
from drivers.recipes.naming import nearest
from drivers.soap.columns import Column, Lines
from drivers.soap.model import Definitions, Kind, Member, Type
from drivers.soap.pages.criteria import is_asked_for
from drivers.soap.pages.names import option_text
from drivers.soap.pages.options import PageLines, PageStream
from drivers.soap.pages.service import KEY, PageModel

# What NAV prints for a date that is empty; behind a moment stand fractions and offsets of many kinds.
_NO_DAY = ("0001-01-01", "1753-01-01")
_EMPTY = {Kind.DATE: _NO_DAY, Kind.TIMESTAMP: tuple(f"{day}T00:00:00" for day in _NO_DAY)}


@dataclass(frozen=True, slots=True)
class PageShape:
    where: str  # the stream's place in the connection file
    options: PageStream
    model: PageModel
    columns: tuple[Column, ...]
    lines: tuple[Lines, ...]
    key: tuple[Column, ...]
    replication: Column | None
    order: tuple[Column, ...]  # the table's primary key as far as it is known, by which pages are sorted

    @property
    def mark_kind(self) -> MarkKind | None:
        if self.replication is None:
            return None
        return MarkKind.DATE if self.replication.kind is Kind.DATE else MarkKind.TIMESTAMP

    @property
    def known_tags(self) -> frozenset[str]:
        return frozenset(each.tag for each in self.model.type.members)


def shape_of(name: str, options: PageStream, model: PageModel) -> PageShape:
    where = f"streams.{name}.read"
    columns = {each.name: each for each in plain_columns(model.definitions, model.type)}
    key = options.key or model.primary
    for each in (*key, *((options.replication_key,) if options.replication_key else ())):
        if each not in columns:
            raise _no_field(
                each, columns, options.page, f"{where}.key" if each in key else f"{where}.replication_key"
            )
    if not key:
        raise BadConfiguration(
            f"the page {options.page} does not say what its key is",
            where=f"{where}.key",
            hint='Name the fields that are unique together, such as key = ["No"].',
        )
    if not any(is_filterable(columns[each]) for each in key):
        raise BadConfiguration(
            f"records cannot be looked up by {', '.join(key)}: how a date, a decimal or an option is written in a filter "
            "depends on the server's language",
            where=f"{where}.key",
            hint="Name a key of which one field at least is a text, a code or a whole number.",
        )
    for each in options.filter:
        if each not in model.fields:
            raise _no_field(each, model.fields, options.page, f"{where}.filter.{each}")
    replication = columns[options.replication_key] if options.replication_key else None
    if replication is not None and (
        replication.kind not in {Kind.DATE, Kind.TIMESTAMP} or replication.name not in model.fields
    ):
        raise BadConfiguration(
            f"{replication.name} cannot be the replication key: it is no date that can be filtered",
            where=f"{where}.replication_key",
            hint="Name a field such as Last_Date_Modified, or leave it out: the stream is then compared in full.",
        )
    lines = tuple(
        _lines(set_name, each, model, options.page, where) for set_name, each in options.lines.items()
    )
    return PageShape(
        where,
        options,
        model,
        tuple(columns.values()),
        lines,
        tuple(columns[each] for each in key),
        replication,
        tuple(columns[each] for each in _order(key, model, columns)),
    )


def _order(key: Sequence[str], model: PageModel, columns: Mapping[str, Column]) -> Sequence[str]:
    return model.primary if model.primary and set(model.primary) <= set(columns) else key


def projected(shape: PageShape, wanted: Sequence[str] | None, *, keys_only: bool) -> PageShape:
    """Only what is asked for; line sets of which nothing is named are left out."""
    if keys_only:
        return replace(shape, columns=(), lines=())
    if wanted is None:
        return shape
    asked = set(wanted)
    lines = tuple(
        replace(each, columns=tuple(c for c in each.columns if f"{each.name}.{c.name}" in asked))
        for each in shape.lines
    )
    return replace(
        shape,
        columns=tuple(each for each in shape.columns if each.name in asked),
        lines=tuple(each for each in lines if each.columns),
    )


def plain_columns(definitions: Definitions, type_: Type) -> Iterator[Column]:
    """The fields of a page but the lists of its sub-pages. The Key says nothing of the record itself."""
    for member in type_.members:
        kind = definitions.type_of(member)
        if kind.kind is not None and member.name != KEY and not member.many:
            yield column_of(member, kind)


def is_filterable(column: Column) -> bool:
    return is_asked_for(column.kind, is_option=column.decode is not None)


def column_of(member: Member, kind: Type) -> Column:
    plain = kind.kind or Kind.TEXT
    decode = option_text if kind.values else None
    return Column(member.name, (member.tag,), plain, decode, _EMPTY.get(plain, ()))


def _lines(name: str, options: PageLines, model: PageModel, page: str, where: str) -> Lines:
    part = options.part
    found = model.part(part)
    if found is None:
        parts = [each.name for each in model.type.members if model.part(each.name) is not None]
        raise SourceChanged(
            f"the page {page} has no sub-page {part!r}",
            where=f"{where}.lines.{name}.part",
            hint=nearest(part, parts),
        )
    holder, line = found
    columns = tuple(plain_columns(model.definitions, model.definitions.type_of(line)))
    named = {each.name: each for each in columns}
    for each in options.where:
        if each not in named:
            raise _no_field(each, named, f"{page}.{part}", f"{where}.lines.{name}.where.{each}")
        _check_options(each, options.where[each], model, line, f"{where}.lines.{name}.where.{each}")
    chosen = tuple((named[each], frozenset(values)) for each, values in options.where.items())
    return Lines(name, (holder.tag, line.tag), columns, chosen)


def _check_options(name: str, wanted: Sequence[str], model: PageModel, line: Member, where: str) -> None:
    """Options that there are not would leave out every line without a word."""
    member = model.definitions.type_of(line).member(name)
    held = model.definitions.type_of(member).values if member is not None else ()
    known = [option_text(each) for each in held]
    for each in wanted:
        if known and each not in known:
            raise BadConfiguration(
                f"{name} has no value {each!r}",
                where=where,
                hint=f"It has: {', '.join(text or repr(text) for text in known)}. A server whose Services Option Format "
                "is OptionCaption names options in its own language.",
            )


def _no_field(name: str, known: Sequence[str] | dict[str, Column], page: str, where: str) -> SourceChanged:
    return SourceChanged(f"the page {page} has no field {name!r}", where=where, hint=nearest(name, known))
