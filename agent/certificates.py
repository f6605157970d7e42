"""Pure: when a certificate's end is somebody's business, and what each hop is called. One rule for agent and relay:
status, console, doctor, health and alerts go by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from agent.findings import Level

RENEW_BEFORE: Final = timedelta(days=21)  # time for an operator to be told and to act
URGENT_BEFORE: Final = timedelta(days=7)  # and nobody has acted
RELAY: Final = "relay"

# The hops of drivers.contract.Hop, and the relay's own.
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        RELAY: "the relay",
        "source": "the source",
        "token": "the server that gives out tokens",
        "proxy": "the proxy before the source",
        "packages": "the store of data packages",
        "client": "the agent itself, its client certificate",
    }
)


def level_of(ends: datetime, now: datetime) -> Level:
    """How grave it is that a certificate ends then: one that has ended, or is about to, needs a person."""
    if ends - now < URGENT_BEFORE:
        return Level.PROBLEM
    return Level.WARNING if ends - now < RENEW_BEFORE else Level.OK


def code_of(ends: datetime, now: datetime) -> str:
    """The same as a word of a finding: `ended`, `urgent`, `ending`; empty where there is time."""
    if ends < now:
        return "ended"
    return {Level.PROBLEM: "urgent", Level.WARNING: "ending"}.get(level_of(ends, now), "")
