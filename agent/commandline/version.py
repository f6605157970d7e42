"""`groundwire version`."""

from __future__ import annotations

import platform

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation
from agent.version import VERSION


@click.command()
@json_option
@pass_invocation
def version(invocation: Invocation) -> None:
    """Show the version of Groundwire."""
    invocation.output.line(f"groundwire {VERSION} (Python {platform.python_version()}, {platform.system()})")
    invocation.output.document(
        {"version": VERSION, "python": platform.python_version(), "system": platform.system()}
    )
