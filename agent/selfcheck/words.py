"""The shape of these checks: doctor's, each with one way to fail, which means that the installation is not whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from agent.beside import beside
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.findings import Level

SECONDS: Final = 60.0  # of one check: a machine that just starts reads everything from a cold disk
BROKEN: Final = "broken"
_REINSTALL: Final = (
    "Install this version of Groundwire again; if the finding stays, report it with its evidence."
)


def part(
    name: str,
    title: str,
    meaning: str,
    look: Callable[[Told], Awaitable[None]],
    further: tuple[Known, ...] = (),
) -> Check:
    """A check that needs nothing of an installation's configuration. Whatever `look` raises is its finding."""

    async def run(_: Installation, told: Told) -> None:
        try:
            await look(told)
        except Exception as error:  # noqa: BLE001 - a library that is not whole may fail in any way
            told.found(BROKEN, title, f"{type(error).__name__}", evidence=str(error))

    known = Known(f"{name}.{BROKEN}", Level.PROBLEM, meaning, _REINSTALL)
    return Check(name, title, run, (known, *further), SECONDS)


def plain(name: str, title: str, meaning: str, work: Callable[[], str]) -> Check:
    """One whose work blocks, and ends with what was seen or raises."""

    async def look(told: Told) -> None:
        told.fine(title, "works", await beside(work, name=name))

    return part(name, title, meaning, look)
