from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from agent.app import App
from agent.settings import Settings


@pytest.fixture
def another_pool() -> Iterator[pa.MemoryPool]:
    before = pa.default_memory_pool()
    other = next(
        (
            make()
            for name, make in (("mimalloc", pa.mimalloc_memory_pool), ("jemalloc", pa.jemalloc_memory_pool))
            if name in pa.supported_memory_backends()
        ),
        None,
    )
    if other is None:
        pytest.skip("this Arrow has the C library's alone")
    pa.set_memory_pool(other)
    yield other
    pa.set_memory_pool(before)


def test_an_agent_gives_back_what_arrow_has_freed(another_pool: pa.MemoryPool, tmp_path: Path) -> None:
    App(Settings(config_dir=tmp_path, state_dir=tmp_path))

    assert another_pool.backend_name != "system"
    assert pa.default_memory_pool().backend_name == "system"
