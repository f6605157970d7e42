"""The parts of this room put together, for the machine that this runs on."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from agent.clock import SystemClock
    from agent.service.access import NtfsAccess
    from agent.service.administration import Administration
    from agent.service.plan import WATCH_DISPLAY_NAME, WATCH_NAME
    from agent.service.scm import Scm
    from agent.service.watch import Watch

    def administration() -> Administration:
        return Administration(Scm(), NtfsAccess(), SystemClock())

    def watch() -> Watch:
        return Watch(Scm(WATCH_NAME, WATCH_DISPLAY_NAME, account=None), SystemClock())
