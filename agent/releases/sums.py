"""SHA256SUMS: as `sha256sum` writes and checks it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_NAME: Final = re.compile(r"[A-Za-z0-9_+~@-][A-Za-z0-9._+~@-]*(?:/[A-Za-z0-9_+~@-][A-Za-z0-9._+~@-]*)*")


def parse(text: str) -> dict[str, str]:
    """Each file's name and hash. Raises ValueError: for a name that leaves the folder, or is there twice."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or not _NAME.fullmatch(match[2]):
            raise ValueError(f"line {number} names no file and its SHA-256")
        if match[2] in found:
            raise ValueError(f"line {number} names {match[2]} a second time")
        found[match[2]] = match[1]
    if not found:
        raise ValueError("it names no file")
    return found


def render(digests: Mapping[str, str]) -> str:
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
