"""An outbox's file with something in it, and ways to spoil it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from tests.unit.outbox.making import entry, letter, opened, segment

MARKED = b"<the payload of the second batch>" * 20


async def filled(path: Path) -> None:
    async with opened(path) as outbox:
        await outbox.append(entry(b"first" * 50, checkpoint="c1", fingerprints=segment({"k1": 1})))
        await outbox.append(
            entry(MARKED, checkpoint="c2", fingerprints=segment({"k2": 2}), letters=[letter("k9")])
        )
        await outbox.append(entry(b"third" * 50, checkpoint="c3", fingerprints=segment({"k3": 3})))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0x40
    path.write_bytes(content)


def spoil(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute(sql)
        raw.commit()
