"""A source that is left alone when its quiet hours begin: a read under way ends behind a page that is durable."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from agent.clock import Clock
from agent.configuration.hours import QuietHours as Part
from agent.errors import QuietHours
from agent.sync.hours import closed_until, quiet_until
from drivers.contract import Column, Mark, Page, ReadRequest, StreamSpec


class Source(Protocol):
    """What a run needs of a driver."""

    async def signpost(self, stream: StreamSpec) -> Mark | None: ...

    async def columns(self, stream: StreamSpec) -> Sequence[Column]: ...

    def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]: ...


@dataclass(frozen=True, slots=True)
class Rest:
    """When a stream's source is left alone, on whose clock."""

    zone: str = "UTC"
    parts: tuple[Part, ...] = ()

    def until(self, now: datetime) -> datetime | None:
        """The end of the quiet hours that `now` lies in; None outside of them."""
        return quiet_until(now, ZoneInfo(self.zone), self.parts)


@dataclass(frozen=True, slots=True)
class OnlyWithin(Rest):
    """The other way around: a source that is asked in these parts of a day alone."""

    @property
    def longest(self) -> timedelta:
        return max((part.length for part in self.parts), default=timedelta(0))

    def until(self, now: datetime) -> datetime | None:
        return closed_until(now, ZoneInfo(self.zone), self.parts)


@dataclass(frozen=True, slots=True)
class Spared:
    """The source of a run that nobody waits for. Raises QuietHours instead of asking it for more in its quiet hours."""

    source: Source
    rest: Rest
    clock: Clock
    where: str

    async def signpost(self, stream: StreamSpec) -> Mark | None:
        self._refuse()
        return await self.source.signpost(stream)

    async def columns(self, stream: StreamSpec) -> Sequence[Column]:
        self._refuse()
        return await self.source.columns(stream)

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        self._refuse()
        async with aclosing(self.source.read(request)) as pages:
            async for page in pages:
                yield page  # whoever takes it makes it durable before asking for the next
                if not page.complete:
                    self._refuse()

    def _refuse(self) -> None:
        until = self.rest.until(self.clock.utcnow())
        if until is not None:
            raise QuietHours(f"quiet hours until {until:%H:%M} UTC", where=self.where)
