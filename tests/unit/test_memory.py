from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from agent.app import App
from agent.settings import Settings
from relay.app import RelayApp
from relay.settings import Api, Gateway, RelaySettings
from tests.deployment import ROOT


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


THREADS = 8
HEAPS = f"""
import ctypes, threading
from agent.memory import give_back_what_is_freed

give_back_what_is_freed()
met = threading.Barrier({THREADS})

def work():
    kept = [bytearray(50_000) for _ in range(200)]
    met.wait()  # all at once, or a thread would take the heap of one that has ended

threads = [threading.Thread(target=work) for _ in range({THREADS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a heap for each thread is glibc's")
def test_threads_share_what_one_of_them_has_freed() -> None:
    done = subprocess.run([sys.executable, "-c", HEAPS], capture_output=True, text=True, check=True, cwd=ROOT)

    assert 1 <= done.stdout.count("<heap nr=") <= 2


def test_a_relay_gives_back_what_arrow_has_freed(another_pool: pa.MemoryPool, tmp_path: Path) -> None:
    RelayApp(RelaySettings(data=tmp_path, gateway=Gateway(), api=Api()))

    assert another_pool.backend_name != "system"
    assert pa.default_memory_pool().backend_name == "system"


def test_an_agent_gives_back_what_arrow_has_freed(another_pool: pa.MemoryPool, tmp_path: Path) -> None:
    App(Settings(config_dir=tmp_path, state_dir=tmp_path))

    assert another_pool.backend_name != "system"
    assert pa.default_memory_pool().backend_name == "system"
