"""How long to wait before the next try. Pure: the random number is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BASE_SECONDS: Final = (
    5.0  # a thousand agents spread over it after a relay's restart; a blip costs 2.5 s on average
)
CAP_SECONDS: Final = 45.0  # the longest an agent stays away from a relay that is back
PATIENT_SECONDS: Final = 90.0  # the longest where only a person can mend it
STABLE_SECONDS: Final = 60.0  # a connection that held so long was a success, whatever came before
MAX_RETRY_AFTER_SECONDS: Final = 3_600.0  # a relay's wish beyond this is a mistake


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full jitter."""

    failures: int = 0
    appointments: int = 0  # of the failures those at which it was said when to come again

    def after(self, connected_seconds: float, *, appointed: bool = False) -> Backoff:
        """The back-off once a connection that held for so long (0: never made) has ended."""
        if connected_seconds >= STABLE_SECONDS:
            return Backoff(1, int(appointed))
        return Backoff(self.failures + 1, self.appointments + appointed)

    def delay(self, fraction: float, *, retry_after: float = 0.0, patient: bool = False) -> float:
        """Seconds to wait; `fraction` in [0, 1) is random, `patient` is for errors that only a person can mend."""
        if self.failures == 0:
            return 0.0
        if patient:
            return PATIENT_SECONDS * (1 + fraction) / 2
        if retry_after > 0:  # whoever says so spreads those that it says it to: little chance is added
            wish = min(retry_after, MAX_RETRY_AFTER_SECONDS)
            return wish + min(BASE_SECONDS + wish / 10, CAP_SECONDS) * fraction
        doublings = min(
            max(self.failures - self.appointments - 1, 0), 10
        )  # the cap is reached; a small power
        return min(CAP_SECONDS, BASE_SECONDS * 2**doublings) * fraction
