"""What Windows says when it will not do something, as an error of ours."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from collections.abc import Iterator
    from contextlib import contextmanager

    import pywintypes

    from agent.service.ports import ServiceRefused

    @contextmanager
    def refusals() -> Iterator[None]:
        """Raises ServiceRefused."""
        try:
            yield
        except pywintypes.error as error:
            raise ServiceRefused(int(error.winerror), str(error.strerror).strip()) from error
