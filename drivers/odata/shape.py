"""Pure: what a stream reads, from its options and the service's model."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from drivers.contract import BadConfiguration, MarkKind, SourceChanged
from drivers.odata.edm import Kind, Model, Property, StructuredType
from drivers.odata.options import LineOptions, StreamOptions

_MARK_KINDS: Final = {
    Kind.INTEGER: MarkKind.INTEGER,
    Kind.DATE: MarkKind.DATE,
    Kind.TIMESTAMP: MarkKind.TIMESTAMP,
    Kind.TIMESTAMP_TZ: MarkKind.TIMESTAMP,
}
_NO_KEY: Final = frozenset({Kind.FLOAT, Kind.OTHER, Kind.DURATION})


@dataclass(frozen=True, slots=True)
class Node:
    """One record of an answer: its own properties, and what lies inside it, by name."""

    properties: tuple[Property, ...] = ()
    inner: Mapping[str, Node] = field(default_factory=dict)  # a complex property, or one record behind it
    lists: Mapping[str, Node] = field(default_factory=dict)
    navigation: bool = False  # reached by a navigation property, so it has to be expanded
    whole: bool = False  # everything is wanted: the server need not be told what

    def leaves(self, above: str = "") -> Iterator[tuple[str, Property]]:
        """Every column with its name in the page."""
        for each in self.properties:
            yield f"{above}{each.name}", each
        for name, node in self.inner.items():
            yield from node.leaves(f"{above}{name}/")


@dataclass(frozen=True, slots=True)
class LineShape:
    name: str
    node: Node  # of one line
    order_by: tuple[str, ...]
    path: tuple[str, ...] = ()  # inside the header's answer
    entity_set: str = ""  # or a set of its own
    service: str | None = None  # which lies in another service than the stream's
    parent: tuple[Property, ...] = ()
    key: tuple[Property, ...] = ()
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class StreamShape:
    name: str
    version: int
    service: str
    options: StreamOptions
    key: tuple[Property, ...]
    order: tuple[Property, ...]  # what tells records apart and orders them: mostly the key
    replication: Property | None
    mark_kind: MarkKind | None
    node: Node  # the header, without its lines
    lines: tuple[LineShape, ...]

    @property
    def where(self) -> str:
        return f"streams.{self.name}.read"

    @property
    def tree(self) -> Node:
        """The header with the lines that come in the same answer."""
        found = self.node
        for each in self.lines:
            if each.path:
                found = _with_lines(found, each.path, each.node)
        return found


def shape_of(
    name: str,
    options: StreamOptions,
    model: Model,
    *,
    service: str,
    others: Mapping[str, Model] | None = None,
) -> StreamShape:
    """`others`: the models of the services that line sets name. Raises SourceChanged for a name that a service lacks."""
    where = f"streams.{name}.read"
    type_ = entity_type(model, options.entity_set, f"{where}.entity_set")
    key_names = options.key or type_.key
    if not key_names:
        raise BadConfiguration(
            f"{options.entity_set} has no key in $metadata",
            where=f"{where}.key",
            hint="Name the properties that are unique together.",
        )
    key = _comparable(type_, key_names, f"{where}.key")
    order = _comparable(type_, options.order_by, f"{where}.order_by") or key
    replication = None
    if options.replication_key is not None:
        replication = named(type_, options.replication_key, f"{where}.replication_key")
    return StreamShape(
        name=name,
        version=model.version,
        service=service,
        options=options,
        key=key,
        order=order,
        replication=replication,
        mark_kind=_mark_kind(replication, options, where),
        node=_header(model, type_, options.expand, where),
        lines=tuple(
            _lines(
                model if each.service is None else (others or {})[each.service],
                type_,
                key,
                set_name,
                each,
                f"{where}.lines.{set_name}",
                version=model.version,
            )
            for set_name, each in options.lines.items()
        ),
    )


def _comparable(type_: StructuredType, names: Sequence[str], where: str) -> tuple[Property, ...]:
    found = tuple(named(type_, each, where) for each in names)
    for each in found:
        if each.kind in _NO_KEY or each.collection:
            raise BadConfiguration(
                f"the key property {each.name!r} is of type {each.type}, which has no order or no exact text",
                where=where,
                hint="Name other properties.",
            )
    return found


def entity_type(model: Model, entity_set: str, where: str) -> StructuredType:
    if entity_set not in model.sets:
        raise SourceChanged(
            f"the service has no entity set {entity_set!r}",
            where=where,
            hint=_nearest(entity_set, model.sets),
        )
    return model.type_of(entity_set)


def named(type_: StructuredType, name: str, where: str) -> Property:
    if name not in type_.properties:
        raise SourceChanged(
            f"{type_.name} has no property {name!r}", where=where, hint=_nearest(name, type_.properties)
        )
    return type_.properties[name]


def node_of(model: Model, type_: StructuredType, *, navigation: bool = False, depth: int = 0) -> Node:
    """Every property of a type; complex ones taken apart."""
    inner = {}
    for each in type_.properties.values():
        if each.complex and not each.collection and each.type in model.types and depth < 3:  # noqa: PLR2004 - deep enough
            inner[each.name] = node_of(model, model.types[each.type], depth=depth + 1)
    plain = tuple(
        each for each in type_.properties.values() if each.name not in inner and not _is_list(each, model)
    )
    return Node(plain, inner, navigation=navigation, whole=True)


def projected(shape: StreamShape, columns: Sequence[str] | None, *, keys_only: bool = False) -> StreamShape:
    """The stream with only the columns that are wanted, and those by which it is read.

    A wanted column that is not there is left out: whoever wanted it says so better.
    """
    wanted: set[str] | None = None if columns is None else set(columns)
    if keys_only:
        wanted = set()
    if wanted is None:
        return shape
    wanted |= {each.name for each in (*shape.key, *shape.order)}
    if shape.replication is not None and not keys_only:
        wanted.add(shape.replication.name)
    lines = []
    for each in shape.lines:
        prefix = f"{each.name}."
        mine = {name.removeprefix(prefix) for name in wanted if name.startswith(prefix)}
        if mine:
            mine |= {*each.order_by, *(column.name for column in (*each.parent, *each.key))}
            lines.append(replace(each, node=_narrowed(each.node, mine)))
    return replace(shape, node=_narrowed(shape.node, wanted), lines=tuple(lines))


def _narrowed(node: Node, wanted: Iterable[str], above: str = "") -> Node:
    names = set(wanted)
    inner = {}
    for name, each in node.inner.items():
        kept = _narrowed(each, names, f"{above}{name}/")
        if kept.properties or kept.inner:
            inner[name] = kept
    properties = tuple(each for each in node.properties if f"{above}{each.name}" in names)
    return replace(node, properties=properties, inner=inner, whole=False)


def _header(model: Model, type_: StructuredType, expand: Sequence[str], where: str) -> Node:
    node = node_of(model, type_)
    for path in expand:
        node = _with_one(model, node, type_, tuple(path.split("/")), f"{where}.expand")
    return node


def _with_one(model: Model, node: Node, type_: StructuredType, path: tuple[str, ...], where: str) -> Node:
    name, *rest = path
    navigation = type_.navigations.get(name)
    if navigation is None or navigation.many or navigation.target not in model.types:
        ones = [each.name for each in type_.navigations.values() if not each.many]
        raise SourceChanged(
            f"{type_.name} has no navigation property {name!r} to one record",
            where=where,
            hint=_nearest(name, ones),
        )
    target = model.types[navigation.target]
    below = node.inner.get(name) or node_of(model, target, navigation=True)
    if rest:
        below = _with_one(model, below, target, tuple(rest), where)
    return replace(node, inner={**node.inner, name: below})


def _lines(
    model: Model,
    header: StructuredType,
    key: Sequence[Property],
    name: str,
    options: LineOptions,
    where: str,
    *,
    version: int,
) -> LineShape:
    if options.entity_set is not None:
        if model.version != version:
            raise BadConfiguration(
                f"{options.service} speaks OData V{model.version}, the stream's service V{version}",
                where=f"{where}.service",
                hint="Name a service of the same version.",
            )
        return _lines_of_their_own(model, key, name, options, where)
    path = tuple((options.expand or "").split("/"))
    type_, navigation = header, False
    for step in path:
        type_, navigation = _step(model, type_, step, f"{where}.expand")
    order_by = _ordering(type_, options.order_by or type_.key, f"{where}.order_by")
    return LineShape(name, node_of(model, type_, navigation=navigation), order_by, path)


def _step(model: Model, type_: StructuredType, name: str, where: str) -> tuple[StructuredType, bool]:
    navigation = type_.navigations.get(name)
    if navigation is not None and navigation.many and navigation.target in model.types:
        return model.types[navigation.target], True
    held = type_.properties.get(name)
    if held is not None and held.collection and held.type in model.types:
        return model.types[held.type], False
    many = [each.name for each in type_.navigations.values() if each.many]
    many += [each.name for each in type_.properties.values() if _is_list(each, model)]
    raise SourceChanged(
        f"{type_.name} has no navigation property or collection {name!r} to many records",
        where=where,
        hint=_nearest(name, many),
    )


def _lines_of_their_own(
    model: Model, key: Sequence[Property], name: str, options: LineOptions, where: str
) -> LineShape:
    entity_set = str(options.entity_set)
    type_ = entity_type(model, entity_set, f"{where}.entity_set")
    if len(options.parent) != len(key):
        raise BadConfiguration(
            f"parent names {len(options.parent)} properties, the key has {len(key)}",
            where=f"{where}.parent",
            hint="Name one property of the line set per key property, in the key's order.",
        )
    parent = tuple(named(type_, each, f"{where}.parent") for each in options.parent)
    own = tuple(type_.properties[each] for each in type_.key if each not in options.parent)
    order_by = _ordering(type_, options.order_by or [each.name for each in own], f"{where}.order_by")
    if not own:  # a type without a key of its own: what puts its records in order has to tell them apart
        own = tuple(type_.properties[each] for each in order_by if each not in options.parent)
    return LineShape(
        name, node_of(model, type_), order_by, (), entity_set, options.service, parent, own, options.filter
    )


def _ordering(type_: StructuredType, names: Sequence[str], where: str) -> tuple[str, ...]:
    for each in names:
        held = named(type_, each, where)
        if held.complex or held.collection:
            raise BadConfiguration(
                f"{each!r} of type {held.type} holds several values, which put nothing in order",
                where=where,
                hint="Name properties of one value each.",
            )
    return tuple(names)


def _with_lines(node: Node, path: tuple[str, ...], lines: Node) -> Node:
    name, *rest = path
    below = node.lists.get(name)
    if rest:
        # What lies between carries nothing but the way.
        below = _with_lines(below or Node(navigation=True, whole=lines.whole), tuple(rest), lines)
    elif below is not None:
        below = _merged(below, lines)
    else:
        below = lines
    return replace(node, lists={**node.lists, name: below})


def _merged(one: Node, other: Node) -> Node:
    """Two line sets that go the same way, each with columns of its own."""
    properties = {each.name: each for each in (*one.properties, *other.properties)}
    return Node(
        tuple(properties.values()),
        {**one.inner, **other.inner},
        {**one.lists, **other.lists},
        one.navigation or other.navigation,
        one.whole or other.whole,
    )


def _is_list(each: Property, model: Model) -> bool:
    return each.collection and each.type in model.types


def _mark_kind(column: Property | None, options: StreamOptions, where: str) -> MarkKind | None:
    if column is None:
        return None
    kind = _MARK_KINDS.get(column.kind)
    if column.date_only:
        kind = MarkKind.DATE
    if options.replication_kind is not None:
        kind = MarkKind(options.replication_kind)
    fits = {
        MarkKind.INTEGER: {Kind.INTEGER},
        MarkKind.DATE: {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ},
        MarkKind.TIMESTAMP: {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ},
    }
    if kind is None or column.kind not in fits[kind]:
        raise BadConfiguration(
            f"{column.name!r} of type {column.type} cannot order changes",
            where=f"{where}.replication_key",
            hint="Name a date, a time stamp or an integer that grows, or leave it out: then the stream is compared in full.",
        )
    return kind


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    shown = ", ".join(names[:20])
    return f"There are: {shown}{' ...' if len(names) > 20 else ''}." if names else "There is none."  # noqa: PLR2004 - enough
