"""How long the checks wait: each limit as it is written, times what whoever asks has more of."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

PATIENCE: Final[ContextVar[float]] = ContextVar("patience", default=1.0)


def patient(seconds: float) -> float:
    """The limit in force, for a host on a slow line or a machine that is busy."""
    return seconds * PATIENCE.get()
