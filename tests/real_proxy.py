"""proxy.py in a process of its own: an HTTP CONNECT proxy that wants to be signed in to, or opens TLS on the way."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def running_proxy(folder: Path, *options: str) -> Iterator[int]:
    """Yield its port."""
    port_file = folder / "port"
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"]
    command += ["--port-file", str(port_file), "--num-workers", "1", "--num-acceptors", "1"]
    command += ["--log-level", "e", "--data-dir", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if port_file.exists() and port_file.read_text().strip():
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        yield int(port_file.read_text().strip())
    finally:
        process.terminate()
        process.wait(10)
