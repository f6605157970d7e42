"""What health goes by beside the facts: what the relay's operator set, and the relay's own certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from agent.clock import Clock
from relay.health.facts import Certificate

log = structlog.get_logger()

READ_AGAIN: Final = timedelta(hours=1)  # it may be renewed under the same name
HOP: Final = "relay"


def none() -> Certificate | None:
    return None


@dataclass(frozen=True, slots=True)
class Outlook:
    minimum: tuple[int, ...] | None = None  # the oldest version of an agent that is well
    certificate: Callable[[], Certificate | None] = none


class OwnCertificate:
    """The certificate that the gateway shows."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._read_at: datetime | None = None
        self._known: Certificate | None = None

    def __call__(self) -> Certificate | None:
        """None: it cannot be read, which the gateway says at its start."""
        now = self._clock.utcnow()
        if self._read_at is None or not timedelta(0) <= now - self._read_at < READ_AGAIN:
            self._read_at = now
            self._known = self._read() or self._known
        return self._known

    def _read(self) -> Certificate | None:
        try:
            first = x509.load_pem_x509_certificate(self._path.read_bytes())
        except (OSError, ValueError, x509.InvalidVersion) as error:
            log.warning("certificate_not_read", file=str(self._path), error=type(error).__name__)
            return None
        return Certificate(HOP, first.not_valid_after_utc)
