"""What the agent's process does about its memory."""

from __future__ import annotations

import pyarrow as pa


def give_back_what_is_freed() -> None:
    """Have Arrow take memory from the C library, as drivers' processes do.

    The allocator that it brings along keeps what was freed: merging fingerprints held 26 MiB for good, of which no
    more than 5 were ever in use at once.
    """
    pa.set_memory_pool(pa.system_memory_pool())
