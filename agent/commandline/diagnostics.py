"""`groundwire diagnostics`: everything that helps somebody to help, in one file, shown before it is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import ConfigurationError, GroundwireError


@click.command()
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where it goes. Default: groundwire-diagnostics-MOMENT.zip in this folder.",
)
@click.option("--list", "only_list", is_flag=True, help="Show what would be in it, and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared_options
@json_option
@pass_invocation
def diagnostics(invocation: Invocation, path: Path | None, *, only_list: bool, yes: bool) -> None:
    """Make a zip for whoever helps you: settings, states, counts, versions, logs. No secret and no record is in it."""
    invocation.quiet_logging()
    manifest, content = run_async(_made(invocation))
    output = invocation.output
    output.table(
        ["FILE", "BYTES", "WHY"],
        [[file["name"], file["bytes"], file["reason"]] for file in manifest["files"]],
    )
    for file in manifest["files"]:
        if file["missing"]:
            output.line(f"{file['name']}: {file['missing']}", colour="yellow")
    output.line()
    if only_list:
        output.line(f"{len(content)} bytes in all, packed. Nothing was written.")
        output.document({"manifest": manifest, "bytes": len(content), "file": None})
        return
    target = path or Path(
        f"groundwire-diagnostics-{manifest['made_at'][:19].replace(':', '').replace('-', '')}.zip"
    )
    if not yes:
        click.confirm(f"Write these to {target} ({len(content)} bytes)?", abort=True, err=True)
    _write(target, content)
    output.line(f"Wrote {target}. Look into it before you hand it on: it is yours to give.")
    output.document({"manifest": manifest, "bytes": len(content), "file": str(target)})


async def _made(invocation: Invocation) -> tuple[dict[str, Any], bytes]:
    """By the running agent, which has seen the secrets that its logs must not tell; else from its files."""
    import base64  # noqa: PLC0415 - heavy, with the next ones

    from agent.bundle.collecting import Site, collect  # noqa: PLC0415
    from agent.clock import SystemClock  # noqa: PLC0415

    async def ask(name: str, args: Mapping[str, Any]) -> Any:
        return await invocation.client().ask(name, args)

    try:
        settings = invocation.settings()
    except ConfigurationError as error:
        settings_or_error: Any = error
    else:
        settings_or_error = settings
        try:
            answer = await ask("diagnostics", {})
            return answer["manifest"], base64.b64decode(answer["content"])
        except GroundwireError as error:
            if error.code != "no_agent":
                invocation.output.note(
                    f"The agent could not make it ({error.code}); it is made from the files."
                )
    bundle = await collect(Site(settings_or_error, ask, SystemClock()))
    return bundle.manifest(), bundle.zipped()


def _write(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(
            "there is such a file already", where=str(path), hint="Name another one with --output."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"cannot be written: {error.strerror}", where=str(path)) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)  # half a zip is none
        raise ConfigurationError(f"cannot be written: {error.strerror}", where=str(path)) from error
