"""The shape of a check: each has its own time, and none can keep the others from being told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.clock import ManualClock
from agent.doctor.check import Check, Known, Report, Told, examine
from agent.doctor.installation import Installation
from agent.errors import ConfigurationError
from agent.findings import Finding, Level
from agent.secrets import Secret, learn
from tests.canaries import canary

KNOWN = (Known("look.dark", Level.PROBLEM, "It is dark", "Make light."),)


def here(folder: Path) -> Installation:
    return Installation(config_dir=folder, state_dir=folder, settings=None, environ={}, clock=ManualClock())


def check(
    run: Callable[[Installation, Told], Awaitable[None]], *, name: str = "look", seconds: float = 5.0
) -> Check:
    return Check(name, "what it looks at", run, KNOWN if name == "look" else (), seconds)


async def dark(_where: Installation, told: Told) -> None:
    told.found("dark", "the cellar", "no light", evidence="0 lux")


async def hanging(_where: Installation, told: Told) -> None:
    told.fine("the first host", "answers")
    await asyncio.Event().wait()


async def broken(_where: Installation, _told: Told) -> None:
    raise KeyError("nobody thought of this")


async def test_a_finding_has_the_level_and_remedy_that_its_code_is_known_for(tmp_path: Path) -> None:
    report = await examine(here(tmp_path), [check(dark)])

    assert report.findings == (
        Finding("look.dark", Level.PROBLEM, "the cellar", "no light", "0 lux", "Make light."),
    )


async def test_a_check_that_hangs_is_a_finding_and_what_it_told_before_stays(tmp_path: Path) -> None:
    report = await examine(here(tmp_path), [check(hanging, name="hang", seconds=0.01), check(dark)])

    assert codes(report) == ["look.dark", "doctor.unfinished", "hang.ok"]
    assert report.findings[1].where == "hang"


async def test_all_of_them_together_take_as_long_as_the_slowest(tmp_path: Path) -> None:
    """Twenty that hang for their time, beside each other: were they one after the other, it took forty seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    await examine(
        here(tmp_path), [check(hanging, name=f"hang{n}", seconds=2.0) for n in range(20)], seconds=0.05
    )

    assert loop.time() - began < 2.0


async def test_a_check_that_breaks_is_a_finding_and_the_others_are_told(tmp_path: Path) -> None:
    report = await examine(here(tmp_path), [check(broken, name="break"), check(dark)])

    assert codes(report) == ["look.dark", "doctor.failed"]
    assert "KeyError" in report.findings[1].cause
    assert "nobody thought" not in str(report.findings)


async def test_an_error_with_a_hint_hands_it_on(tmp_path: Path) -> None:
    async def refused(_where: Installation, _told: Told) -> None:
        raise ConfigurationError("is wrong", where="agent.toml", hint="Correct it.")

    report = await examine(here(tmp_path), [check(refused)])

    assert report.findings[0].cause == "agent.toml: is wrong"
    assert report.findings[0].next_step == "Correct it."


async def test_no_text_of_a_finding_holds_a_secret_or_a_line_end(tmp_path: Path) -> None:
    secret = canary("-finding")
    learn(Secret(secret))

    async def telling(_where: Installation, told: Told) -> None:
        told.found("dark", secret, f"said {secret}", evidence=f"a\nb {secret}", next_step=secret)

    report = await examine(here(tmp_path), [check(telling)])

    assert secret not in str(report)
    assert "\n" not in report.findings[0].evidence


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]
