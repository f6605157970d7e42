"""What the log is told of a connection's troubles: that one began, and that it is over. Never that it goes on."""

from __future__ import annotations

import structlog

from agent.clock import Clock
from agent.errors import GroundwireError, Unreachable
from agent.telemetry.outages import Outage, SharedOutage

log = structlog.get_logger(__name__)


class TroubleNews:
    """Of a source that nothing answers at, once for all of its streams; of any other trouble once for each."""

    def __init__(self, connection: str, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._away = SharedOutage()
        self._outages: dict[str, Outage] = {}

    def failed(self, stream: str, error: GroundwireError) -> None:
        now = self._clock.utcnow()
        if isinstance(error, Unreachable):
            event, news = "source_unavailable", self._away.is_news(stream, error.code, now)
        else:
            outage = self._outages.setdefault(stream, Outage())
            event, news = "stream_failed", outage.is_news(error.code, now)
        if news:
            log.warning(
                event,
                connection=self._connection,
                stream=stream,
                code=error.code,
                error=str(error),
                hint=error.hint,
            )

    def well(self, stream: str) -> None:
        now = self._clock.utcnow()
        if away := self._away.over(stream, now):
            log.info("source_available", connection=self._connection, stream=stream, **away)
        if (outage := self._outages.pop(stream, None)) is not None:
            log.info("stream_recovered", connection=self._connection, stream=stream, **outage.over(now))
