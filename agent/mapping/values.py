"""Reading one value of a mapping: where it comes from and what is done to it on the way."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.errors import ConfigurationError
from agent.mapping.convert import converted_constant
from agent.mapping.dates import DATE_FORMS, empty_dates_of
from agent.mapping.rules import (
    Coalesce,
    Column,
    Concat,
    Conditions,
    Const,
    Count,
    DateForm,
    DecimalForm,
    HeaderColumn,
    LineLookup,
    Source,
    SourceKey,
    Total,
    Value,
    ValueMap,
)
from agent.model.entities import SCALARS, UNKNOWN_STATUS, Field, Kind

_SOURCES: Final = ("from", "header", "const", "coalesce", "concat", "key", "lookup", "sum", "count")
_OPTIONS: Final = (
    *("as", "trim", "strip_zeros", "upper", "lower", "values", "lookup", "default", "required"),
    *("scale", "decimal_separator", "thousands", "date", "time", "zone", "empty_dates", "separator"),
    *("of", "where"),
)
_DEFAULTABLE: Final = ("trim", "zone", "empty_dates", "decimal_separator", "thousands", "date")
_LOOKUP_WORDS: Final = ("lines", "match", "key", "equals", "take")
LINE_SET: Final = ""  # in place of a column: the line set itself has to be there
MAX_DEPTH: Final = 16  # of tables inside tables; the model itself is three deep
MAX_SCALE: Final = 38  # digits after the point of the widest decimal that is used

_PYTHON_TYPES: Final[Mapping[Kind, tuple[type, ...]]] = {
    Kind.STRING: (str,),
    Kind.DECIMAL: (str, int),
    Kind.DATE: (str,),
    Kind.TIMESTAMP: (str,),
    Kind.BOOLEAN: (bool,),
    Kind.INTEGER: (int,),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the configuration something stands, for errors; `path` is the unified field."""

    where: str
    path: str = ""
    depth: int = 0

    def at(self, name: str) -> Place:
        return self._deeper(f"{self.where}.{name}", f"{self.path}.{name}" if self.path else name)

    def item(self, index: int) -> Place:
        return self._deeper(f"{self.where}[{index}]", f"{self.path}[{index}]")

    def _deeper(self, where: str, path: str) -> Place:
        if self.depth == MAX_DEPTH:
            raise self.error(f"tables are nested deeper than {MAX_DEPTH} levels")
        return Place(where, path, self.depth + 1)

    def error(self, message: str, *, hint: str = "") -> ConfigurationError:
        return ConfigurationError(message, where=self.where, hint=hint)

    def refuse_words(self, table: Mapping[str, Any], words: Iterable[str]) -> None:
        known = list(words)
        for word in table:
            if word not in known:
                near = difflib.get_close_matches(word, known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
                raise self.error(f"there is no word {word!r} here", hint=hint)

    def text(self, table: Mapping[str, Any], word: str, fallback: str = "") -> str:
        return str(self._typed(table, word, fallback, str, "a text"))

    def flag(self, table: Mapping[str, Any], word: str) -> bool:
        return bool(self._typed(table, word, False, bool, "true or false"))  # noqa: FBT003 - the fallback value

    def _typed(self, table: Mapping[str, Any], word: str, fallback: Any, kind: type, means: str) -> Any:
        value = table.get(word, fallback)
        if not isinstance(value, kind):
            raise self.error(f"{word} must be {means}")
        return value


@dataclass(frozen=True, slots=True)
class Defaults:
    """Options that hold for every value of a mapping that does not say otherwise."""

    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Any, place: Place) -> Defaults:
        if not isinstance(table, Mapping):
            raise place.error("defaults is a table of options")
        place.refuse_words(table, _DEFAULTABLE)
        _decimal_form(table, place)
        _date_form(table, place, None)
        place.flag(table, "trim")
        return cls(dict(table))


