"""How the steps of `check` are told, whatever the driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.contract import CheckStep, DriverError

Step = tuple[str, Callable[[], str]]  # its name, and what says what was found or raises a DriverError


def tried(steps: Sequence[Step]) -> list[CheckStep]:
    """Each step is tried only when the one before it worked."""
    done: list[CheckStep] = []
    for name, step in steps:
        try:
            done.append(CheckStep(name, ok=True, detail=step()))
        except DriverError as error:
            done.append(failed(name, error))
            break
    return done


def failed(name: str, error: DriverError, *, stream: str = "") -> CheckStep:
    place = f"{error.where}: " if error.where else ""
    return CheckStep(
        name, ok=False, detail=f"{place}{error.message}", hint=error.hint, stream=stream, code=error.code
    )
