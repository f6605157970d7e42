"""The contract's values as plain JSON and back.

`to_plain` and `from_plain` follow the dataclasses of `drivers.contract`, so a field added there crosses the boundary
by itself. What arrives is checked against the annotations: the other side is a process with foreign native code in it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeVar

from agent.hosting.wire import WireFault

T = TypeVar("T")

# A JSON object with this single member stands for a value that JSON does not have; TOML options hold dates.
TAG: Final = "$groundwire"
_FROM_TAG: Final[Mapping[str, Callable[[str], Any]]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "decimal": Decimal,
    "seconds": lambda text: timedelta(seconds=float(text)),
}


def to_plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: to_plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): to_plain(member) for name, member in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(to_plain(member) for member in value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [to_plain(member) for member in value]
    return {TAG: _tagged(value)}


def _tagged(value: Any) -> list[str]:
    match value:
        case datetime():
            return ["datetime", value.isoformat()]
        case date():
            return ["date", value.isoformat()]
        case time():
            return ["time", value.isoformat()]
        case Decimal():
            return ["decimal", str(value)]
        case timedelta():
            return ["seconds", repr(value.total_seconds())]
    raise WireFault(f"a value of type {type(value).__name__}, which cannot be sent")


def from_plain(annotation: Any, value: Any) -> Any:
    """Rebuild `value` as the annotation says; raises WireFault where it does not fit."""
    try:
        return _build(annotation, value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise WireFault(f"a value that is not {_name_of(annotation)}") from error


def _build(annotation: Any, value: Any) -> Any:
    if annotation is Any:
        return _untag(value)
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union):
        return _build_optional(annotation, value)
    if origin is not None:
        return _build_container(origin, typing.get_args(annotation), value)
    if is_dataclass(annotation):
        return _build_dataclass(annotation, value)
    return _build_scalar(annotation, value)


def _build_optional(annotation: Any, value: Any) -> Any:
    if value is None:
        return None
    (member,) = (entry for entry in typing.get_args(annotation) if entry is not type(None))
    return _build(member, value)


def _build_container(origin: Any, arguments: tuple[Any, ...], value: Any) -> Any:
    if issubclass(origin, Mapping):
        members = _expect(dict, value)
        return {name: _build(arguments[1], member) for name, member in members.items()}
    items = [_build(arguments[0], member) for member in _expect(list, value)]
    return frozenset(items) if issubclass(origin, frozenset) else tuple(items)


def _build_dataclass(annotation: Any, value: Any) -> Any:
    members = _expect(dict, value)
    hints = _hints_of(annotation)
    return annotation(
        **{name: _build(hints[name], member) for name, member in members.items() if name in hints}
    )


def _build_scalar(annotation: Any, value: Any) -> Any:
    if issubclass(annotation, timedelta | datetime):
        return _expect(annotation, _untag(value))
    if issubclass(annotation, StrEnum):
        return annotation(_expect(str, value))
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _expect(annotation, value)


def _expect(kind: type[T], value: Any) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WireFault(f"{type(value).__name__} instead of {kind.__name__}")
    return value


def _untag(value: Any) -> Any:
    if isinstance(value, list):
        return [_untag(member) for member in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {TAG}:
        kind, text = value[TAG]
        return _FROM_TAG[kind](text) if kind in _FROM_TAG else None
    return {name: _untag(member) for name, member in value.items()}


@lru_cache(maxsize=64)
def _hints_of(annotation: Any) -> dict[str, Any]:
    return typing.get_type_hints(annotation)


def _name_of(annotation: Any) -> str:
    return getattr(annotation, "__name__", str(annotation))
