"""Every page, in the order of the navigation."""

from __future__ import annotations

from typing import Final

from agent.console.page import Page
from agent.console.pages import (
    audit,
    connection,
    dead_letters,
    in_flight,
    logs,
    mapping,
    mapping_edit,
    overview,
    policy,
    runs,
    security,
    settings,
    setup,
)

PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    connection.PAGE,
    runs.PAGE,
    in_flight.PAGE,
    in_flight.BATCH,
    dead_letters.PAGE,
    dead_letters.LETTER,
    mapping.ALL,
    mapping.MAPPING,
    mapping.HISTORY,
    mapping_edit.PAGE,
    policy.PAGE,
    audit.PAGE,
    security.PAGE,
    logs.PAGE,
    settings.PAGE,
    setup.PAGE,
)
