"""Pure: when a trouble that goes on is worth a line in the log. What is away for a day is two lines and a count."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Outage:
    """One thing that answers or does not. Each cause is news once, however often it comes back in between."""

    since: datetime | None = None
    tries: int = 0
    _told: set[str] = field(default_factory=set)

    def is_news(self, cause: str, now: datetime) -> bool:
        """It failed, for `cause`: whether nobody has been told of that since it went away."""
        if self.since is None:
            self.since = now
        self.tries += 1
        known = cause in self._told
        self._told.add(cause)
        return not known

    def over(self, now: datetime) -> dict[str, Any]:
        """It answers: how long it was away and how often it was tried, as fields of the line; none if it was not."""
        if self.since is None:
            return {}
        found = {"away_seconds": round((now - self.since).total_seconds()), "tries": self.tries}
        self.since, self.tries = None, 0
        self._told.clear()
        return found


class SharedOutage:
    """One thing that several depend on, such as a connection's source and its streams: told of once for all of them."""

    def __init__(self) -> None:
        self._outage = Outage()
        self._without: set[str] = set()

    def is_news(self, who: str, cause: str, now: datetime) -> bool:
        self._without.add(who)
        return self._outage.is_news(cause, now)

    def over(self, who: str, now: datetime) -> dict[str, Any]:
        """`who` is served again: as `Outage.over`, once that is true of all."""
        if who not in self._without:
            return {}
        self._without.discard(who)
        return {} if self._without else self._outage.over(now)
