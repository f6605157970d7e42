"""`groundwire verify`."""

from __future__ import annotations

from pathlib import Path

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The owner's public key, a file of minisign, in place of those that this program trusts.",
)
@json_option
@pass_invocation
def verify(invocation: Invocation, path: Path, key: Path | None) -> None:
    """Check a release before it is installed: PATH is its folder, or one file in it. Nothing is asked of a network."""
    from agent.errors import ConfigurationError  # noqa: PLC0415 - only here
    from agent.releases import checking  # noqa: PLC0415 - cryptography is slow to load
    from agent.releases.keys import RELEASE_KEYS  # noqa: PLC0415
    from agent.releases.minisign import PublicKey  # noqa: PLC0415

    keys = [PublicKey.parse(line) for line in RELEASE_KEYS] if key is None else [checking.read_key(key)]
    if not keys:
        raise ConfigurationError(
            "This build trusts no key for releases.",
            hint="Name the owner's public key with --key, from a source that you trust.",
        )
    found = checking.verify(path, keys)
    for name in found.files:
        invocation.output.line(f"ok  {name}")
    invocation.output.line(f"Signed by {found.signed_by}: {found.comment}")
    invocation.output.document(
        {"files": list(found.files), "signedBy": found.signed_by, "comment": found.comment}
    )
