"""`groundwire selfcheck`: whether this program is whole, on whatever machine it lies."""

from __future__ import annotations

import os

import click

from agent.commandline.invocation import (
    Invocation,
    json_option,
    pass_invocation,
    patience_option,
    run_async,
)


@click.command()
@patience_option
@click.option("--verbose", "-v", is_flag=True, help="Tell of what is fine, too.")
@json_option
@pass_invocation
def selfcheck(invocation: Invocation, *, patience: float, verbose: bool) -> None:
    """Try everything that the program is made of, on this machine.

    Every module and library, an outbox, TLS, time zones, character sets, and each driver's process. Needs no
    configuration, reads none, and connects to nothing. 0: it is whole, 1: something is missing or broken.
    """
    from agent.clock import SystemClock  # noqa: PLC0415 - heavy, as the next ones
    from agent.commandline.doctor import tell  # noqa: PLC0415
    from agent.doctor.check import examine  # noqa: PLC0415
    from agent.doctor.installation import Installation  # noqa: PLC0415
    from agent.selfcheck.checks import CHECKS  # noqa: PLC0415

    invocation.quiet_logging()
    nothing = Installation(
        config_dir=invocation.config_dir,
        state_dir=None,
        settings=None,
        environ=os.environ,
        clock=SystemClock(),
    )
    tell(invocation, run_async(examine(nothing, CHECKS, patience=patience)), CHECKS, verbose=verbose)
