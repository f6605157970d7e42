"""The connection's and the streams' options, typed; an unknown key is refused with the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.contract import BadConfiguration

KIB: Final = 1024
MIB: Final = 1024 * KIB

ColumnName = Annotated[str, Field(min_length=1, max_length=128)]
SetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
DialectName = Literal["postgresql", "mariadb", "mysql", "sqlite", "sqlserver", "oracle", "ansi"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConnectionOptions(Strict):
    """`[options]` of a connection file."""

    connection: dict[str, str | int | bool]
    dialect: DialectName | None = None  # only where the product's own name does not tell
    connect_seconds: int = Field(default=15, ge=1, le=600)
    query_seconds: int = Field(default=300, ge=1, le=86_400)
    lock_seconds: int = Field(default=10, ge=1, le=3_600)  # how long a write waits for what others hold
    max_text_bytes: int = Field(default=16 * MIB, ge=KIB, le=256 * MIB)  # one value; a longer one is an error
    buffer_bytes: int = Field(default=16 * MIB, ge=MIB, le=512 * MIB)  # what one fetch may hold in transit


class LineOptions(Strict):
    """`[streams.NAME.read.lines.SET]`."""

    query: str = Field(min_length=1)
    parent: tuple[ColumnName, ...] = Field(min_length=1)
    order_by: tuple[ColumnName, ...] = Field(min_length=1)


class StreamOptions(Strict):
    """`[streams.NAME.read]`."""

    query: str = Field(min_length=1)
    key: tuple[ColumnName, ...] = Field(min_length=1)
    replication_key: ColumnName | None = None
    replication_kind: Literal["timestamp", "date", "integer", "binary"] | None = None
    replication_clock: Literal["local", "utc"] = "local"  # what a time stamp without zone is kept in
    lines: dict[SetName, LineOptions] = Field(default_factory=dict)


_Model = TypeVar("_Model", bound=Strict)


def parse_connection(options: Mapping[str, Any]) -> ConnectionOptions:
    return parse_table(ConnectionOptions, options, where="options")


def parse_stream(name: str, options: Mapping[str, Any]) -> StreamOptions:
    where = f"streams.{name}.read"
    stream = parse_table(StreamOptions, options, where=where)
    if stream.replication_kind is not None and stream.replication_key is None:
        raise BadConfiguration(
            "replication_kind is set, but no replication_key",
            where=f"{where}.replication_kind",
            hint="Name the column in replication_key, or remove replication_kind.",
        )
    for set_name, lines in stream.lines.items():
        if len(lines.parent) != len(stream.key):
            raise BadConfiguration(
                f"parent names {len(lines.parent)} columns, the key has {len(stream.key)}",
                where=f"{where}.lines.{set_name}.parent",
                hint="Name one column of the line query per key column, in the key's order.",
            )
    return stream


# In TOML's words, where the library speaks Python's.
_EXPECTED: Final[Mapping[str, str]] = {
    "tuple_type": 'should be a list of texts, such as ["orderid"]',
    "dict_type": "should be a table",
    "string_type": "should be a text",
    "missing": "is missing",
    "too_short": "should not be empty",
}


def parse_table(model: type[_Model], options: Mapping[str, Any], *, where: str) -> _Model:
    """Raises BadConfiguration with the place of the first mistake."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        # include_input is off: an option may hold a value that must not reach a log.
        first = error.errors(include_input=False, include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        place = ".".join([where, *path])
        if first["type"] == "extra_forbidden":
            raise BadConfiguration(
                f"there is no option {path[-1]!r}", where=place, hint=_nearest(model, path)
            ) from None
        expected = _EXPECTED.get(first["type"], first["msg"])
        raise BadConfiguration(expected, where=place, hint="See docs/drivers/odbc.md.") from None


def _nearest(model: type[Strict], path: list[str]) -> str:
    names = sorted(_table_at(model, path[:-1]).model_fields)
    close = difflib.get_close_matches(path[-1], names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(names)}."


def _table_at(model: type[Strict], path: list[str]) -> type[Strict]:
    """The innermost table on the way to a mistake."""
    for name in path:
        if name in model.model_fields:
            model = next(_tables_in(model.model_fields[name].annotation), model)
    return model


def _tables_in(annotation: Any) -> Iterator[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables_in(argument)
