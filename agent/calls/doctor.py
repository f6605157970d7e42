"""Doctor, asked of the running agent: what is wrong with this installation, as `groundwire doctor --json` tells it.

doctor  {only?: [names of checks], fresh?}
        -> {ok, counts, checks, seconds, findings, at}; what was found KEPT_SECONDS ago or later is not looked for anew
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from agent.calls.arguments import texts
from agent.clock import Clock
from agent.control import Handler, Progress
from agent.doctor.check import Check, Report, examine
from agent.doctor.installation import look_at
from agent.errors import ConfigurationError
from agent.findings import Level, counts, worst
from agent.model.run import rfc3339

KEPT_SECONDS: Final = 300.0
MAX_KEPT: Final = 8


class DoctorCalls:
    def __init__(self, config_dir: Path, clock: Clock) -> None:
        self._config_dir = config_dir
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = {}
        self._one_at_a_time = asyncio.Lock()

    def handlers(self) -> Mapping[str, Handler]:
        return {"doctor": self._doctor}

    async def _doctor(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        from agent.doctor.checks import CHECKS  # noqa: PLC0415 - heavy, and seldom asked

        chosen = chosen_of(CHECKS, texts(args, "only"))
        names = tuple(check.name for check in chosen)
        async with self._one_at_a_time:
            kept = self._kept.get(names)
            if (
                kept is not None
                and not args.get("fresh")
                and self._clock.monotonic() - kept[0] < KEPT_SECONDS
            ):
                return kept[1]
            installation = await look_at(self._config_dir, clock=self._clock, inside=True)
            report = await examine(installation, chosen)
            answer = {**report_document(report), "at": rfc3339(self._clock.utcnow())}
            self._kept[names] = (self._clock.monotonic(), answer)
            while len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            return answer


def chosen_of(checks: Sequence[Check], names: Sequence[str]) -> list[Check]:
    """Those that are named; all where none is. Raises ConfigurationError for a name that is none."""
    known = [check.name for check in checks]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"there is no check {name!r}", hint=f"There are: {', '.join(known)}.")
    return [check for check in checks if not names or check.name in names]


def report_document(report: Report) -> dict[str, Any]:
    return {
        "ok": worst(report.findings) is not Level.PROBLEM,
        "counts": {level.value: count for level, count in counts(report.findings).items()},
        "checks": list(report.checks),
        "seconds": round(report.seconds, 1),
        "findings": [finding.to_document() for finding in report.findings],
    }
