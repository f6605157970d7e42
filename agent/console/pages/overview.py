"""The first page: whether all is well, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agent.console.page import Page, Visit


async def show(visit: Visit) -> Mapping[str, Any]:
    return {"status": await visit.ask("status")}


PAGE: Final = Page(path="", title="Overview", template="overview.html", show=show, group="Now")
