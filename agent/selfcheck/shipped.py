"""The files that are no code: profiles of systems, what set-up asks, the console's pages, messages, the stores' scripts."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Final

from jinja2 import Environment, PackageLoader

from agent.doctor.check import Check
from agent.selfcheck.words import plain


def read() -> str:
    counts = {
        "systems": _systems(),
        "pages": _pages(),
        "messages": _messages(),
        "scripts of the stores": _scripts(),
    }
    empty = [name for name, count in counts.items() if not count]
    if empty:
        raise FileNotFoundError(", ".join(empty))
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _systems() -> int:
    from agent.setup.needs import system_of  # noqa: PLC0415 - slow, as the next ones
    from agent.systems import known, profile  # noqa: PLC0415

    names = known()
    for name in names:
        profile(name)
        system_of(name, "")
    return len(names)


def _pages() -> int:
    loader = PackageLoader("agent.console", "templates")
    environment = Environment(loader=loader, autoescape=True)
    for name in loader.list_templates():
        loader.get_source(environment, name)
    return len(loader.list_templates())


def _messages() -> int:
    from agent.commandline.explain import REFERENCE  # noqa: PLC0415

    return len(json.loads(REFERENCE.read_text("utf-8")))


def _scripts() -> int:
    """The relay's by name: the agent does not know the relay, and a program that is whole has both."""
    migrating = import_module("relay.store.migrating")
    return sum(len(migrating.migrations(dialect)) for dialect in migrating.Dialect)


CHECK: Final[Check] = plain(
    "shipped", "files of the program", "A file that belongs to the program is missing or cannot be read", read
)
