"""A file that a newer Groundwire wrote: refused in one way, whatever kind of file it is."""

from __future__ import annotations

from pathlib import Path

from agent.errors import VersionMismatch


def refuse_newer(found: object, known: int, path: Path) -> None:
    """Raise VersionMismatch where a file names a version above the one that is known."""
    if type(found) is int and found > known:
        raise VersionMismatch(
            f"the file has version {found}; this program knows versions up to {known}",
            where=str(path),
            hint="Start the newer program again; the file was left as it is.",
        )
