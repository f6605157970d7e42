"""Templates and what they say numbers, sizes and moments with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from agent.measures import NONE, duration, size

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Statics:
    """The console's own files, read once, each under a name that changes with its content."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._names: dict[str, str] = {}
        for file in resources.files("agent.console").joinpath("static").iterdir():
            stem, _, kind = file.name.rpartition(".")
            if kind in _TYPES:
                content = file.read_bytes()
                name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
                self._files[name], self._names[file.name] = (content, _TYPES[kind]), name

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Content and type of a file by the name that `address` gave."""
        return self._files.get(name)

    def address(self, name: str) -> str:
        return f"/static/{self._names[name]}"


def make_environment(statics: Statics) -> Environment:
    environment = Environment(
        loader=PackageLoader("agent.console", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,  # a name that is wrong in a template is a fault, not an empty place
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"static": statics.address}
    environment.filters |= {
        "number": number,
        "bytes": size,
        "moment": moment,
        "duration": duration,
        "plural": plural,
        "ago": ago,
        "spoken": spoken,
    }
    return environment


def number(value: float | None) -> str:
    """With thin spaces between groups of three digits."""
    if value is None:
        return NONE
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}")


def moment(text: str | None) -> str:
    """A moment of the agent's documents for a person: to the second, in UTC, which it says."""
    return NONE if text is None else _read(text).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(text: str | None, now: datetime) -> str:
    """How far a moment lies back, or ahead."""
    if text is None:
        return "never"
    seconds = (now - _read(text)).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration(seconds)}"


def lasting(text: str | None, now: datetime) -> str:
    """For how long something has been so."""
    return NONE if text is None else f"for {duration(max((now - _read(text)).total_seconds(), 0.0))}"


def spoken(text: str) -> Markup:
    """A sentence of the agent: what it has between backticks is a command or a name of a file."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def plural(count: int, one: str, many: str = "") -> str:
    """The number with its noun, as a filter: 3 batches."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def _read(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def title_of(title: str, path: Mapping[str, Any]) -> str:
    return title.format_map({name: str(value) for name, value in path.items()})
