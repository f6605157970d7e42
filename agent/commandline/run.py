"""`groundwire run`: the agent itself."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from agent.commandline.invocation import Invocation, pass_invocation, run_async, shared_options

if TYPE_CHECKING:
    from agent.settings import Settings
    from agent.telemetry.logging import Logs


@click.command()
@shared_options
@pass_invocation
def run(invocation: Invocation) -> None:
    """Run the agent until it is stopped with Ctrl-C or SIGTERM. It logs to stderr and to files."""
    from agent.clock import SystemClock  # noqa: PLC0415
    from agent.telemetry.logging import configure_logging, log_files  # noqa: PLC0415 - heavy

    settings = invocation.settings()
    clock = SystemClock()
    table = settings.log
    kept = log_files(settings.log_dir, clock, total_bytes=table.total, keep=table.keep)
    logs = configure_logging(
        level="debug" if invocation.debug else settings.agent.log_level,
        format=settings.agent.log_format,
        files=kept if table.files else None,
        folder=settings.log_dir if table.files else None,
        clock=clock,
        adjustable=True,
    )
    try:
        run_async(_run(settings, logs))
    finally:
        logs.close()


async def _run(settings: Settings, logs: Logs) -> None:
    import asyncio  # noqa: PLC0415 - loaded already by whoever called this

    gc.disable()  # nothing of what is imported is garbage, and looking for some took a tenth of the start
    from agent.app import App  # noqa: PLC0415 - the whole agent

    gc.freeze()
    gc.enable()
    from agent.service.notify import manager_of  # noqa: PLC0415

    warn_of_broken(settings)
    app = App(settings, logs=logs, manager=manager_of(os.environ))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, app.stop)
        except NotImplementedError:  # Windows: the event loop has no signal handlers
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(app.stop))
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGHUP, app.reload)
    await app.run()


def warn_of_broken(settings: Settings) -> None:
    """Once for each mistake in a connection file: the other connections run."""
    import structlog  # noqa: PLC0415

    log = structlog.get_logger(__name__)
    for broken in settings.broken:
        for problem in broken.problems:
            log.warning(
                "connection_misconfigured",
                connection=broken.name,
                where=problem.where,
                error=problem.message,
                hint=problem.hint,
            )
