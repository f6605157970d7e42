"""Every module of ours is imported, and every library that one of them imports only when it is needed."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from typing import Final

from agent.beside import beside
from agent.doctor.check import Check, Known, Told
from agent.findings import Level
from agent.selfcheck.words import BROKEN, part

PACKAGES: Final = ("agent", "drivers", "relay")
TITLE: Final = "modules and libraries"

# Imported inside of functions alone, and by no module when it is loaded.
LATE: Final = (
    "rich.console",
    "rich.live",
    "rich.progress",
    "rich.table",
    "rich.text",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "psycopg_binary",
    "pyrfcx",
)
# The ODBC driver manager is the system's: these are tried in a process of their own, by another check.
ELSEWHERE: Final = ("arrow_odbc", "pyodbc")
# What `pip install groundwire` without its extras does without. A bundle has all of them.
EXTRAS: Final = frozenset(
    {"fastapi", "h11", "nats", "opentelemetry", "psycopg", "psycopg_binary", "psycopg_pool", "pyrfcx"}
)


def modules() -> Iterator[str]:
    for package in PACKAGES:
        yield package
        try:
            path = importlib.import_module(package).__path__
        except ImportError:  # told when its own turn comes
            continue
        for one in pkgutil.walk_packages(path, f"{package}.", onerror=lambda _: None):
            if not one.name.endswith(".__main__"):
                yield one.name


def imported() -> tuple[int, list[tuple[str, ImportError | OSError]]]:
    """How many were imported, and those that could not be."""
    count, failed = 0, []
    for name in (*modules(), *LATE):
        try:
            importlib.import_module(name)
            count += 1
        except (ImportError, OSError) as error:
            failed.append((name, error))
    return count, failed


def is_extra(error: BaseException) -> bool:
    """Whether a module is missing that only a bundle must have."""
    missing = (getattr(error, "name", "") or "").partition(".")[0]
    return isinstance(error, ModuleNotFoundError) and missing in EXTRAS and not getattr(sys, "frozen", False)


async def look(told: Told) -> None:
    count, failed = await beside(imported, name="modules")
    extras = sorted(
        {str(error.name) for _, error in failed if is_extra(error) and isinstance(error, ImportError)}
    )
    for name, error in failed:
        if not is_extra(error):
            told.found(BROKEN, name, "cannot be imported", evidence=f"{type(error).__name__}: {error}")
    if extras:
        told.found("extras", "this Python", f"not installed: {', '.join(extras)}")
    told.fine(TITLE, f"{count} modules were imported")


CHECK: Final[Check] = part(
    "modules",
    TITLE,
    "A module or a library cannot be loaded",
    look,
    (
        Known(
            "modules.extras",
            Level.NOTICE,
            "Groundwire was installed without all of its extras, so what needs them is not there",
            "Where they are needed: `pip install groundwire[relay,rfc]`.",
        ),
    ),
)
