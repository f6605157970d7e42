"""Where a driver keeps what it can fetch anew: below the cache folder of the account that the agent runs as."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from drivers.contract import BadConfiguration


def cache_folder(kind: str, connection: str, *, option: str) -> Path:
    """Raises BadConfiguration where the account has no folder of its own, with the option that names one instead."""
    try:
        return Path(platformdirs.user_cache_dir("groundwire", appauthor=False)) / kind / connection
    except RuntimeError:
        raise BadConfiguration(
            "this account has no home folder to keep files in",
            where=f"options.{option}",
            hint=f"Name a folder in options.{option}, or set HOME for the agent.",
        ) from None
