"""`groundwire explain`: what a code means, why it comes, and what to do. The entries are those of docs/messages.md."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any, Final

import click

from agent.commandline.exits import ExitCode
from agent.commandline.invocation import Invocation, json_option, pass_invocation

REFERENCE: Final = Path(__file__).with_name("reference.json")
KINDS: Final = {
    "error": "error",
    "doctor": "finding of doctor",
    "log": "log event",
    "letter": "reason of a dead letter",
    "health": "reason of health, at the relay",
    "command": "result of a command",
    "api": "status of the relay's API",
}


@click.command()
@click.argument("code", required=False)
@json_option
@pass_invocation
def explain(invocation: Invocation, code: str | None) -> None:
    """Say what a CODE of an error, a finding, a log line or the API means, and what to do. Without CODE: list all."""
    entries: list[dict[str, Any]] = json.loads(REFERENCE.read_text("utf-8"))
    output = invocation.output
    if code is None:
        output.table(["CODE", "KIND"], [[one["code"], KINDS[one["kind"]]] for one in entries])
        output.document({"entries": entries})
        return
    wanted = f"http_{code}" if code.isdecimal() else code.strip().lower()
    found = [one for one in entries if one["code"] == wanted]
    if not found:
        codes = sorted({one["code"] for one in entries})
        near = difflib.get_close_matches(wanted, codes, n=3, cutoff=0.5)
        raise click.UsageError(
            f"There is no code {code!r}. "
            + (f"Near it: {', '.join(near)}." if near else "`groundwire explain` lists all.")
        )
    for one in found:
        level = f", {one['level']}" if "level" in one else ""
        output.line(f"{one['code']} ({KINDS[one['kind']]}{level})", bold=True)
        if one.get("meaning") and one["meaning"] != one["cause"]:
            output.line(f"  What it means: {one['meaning']}")
        output.line(f"  Why: {one['cause']}")
        output.line(f"  What to do: {one['remedy']}")
        if "exit_code" in one:
            output.line(f"  A command that ends with it has the exit code {one['exit_code']}.")
    output.document({"entries": found})
    click.get_current_context().exit(ExitCode.OK)