@dataclass(frozen=True, slots=True)
class ValueReader:
    defaults: Defaults
    lookups: Mapping[str, Mapping[str, Any]]

    def read(self, spec: Any, target: Field | None, place: Place, *, inside_lines: bool = False) -> Value:
        """`target` is the unified field to be filled; None for a custom field, whose kind is the source's own."""
        table = {"from": spec} if isinstance(spec, str) else spec
        if not isinstance(table, Mapping):
            raise place.error("a value is the name of a source column, or a table that says how to make it")
        place.refuse_words(table, (*_SOURCES, *_OPTIONS))
        source = self._source(table, place, inside_lines=inside_lines)
        options = {**self.defaults.options, **table}
        kind = self._kind(table, target, source, place)
        values = self._values(table, kind, target, place)
        default = table.get("default")
        if default is not None:
            _check_constant(default, kind, place, "default", _enumeration(target))
        if isinstance(source, Const):
            _check_constant(source.value, kind, place, "const", _enumeration(target))
        return Value(
            source,
            kind,
            trim=place.flag(options, "trim"),
            strip_zeros=place.flag(table, "strip_zeros"),
            case=_case(table, place),
            values=values,
            default=default,
            required=place.flag(table, "required") or (target is not None and target.required),
            decimal=_decimal_form(options, place),
            date=_date_form(
                options, place, _optional_column(table, "time", place, inside_lines=inside_lines)
            ),
        )

    def _source(self, table: Mapping[str, Any], place: Place, *, inside_lines: bool) -> Source:
        chosen = [word for word in _SOURCES if word in table]
        if "lookup" in chosen and isinstance(table["lookup"], str):
            chosen.remove("lookup")
        if len(chosen) != 1:
            raise place.error(f"a value needs exactly one of {', '.join(_SOURCES)}")
        word = chosen[0]
        if "where" in table and word not in {"sum", "count"}:
            raise place.error("where belongs to sum, to count, and to a list that is made of lines")
        if word in {"from", "header"}:
            return _column(table, word, place, inside_lines=inside_lines)
        if word == "const":
            return Const(table["const"])
        makers: dict[str, Callable[..., Source]] = {
            "coalesce": self._coalesce,
            "concat": self._concat,
            "key": self._key,
            "lookup": self._line_lookup,
            "sum": self._total,
            "count": self._count,
        }
        return makers[word](table, place, inside_lines=inside_lines)

    def _parts(
        self, table: Mapping[str, Any], word: str, place: Place, *, inside_lines: bool
    ) -> tuple[Value, ...]:
        parts = table[word]
        if not isinstance(parts, list) or not parts:
            raise place.error(f"{word} must be a list of source columns or values")
        text = Field("text") if word == "concat" else None
        return tuple(
            self.read(part, text, place.item(index), inside_lines=inside_lines)
            for index, part in enumerate(parts)
        )

    def _coalesce(self, table: Mapping[str, Any], place: Place, *, inside_lines: bool) -> Coalesce:
        return Coalesce(self._parts(table, "coalesce", place, inside_lines=inside_lines))

    def _concat(self, table: Mapping[str, Any], place: Place, *, inside_lines: bool) -> Concat:
        parts = self._parts(table, "concat", place, inside_lines=inside_lines)
        return Concat(parts, place.text(table, "separator"))

    def _key(self, table: Mapping[str, Any], place: Place, *, inside_lines: bool) -> SourceKey:
        names = table["key"] if isinstance(table["key"], list) else [table["key"]]
        if not names:
            raise place.error("key must name at least one column")
        columns = []
        for name in names:
            part = name if isinstance(name, Mapping) else {"from": name}
            word = "header" if "header" in part else "from"
            place.refuse_words(part, (word,))
            columns.append(_column(part, word, place, inside_lines=inside_lines))
        return SourceKey(tuple(columns))

    def _line_lookup(self, table: Mapping[str, Any], place: Place, *, inside_lines: bool) -> LineLookup:
        spec = table["lookup"]
        if not isinstance(spec, Mapping):
            raise place.error(
                "lookup names a table of lookups, or is { lines = ..., match = ..., key = ..., take = ... }"
            )
        place.refuse_words(spec, _LOOKUP_WORDS)
        key = _optional_column(spec, "key", place, inside_lines=inside_lines)
        equals = place.text(spec, "equals") or None
        match = place.text(spec, "match") or None
        lines, take = place.text(spec, "lines"), place.text(spec, "take")
        if not lines or not take:
            raise place.error("a lookup in a line set needs lines and take")
        if (match is None) != (key is None and equals is None) or (key is not None and equals is not None):
            raise place.error("a lookup matches one column with either key or equals")
        return LineLookup(lines, take, match, key, equals)

    def _total(self, table: Mapping[str, Any], place: Place, *, inside_lines: bool) -> Total:
        if inside_lines or "of" not in table:
            raise place.error('sum is written { sum = "a line set", of = "column" }, outside lines')
        amount = Field("of", Kind.DECIMAL)
        return Total(
            place.text(table, "sum"),
            self.read(table["of"], amount, place.at("of"), inside_lines=True),
            read_conditions(table.get("where", {}), place),
        )

    def _count(self, table: Mapping[str, Any], place: Place, *, inside_lines: bool) -> Count:
        if inside_lines:
            raise place.error("count belongs outside lines")
        return Count(place.text(table, "count"), read_conditions(table.get("where", {}), place))

    def _kind(
        self, table: Mapping[str, Any], target: Field | None, source: Source, place: Place
    ) -> Kind | None:
        stated = table.get("as")
        if stated is not None and stated not in [kind.value for kind in SCALARS]:
            near = difflib.get_close_matches(str(stated), [kind.value for kind in SCALARS], n=1, cutoff=0.3)
            hint = f"Did you mean {near[0]}?" if near else ""
            raise place.error(f"there is no kind {stated!r}", hint=hint)
        if target is None:
            return Kind(stated) if stated else _own_kind(source, self._meanings(table))
        if stated and Kind(stated) is not target.kind:
            raise place.error(f"{target.alias} is a {target.kind} and cannot be made as {stated}")
        return target.kind

    def _meanings(self, table: Mapping[str, Any]) -> list[Any]:
        values, name = table.get("values"), table.get("lookup")
        named = self.lookups.get(name, {}) if isinstance(name, str) else values
        meanings = list(named.values()) if isinstance(named, Mapping) else []
        return [*meanings, table["default"]] if "default" in table else meanings

    def _values(
        self, table: Mapping[str, Any], kind: Kind | None, target: Field | None, place: Place
    ) -> ValueMap | None:
        values, name = table.get("values"), table.get("lookup")
        if isinstance(name, str):
            if values is not None:
                raise place.error("a value has either values or lookup")
            if name not in self.lookups:
                near = difflib.get_close_matches(name, self.lookups, n=1, cutoff=0.3)
                hint = f"Did you mean {near[0]}?" if near else "Write it in the table named lookups."
                raise place.error(f"there is no lookup named {name!r}", hint=hint)
            values = self.lookups[name]
        if values is None:
            return None
        if not isinstance(values, Mapping) or not values:
            raise place.error("values is a table: code of the source = value")
        for code, value in values.items():
            _check_constant(value, kind, place, f"values.{code}", _enumeration(target))
        return ValueMap(dict(values), strict=kind not in {None, Kind.STRING})

    @staticmethod
    def columns(value: Value, lines: str | None) -> set[tuple[str | None, str]]:
        found = _source_columns(value.source, lines)
        if value.date.time is not None:
            found |= _source_columns(value.date.time, lines)
        return found


