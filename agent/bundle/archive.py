"""From the parts of a bundle to one zip of a bounded size. Pure: the same parts at the same moment make the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from agent.model.run import rfc3339
from agent.version import SOFTWARE

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MAX_PART_BYTES: Final = 512 * 1024
MAX_BYTES: Final = 8 * 1024 * 1024  # of everything, before it is packed
_SHORT: Final = "the oldest lines are left out: they did not fit"
_GONE: Final = "left out: it did not fit"


@dataclass(frozen=True, slots=True)
class Collected:
    """One file of a bundle."""

    name: str
    reason: str  # why it is there, for who decides whether it may leave
    content: bytes
    missing: str = ""  # what could not be had, and why
    lines: bool = False  # a log: where room is short, its oldest lines go first

    def to_document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "bytes": len(self.content),
            "reason": self.reason,
            "missing": self.missing or None,
        }


@dataclass(frozen=True, slots=True)
class Bundle:
    made_at: datetime
    files: tuple[Collected, ...]  # in order of their worth: the last give way first

    def manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "made_at": rfc3339(self.made_at),
            "software": SOFTWARE,
            "files": [file.to_document() for file in self.files],
        }

    def zipped(self) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, content in (
                (MANIFEST, document_bytes(self.manifest())),
                *((one.name, one.content) for one in self.files),
            ):
                if name == MANIFEST or content:
                    entry = zipfile.ZipInfo(name, self.made_at.timetuple()[:6])
                    entry.external_attr = 0o600 << 16
                    archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
        return target.getvalue()


def document_bytes(document: Any, most: int = MAX_PART_BYTES) -> bytes:
    """As JSON for people. What is too large is halved, longest list first; what is too large then is not there."""
    while (
        len(
            text := json.dumps(document, indent=1, ensure_ascii=False, default=str).encode("utf-8", "replace")
        )
        > most
    ):
        longest = max(_lists(document), key=len, default=None)
        if longest is None or len(longest) < 2:  # noqa: PLR2004 - nothing to halve
            return b'{"missing": "it did not fit"}'
        del longest[len(longest) // 2 :]
    return text


def _lists(value: Any) -> list[list[Any]]:
    if isinstance(value, list):
        return [value, *(found for below in value for found in _lists(below))]
    return [found for below in value.values() for found in _lists(below)] if isinstance(value, dict) else []


def bounded(bundle: Bundle, most: int = MAX_BYTES) -> Bundle:
    """With at most so many bytes in all, before they are packed."""
    return _given_way(bundle, lambda one: sum(len(file.content) for file in one.files) <= most)


def packed(bundle: Bundle, most: int) -> tuple[Bundle, bytes]:
    """With a zip of at most so many bytes."""
    fitting = _given_way(bundle, lambda one: len(one.zipped()) <= most)
    return fitting, fitting.zipped()


def _given_way(bundle: Bundle, fits: Any) -> Bundle:
    """The longest log loses its older half, until all are gone; then the least worthy files go, whole."""
    while not fits(bundle):
        files = list(bundle.files)
        logs = [index for index, file in enumerate(files) if file.lines and file.content]
        others = [index for index, file in enumerate(files) if file.content]
        if logs:
            longest = max(logs, key=lambda index: len(files[index].content))
            files[longest] = _shorter(files[longest])
        elif others:
            files[others[-1]] = replace(files[others[-1]], content=b"", missing=_GONE)
        else:
            break
        bundle = replace(bundle, files=tuple(files))
    return bundle


def _shorter(file: Collected) -> Collected:
    lines: Sequence[bytes] = file.content.splitlines(keepends=True)
    kept = b"".join(lines[-(len(lines) // 2) :]) if len(lines) > 1 else b""
    return replace(file, content=kept, missing=_SHORT if kept else _GONE)
