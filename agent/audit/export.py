"""An audit log as one file that can be checked on another machine. Pure.

The first line says where the chain begins and holds the signed head; then come the lines as they are in the files,
each file's behind a line that names it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent.audit.lines import GENESIS, HEADERS, Line, parse_line
from agent.audit.opening import previous_of
from agent.audit.signing import Mark, parse_head
from agent.audit.verify import Evidence, Source
from agent.upgrade.newer import refuse_newer

EXPORT: Final = "groundwire_audit_export"
FORMAT: Final = 1


def export_lines(
    files: Iterable[tuple[str, bytes]], head: bytes, *, since: datetime | None, software: str
) -> Iterator[bytes]:
    """The export, line by line. Lines behind the head stay out: nobody acted on them yet.

    A line that cannot be read goes along as it is: whoever checks the export is to see it too.
    """
    newest = parse_head(head)
    through = newest.n if newest is not None else -1
    begun = False
    previous, key = Mark(0, GENESIS), ""
    for name, raw in files:
        named = False
        for number, text in enumerate(raw.removesuffix(b"\n").split(b"\n") if raw else (), start=1):
            line = _parsed(text)
            if line is not None and number == 1:
                key = str(line.facts.get("public_key", ""))
            if not begun and since is not None and line is not None and line.moment < since:
                previous = Mark(line.n, line.hash)
                continue
            if not begun:
                yield _first(line, previous, key, head, software)
                begun = True
            if not named:
                yield _dump({"file": name, "line": number})
                named = True
            yield text + b"\n"
            if line is not None and line.n == through:
                return
    if not begun:
        yield _first(None, previous, key, head, software)


def _first(line: Line | None, previous: Mark, key: str, head: bytes, software: str) -> bytes:
    if line is not None and line.action in HEADERS:
        previous = Mark(line.n - 1, previous_of(line))
    return _dump(
        {
            EXPORT: FORMAT,
            "software": software,
            "public_key": key,
            "start": {"n": previous.n, "hash": previous.hash},
            "head": head.decode("ascii", "replace"),
        }
    )


def parse_export(raw: bytes) -> tuple[list[Source], Evidence]:
    """Raises ValueError for a file that is no export, VersionMismatch for one of a newer version."""
    first, _, rest = raw.partition(b"\n")
    document = _object(first)
    refuse_newer(document.get(EXPORT), FORMAT, Path("the export"))
    if document.get(EXPORT) != FORMAT:
        raise ValueError("not an export of an audit log")
    try:
        start = Mark(int(document["start"]["n"]), str(document["start"]["hash"]))
        head = str(document["head"]).encode()
    except (KeyError, TypeError) as error:
        raise ValueError("not a whole export of an audit log") from error
    return list(_sources(rest)), Evidence(
        head=head, begins=start, first_key=str(document.get("public_key")), is_export=True
    )


def _sources(raw: bytes) -> Iterator[Source]:
    name, first_line, lines = "", 1, list[bytes]()
    for text in (line + b"\n" for line in raw.removesuffix(b"\n").split(b"\n")):
        if text.startswith(b'{"file":'):
            if name:
                yield _source(name, lines, first_line)
            marker = _object(text)
            number = marker.get("line")
            if type(number) is not int:
                raise ValueError("not a whole export of an audit log")
            name, first_line, lines = str(marker.get("file")), number, []
        else:
            lines.append(text)
    if name:
        yield _source(name, lines, first_line)


def _source(name: str, lines: list[bytes], first_line: int) -> Source:
    content = b"".join(lines)
    return Source(name, lambda: content, first_line)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError("not an export of an audit log") from error
    if not isinstance(document, dict):
        raise ValueError("not an export of an audit log")  # noqa: TRY004 - the file is wrong, not the program
    return document


def _parsed(raw: bytes) -> Line | None:
    try:
        return parse_line(raw)
    except ValueError:
        return None


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"
