"""When the certificates end that each connection's hops have shown, from the connections that its drivers made anyway.

In memory alone: after a start nothing is known until a driver has connected, and nothing is said of it until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.model.run import rfc3339
from agent.settings import ConnectionSettings
from drivers.addresses import may_show_certificates
from drivers.contract import Hop, HopCertificate


@dataclass(slots=True)
class _Seen:
    way: tuple[str, Any]  # the driver with its options, under which they were seen
    ends: dict[Hop, datetime] = field(default_factory=dict)


class SeenCertificates:
    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._seen: dict[str, _Seen] = {}

    def note(self, settings: ConnectionSettings, certificates: Iterable[HopCertificate]) -> None:
        """A hop's newest certificate takes the place of the one before."""
        seen = self._seen.get(settings.name)
        if seen is None or seen.way != _way(settings):
            seen = self._seen[settings.name] = _Seen(_way(settings))
        before = dict(seen.ends)
        seen.ends.update((one.hop, one.expires_at) for one in certificates)
        if seen.ends != before:
            self._changed()

    def status(self, settings: ConnectionSettings) -> dict[str, list[dict[str, str]]]:
        """The part of a connection's status, JSON-ready. Nothing while nothing is known: the relay keeps what it heard last.

        An empty list where a driver of this kind never sees a certificate, and where the way has become another one
        than that on which they were seen.
        """
        seen = self._seen.get(settings.name)
        if seen is not None:
            ends = sorted(seen.ends.items()) if seen.way == _way(settings) else []
            return {"certificates": [{"hop": hop.value, "expiresAt": rfc3339(at)} for hop, at in ends]}
        return {} if may_show_certificates(settings.driver, settings.options) else {"certificates": []}


def _way(settings: ConnectionSettings) -> tuple[str, Any]:
    return settings.driver, settings.options
