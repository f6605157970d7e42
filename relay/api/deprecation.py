"""Routes that will go: what their answers and the description say of it. docs/api-versions.md is the policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

SHORTEST: Final = timedelta(days=365)  # between the successor and the end
_EXTENSION: Final = "x-deprecation"


@dataclass(frozen=True, slots=True)
class Deprecation:
    """`since` the successor is there; from `sunset` on the route may be gone."""

    since: datetime
    sunset: datetime
    successor: str  # a link to what takes its place, or to the page that says so

    def __post_init__(self) -> None:
        if self.sunset - self.since < SHORTEST:
            raise ValueError("A route lives at least 12 months after its successor.")

    def of_route(self) -> dict[str, Any]:
        """Given to the route's decorator: `@router.get("/old", **Deprecation(...).of_route())`."""
        return {"deprecated": True, "openapi_extra": {_EXTENSION: self.headers()}}

    def headers(self) -> dict[str, str]:
        """RFC 9745, RFC 8594 and RFC 8288."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": format_datetime(self.sunset, usegmt=True),
            "Link": f'<{self.successor}>; rel="successor-version"',
        }


def deprecation_headers(route: Any) -> Mapping[str, str]:
    """What a route that will go has to say; nothing for all others."""
    extra = getattr(route, "openapi_extra", None) or {}
    found: Mapping[str, str] = extra.get(_EXTENSION, {})
    return found
