"""The shape of a check, and how all of them run beside each other, each within its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.doctor.installation import Installation
from agent.doctor.one_try import ONE_TRY, OneTry
from agent.doctor.patience import PATIENCE, patient
from agent.errors import GroundwireError
from agent.findings import Finding, Level, gravest_first
from agent.telemetry.text import clean_text

CHECK_SECONDS: Final = 6.0  # of one check, unless it says otherwise; they run beside each other
FINE: Final = "ok"  # `NAME.ok`: looked at, and as it should be


@dataclass(frozen=True, slots=True)
class Known:
    """What a check may find: docs/doctor.md lists all of them. `remedy` is the next step unless the finding has a better one."""

    code: str
    level: Level
    meaning: str
    remedy: str


class Told:
    """What a check has found so far. What was told before it ran out of time stays told."""

    def __init__(self, name: str, known: Iterable[Known]) -> None:
        self._name = name
        self._known: Mapping[str, Known] = {one.code: one for one in known}
        self.findings: list[Finding] = []

    def fine(self, where: str, what: str, evidence: str = "") -> None:
        self._add(Finding(f"{self._name}.{FINE}", Level.OK, where, what, evidence))

    def found(self, code: str, where: str, cause: str, *, evidence: str = "", next_step: str = "") -> None:
        """`code` without the check's name; it must be among those that the check is known to find."""
        one = self._known[f"{self._name}.{code}"]
        self._add(Finding(one.code, one.level, where, cause, evidence, next_step or one.remedy))

    def _add(self, finding: Finding) -> None:
        self.findings.append(
            Finding(
                finding.code,
                finding.level,
                clean_text(finding.where),
                clean_text(finding.cause),
                clean_text(finding.evidence),
                clean_text(finding.next_step),
            )
        )


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    title: str  # what it looks at, for people
    run: Callable[[Installation, Told], Awaitable[None]]
    known: tuple[Known, ...]
    seconds: float = CHECK_SECONDS


KNOWN: Final = (
    Known(
        "doctor.unfinished",
        Level.WARNING,
        "A check did not come to its end in its time, mostly for a host or a disk that does not answer",
        "See what the other checks say of the same host or folder; `groundwire doctor --only NAME` runs this one alone.",
    ),
    Known(
        "doctor.failed",
        Level.WARNING,
        "A check itself failed, so what it looks at is not known",
        "Mend what it names and ask again. If it names nothing, please report it: it is a fault in Groundwire.",
    ),
)


@dataclass(frozen=True, slots=True)
class Report:
    findings: tuple[Finding, ...]  # the gravest first
    seconds: float
    checks: tuple[str, ...] = field(default=())


async def examine(
    installation: Installation,
    checks: Sequence[Check],
    *,
    seconds: float | None = None,
    patience: float = 1.0,
) -> Report:
    """Run the checks, each within its own seconds, or `seconds` where that is less; `patience` times as long.

    Raises nothing: what goes wrong is a finding.
    """
    PATIENCE.set(patience)  # of the caller's task and those that it makes
    ONE_TRY.set(OneTry())
    began = installation.clock.monotonic()
    found = await asyncio.gather(
        *(_run(installation, check, min(check.seconds, seconds or check.seconds)) for check in checks)
    )
    return Report(
        tuple(gravest_first(finding for some in found for finding in some)),
        installation.clock.monotonic() - began,
        tuple(check.name for check in checks),
    )


async def _run(installation: Installation, check: Check, seconds: float) -> list[Finding]:
    told = Told(check.name, check.known)
    itself = Told("doctor", KNOWN)
    try:
        async with asyncio.timeout(patient(seconds)):
            await check.run(installation, told)
    except TimeoutError:
        itself.found("unfinished", check.name, f"the check was not done after {patient(seconds):g} s")
    except GroundwireError as error:
        itself.found("failed", check.name, str(error), next_step=error.hint)
    except Exception as error:  # noqa: BLE001 - one check must not keep the others from being told
        itself.found("failed", check.name, f"the check failed: {type(error).__name__}")
    return [*told.findings, *itself.findings]
