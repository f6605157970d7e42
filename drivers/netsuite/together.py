"""Several questions at once; the first that fails ends the others and is what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")


async def together(questions: Sequence[Coroutine[Any, Any, _Answer]]) -> list[_Answer]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in questions]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