def _source_columns(source: Source, lines: str | None) -> set[tuple[str | None, str]]:  # noqa: PLR0911 - one of each
    if isinstance(source, Column):
        return {(lines, source.name)}
    if isinstance(source, HeaderColumn):
        return {(None, source.name)}
    if isinstance(source, Coalesce | Concat):
        return set().union(*(ValueReader.columns(part, lines) for part in source.parts))
    if isinstance(source, SourceKey):
        return set().union(*(_source_columns(column, lines) for column in source.columns))
    if isinstance(source, LineLookup):
        inner = {(source.lines, name) for name in (source.take, source.match) if name is not None}
        keys = _source_columns(source.key, lines) if source.key is not None else set()
        return {(source.lines, LINE_SET), *inner, *keys}
    if isinstance(source, Total):
        chosen = {(source.lines, column) for column, _ in source.where}
        return {(source.lines, LINE_SET)} | chosen | ValueReader.columns(source.of, source.lines)
    if isinstance(source, Count):
        return {(source.lines, LINE_SET), *((source.lines, column) for column, _ in source.where)}
    return set()


def read_conditions(where: Any, place: Place) -> Conditions:
    if not isinstance(where, Mapping):
        raise place.error('where is a table: column = "code" or ["code", "code"]')
    conditions = []
    for column, codes in where.items():
        listed = codes if isinstance(codes, list) else [codes]
        if not listed or not all(isinstance(code, str) for code in listed):
            raise place.error(f"where.{column} must be a text or a list of texts")
        conditions.append((column, frozenset(listed)))
    return tuple(conditions)


