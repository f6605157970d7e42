"""An answer is looked at while it is inflated, and not once all of it is there."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from drivers.contract import SourceChanged
from drivers.http.bodies import collect

MIB = 1024 * 1024
LIMIT = MIB


async def in_one_piece(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_a_bomb_takes_no_more_memory_than_an_answer_may_have() -> None:
    bomb = gzip.compress(b"0" * (64 * MIB), 9)
    tracemalloc.start()
    try:
        with pytest.raises(SourceChanged, match="longer than"):
            await collect(in_one_piece(bomb), "gzip", limit=LIMIT, where="a test")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 8 * LIMIT
