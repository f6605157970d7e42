"""How the steps of `check` are told, whatever the driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from drivers.contract import CheckStep, DriverError, OperationKind

# A step has a name, and what says what was found or raises a DriverError.
Step = tuple[str, Callable[[], str]]
AsyncStep = tuple[str, Callable[[], Awaitable[str]]]


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


async def tried_in_turn(steps: Sequence[AsyncStep]) -> list[CheckStep]:
    """As `tried`, of steps that are waited for."""
    done: list[CheckStep] = []
    for name, step in steps:
        done.append(await tried_alone(name, step()))
        if not done[-1].ok:
            break
    return done


async def tried_alone(name: str, found: Awaitable[str], *, stream: str = "") -> CheckStep:
    try:
        return CheckStep(name, ok=True, detail=await found, stream=stream)
    except DriverError as error:
        return failed(name, error, stream=stream)


async def stream_read(stream: str, found: Awaitable[str]) -> CheckStep:
    return await tried_alone(f"stream {stream}", found, stream=stream)


async def stream_written(stream: str, found: Awaitable[str]) -> CheckStep:
    return await tried_alone(f"writes of {stream}", found, stream=stream)


def named(kinds: Iterable[OperationKind], *, none: str = "") -> str:
    return ", ".join(kind.value for kind in kinds) or none


def failed(name: str, error: DriverError, *, stream: str = "") -> CheckStep:
    place = f"{error.where}: " if error.where else ""
    return CheckStep(
        name, ok=False, detail=f"{place}{error.message}", hint=error.hint, stream=stream, code=error.code
    )
