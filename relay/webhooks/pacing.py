"""Pure: how many deliveries may be on their way, to each endpoint and altogether.

An endpoint is given more the longer it answers well, and half with each failure. One at the bottom is suspect: it
takes from a store of places of its own. There a delivery that takes longer than a moment goes as well, and gives its
place back to those that are quick: however many endpoints hang, those that answer do not wait for them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

FIRST_WIDTH: Final = 2
MAX_WIDTH: Final = 16  # deliveries on their way to one endpoint
TRUSTED_PLACES: Final = 64
SUSPECT_PLACES: Final = 192
KEPT_FOR_SLOW: Final = 96  # of these, which suspects do not take: for those that turn out to be slow
SLOW_SECONDS: Final = 1.0


@dataclass(slots=True)
class Pace:
    """Of one endpoint."""

    width: int = FIRST_WIDTH
    trusted: int = 0  # on their way, by the places that they took
    suspected: int = 0

    @property
    def suspect(self) -> bool:
        return self.width == 1

    @property
    def on_their_way(self) -> int:
        return self.trusted + self.suspected

    def answered(self, *, well: bool) -> None:
        self.width = min(self.width + 1, MAX_WIDTH) if well else max(self.width // 2, 1)


class Places:
    def __init__(
        self, trusted: int = TRUSTED_PLACES, suspect: int = SUSPECT_PLACES, kept: int = KEPT_FOR_SLOW
    ) -> None:
        self._trusted = trusted
        self._suspect = suspect
        self._kept = kept

    def room(self, pace: Pace, *, sharers: int) -> int:
        """How many more may go to this endpoint now, where so many others of its kind wish for places too."""
        free = max(self._suspect - self._kept, 0) if pace.suspect else self._trusted
        fair = max(free // max(sharers, 1), min(free, 1))
        return max(min(pace.width - pace.on_their_way, fair), 0)

    def take(self, pace: Pace) -> bool:
        """Returns whether it took a suspect's place, for `give_back`."""
        if pace.suspect:
            self._suspect -= 1
            pace.suspected += 1
            return True
        self._trusted -= 1
        pace.trusted += 1
        return False

    def demote(self, pace: Pace) -> bool:
        """Move a delivery that is slow out of the way; False: there is no place for it."""
        if self._suspect == 0:
            return False
        self.give_back(pace, suspect=False)
        self._suspect -= 1
        pace.suspected += 1
        return True

    def give_back(self, pace: Pace, *, suspect: bool) -> None:
        if suspect:
            self._suspect += 1
            pace.suspected -= 1
        else:
            self._trusted += 1
            pace.trusted -= 1


class Turns:
    """Who is served first: the one that was served longest ago."""

    def __init__(self) -> None:
        self._last: dict[Hashable, int] = {}
        self._count = 0

    def served(self, who: Hashable) -> None:
        self._count += 1
        self._last[who] = self._count

    def forget(self, who: Hashable) -> None:
        self._last.pop(who, None)

    def before(self, who: Hashable) -> int:
        return self._last.get(who, 0)
