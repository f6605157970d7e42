"""Log files as a bundle tells them: the newest lines, each with its event, its names and its numbers. Reads; else pure."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from agent.bundle.masking import LEFT_OUT, last_redaction, sized, told
from agent.secrets import open_at_once
from agent.telemetry.files import CURRENT, numbered

TAIL_BYTES: Final = 1024 * 1024  # of each file, as it is; less than half of it stays
MAX_UNPACKED: Final = 64 * 1024 * 1024  # of one file that was packed when it was full
MAX_FILES: Final = 8  # the newest
_EVENT: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
_FRAME: Final = re.compile(r'\s*File "([^"]+)", line (\d+), in ([\w<>]+)')
_RAISED: Final = re.compile(
    r"\s*([A-Za-z_][\w.]*(?:Error|Exception|Fault|Refused|Unreachable|Warning|Interrupt|Exit|Group)\b)"
)
_ABOVE_PACKAGES: Final = re.compile(r".*[/\\](?=(?:site-packages|agent|drivers|relay|asyncio|lib)[/\\])")


def newest_files(folder: Path) -> list[Path]:
    """The file that is written, then the older ones, the newest of them first."""
    current = folder / CURRENT
    files = [current] if current.is_file() else []
    return [*files, *reversed(numbered(folder).values())][:MAX_FILES]


def tail_of(path: Path, most: int = TAIL_BYTES) -> list[str]:
    """The last whole lines."""
    with open(path, "rb", opener=open_at_once) as file:
        if path.suffix == ".gz":
            with gzip.open(file) as unpacked:
                content = unpacked.read(MAX_UNPACKED)
        else:
            file.seek(max(0, file.seek(0, os.SEEK_END) - most - 1))
            content = file.read(most + 1)
    lines = content[-most - 1 :].decode("utf-8", "replace").splitlines()
    return lines[1:] if len(content) > most else lines


def told_lines(lines: Iterable[str]) -> Iterator[str]:
    """A line for a line."""
    for line in lines:
        yield json.dumps(last_redaction(told_line(line)), ensure_ascii=False, separators=(",", ":"))


def told_line(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, Mapping):
        return {"line": sized(line)}
    name, traceback = event.get("event"), event.get("exception")
    rest = {key: value for key, value in event.items() if key not in {"event", "exception"}}
    shown: dict[str, Any] = told(rest)
    shown["event"] = name if isinstance(name, str) and _EVENT.fullmatch(name) else sized(str(name))
    if traceback is not None:
        shown["exception"] = told_traceback(str(traceback))
    return shown


def told_traceback(text: str) -> list[str]:
    """Where it went through and what was raised, without a word of what was said."""
    lines = []
    for line in text.replace("\\n", "\n").splitlines():
        if (frame := _FRAME.match(line)) is not None:
            path = _ABOVE_PACKAGES.sub("", frame[1])
            lines.append(
                f"{path}:{frame[2]} {frame[3]}" if path != frame[1] else f"{LEFT_OUT}:{frame[2]} {frame[3]}"
            )
        elif (raised := _RAISED.match(line)) is not None:
            lines.append(raised[1])
    return lines
