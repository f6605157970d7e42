"""Arguments of control calls: read as what they must be, or refused by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.errors import ConfigurationError


def text(args: Mapping[str, Any], name: str) -> str:
    """One that has to be there."""
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"the call needs {name!r} as a text")
    return value


def maybe_text(args: Mapping[str, Any], name: str) -> str | None:
    value = args.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{name} is a text")
    return value


def texts(args: Mapping[str, Any], name: str) -> list[str]:
    value = args.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigurationError(f"{name} is a list of texts")
    return value


def number(args: Mapping[str, Any], name: str, default: int | None = 0) -> int:
    """None as `default`: it has to be there."""
    value = args.get(name, default)
    if type(value) is not int or value < 0:
        raise ConfigurationError(f"{name} is a whole number")
    return value


def numbers(args: Mapping[str, Any], name: str) -> list[int]:
    value = args.get(name) or []
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise ConfigurationError(f"{name} is a list of numbers")
    return value
