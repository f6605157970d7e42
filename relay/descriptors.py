"""Room for as many sockets as there may be sessions: many systems give a process no more than 1,024 files."""

from __future__ import annotations

import sys
from typing import Final

import structlog

log = structlog.get_logger()

OTHER_FILES: Final = 256  # the stores, the API's connections, handshakes that are refused


def make_room(sessions: int) -> int:
    """Raise this process's limit of open files as far as it goes; return how many sessions then fit."""
    if sys.platform == "win32":
        return sessions
    import resource  # noqa: PLC0415 - POSIX alone has it

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sessions + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return sessions
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    fit = max(1, max(allowed, soft) - OTHER_FILES)
    if fit < sessions:
        log.warning(
            "few_open_files",
            limit=max(allowed, soft),
            max_sessions=sessions,
            sessions=fit,
            hint="Raise the limit of open files where the relay is started (systemd: LimitNOFILE=), or lower gateway.max_sessions.",
        )
    return min(fit, sessions)