def _own_kind(source: Source, meanings: list[Any]) -> Kind | None:
    """The kind of a custom field that does not state one; None where only a page can tell."""
    if meanings:
        kinds = {_kind_of(meaning) for meaning in meanings}
        return kinds.pop() if len(kinds) == 1 else Kind.STRING
    if isinstance(source, Const):
        return _kind_of(source.value)
    if isinstance(source, Concat | SourceKey):
        return Kind.STRING
    if isinstance(source, Total):
        return Kind.DECIMAL
    return Kind.INTEGER if isinstance(source, Count) else None


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOLEAN
    return Kind.INTEGER if isinstance(value, int) else Kind.STRING


def _column(
    table: Mapping[str, Any], word: str, place: Place, *, inside_lines: bool
) -> Column | HeaderColumn:
    name = place.text(table, word)
    if not name:
        raise place.error(f"{word} must name a source column")
    if word == "header" and not inside_lines:
        raise place.error("header belongs inside lines; here write from")
    return HeaderColumn(name) if word == "header" else Column(name)


def _optional_column(
    table: Mapping[str, Any], word: str, place: Place, *, inside_lines: bool
) -> Column | HeaderColumn | None:
    spec = table.get(word)
    if spec is None:
        return None
    if isinstance(spec, Mapping):
        place.refuse_words(spec, ("header",))
        return _column(spec, "header", place, inside_lines=inside_lines)
    return _column(table, word, place, inside_lines=inside_lines)


def _case(table: Mapping[str, Any], place: Place) -> str:
    upper, lower = place.flag(table, "upper"), place.flag(table, "lower")
    if upper and lower:
        raise place.error("a text is either upper or lower")
    return "upper" if upper else "lower" if lower else ""


def _decimal_form(options: Mapping[str, Any], place: Place) -> DecimalForm:
    separator = place.text(options, "decimal_separator", ".")
    thousands = place.text(options, "thousands")
    if len(separator) != 1 or separator.isdigit() or separator in "+-":
        raise place.error("decimal_separator must be one character, such as ,")
    if (
        len(thousands) > 1
        or thousands == separator
        or (thousands and (thousands.isdigit() or thousands in "+-"))
    ):
        raise place.error("thousands must be one character other than the decimal separator")
    scale = options.get("scale")
    if scale is not None and (type(scale) is not int or not 0 <= scale <= MAX_SCALE):
        raise place.error(f"scale must be a whole number from 0 to {MAX_SCALE}")
    return DecimalForm(separator, thousands, scale)


def _date_form(options: Mapping[str, Any], place: Place, time: Column | HeaderColumn | None) -> DateForm:
    form = place.text(options, "date", "iso")
    if form not in DATE_FORMS:
        near = difflib.get_close_matches(form, DATE_FORMS, n=1, cutoff=0.3)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise place.error(
            f"there is no date form {form!r}", hint=f"{hint}There are: {', '.join(DATE_FORMS)}."
        )
    zone = place.text(options, "zone")
    if zone:
        _check_zone(zone, place)
    try:
        empty = empty_dates_of(options.get("empty_dates", False))
    except ValueError as error:
        raise place.error(str(error)) from error
    return DateForm(form, time, zone, empty)


def _check_zone(zone: str, place: Place) -> None:
    try:
        pc.assume_timezone(pa.array([0], pa.timestamp("us")), zone)
    except pa.ArrowInvalid as error:
        hint = "Use a name of the IANA time zone database, such as Europe/Berlin."
        raise place.error(f"there is no time zone {zone!r}", hint=hint) from error


def _enumeration(target: Field | None) -> frozenset[str] | None:
    return target.values if target is not None else None


def _check_constant(
    value: Any, kind: Kind | None, place: Place, word: str, allowed: frozenset[str] | None
) -> None:
    types = _PYTHON_TYPES[kind] if kind is not None else (str, int, bool)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        means = "a text, so that it stays exact" if kind is Kind.DECIMAL else f"a {kind or 'text'}"
        raise place.error(f"{word} must be {means}")
    try:
        converted_constant(value, kind, 1)
    except ValueError as error:
        raise place.error(f"{word} = {value!r} is no {kind}: {error}") from error
    if allowed is not None and value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.5)
        statuses = ", ".join(sorted(allowed - {UNKNOWN_STATUS}))
        hint = f"Did you mean {near[0]}?" if near else f"There are: {statuses}."
        raise place.error(f"{word} = {value!r} is no status of the unified model", hint=hint)
