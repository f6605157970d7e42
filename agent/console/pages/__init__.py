"""Every page, in the order of the navigation."""

from __future__ import annotations

from typing import Final

from agent.console.page import Page
from agent.console.pages import overview

PAGES: Final[tuple[Page, ...]] = (overview.PAGE,)
