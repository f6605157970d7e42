"""Versions, the host and the state folder, looked at as far as they can be."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import ssl
import stat
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import apsw
import psutil

from agent.bundle.masking import plain
from agent.model.run import rfc3339
from agent.version import VERSION
from drivers import registry

MAX_FILES: Final = 1_000  # listed of the state folder


def versions() -> dict[str, Any]:
    try:
        packages = {found.name: found.version for found in metadata.distributions() if found.name}
    except Exception:  # noqa: BLE001 - one broken package of the installation must not hide all others
        packages = {}
    return {
        "groundwire": VERSION,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "frozen": bool(getattr(sys, "frozen", False)),
        "sqlite": apsw.sqlite_lib_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "drivers": sorted(registry.names()),
        "packages": dict(sorted(packages.items(), key=lambda one: one[0].lower())),
    }


def system(state_dir: Path | None) -> dict[str, Any]:
    return {
        "system": platform.system(),
        "release": platform.release(),
        "version": platform.version(),
        "machine": platform.machine(),
        "distribution": _distribution(),
        "processors": os.cpu_count(),
        "memory": _memory(),
        "disk": _disk(state_dir),
        "time_zone": list(time.tzname),
        "locale": list(locale.getlocale()),
        "file_encoding": sys.getfilesystemencoding(),
        "user_id": os.geteuid() if hasattr(os, "geteuid") else None,
        "under_systemd": "INVOCATION_ID" in os.environ,
        "proxy_variables": sorted(name for name in os.environ if name.lower().endswith("_proxy")),
        "started": rfc3339(datetime.fromtimestamp(psutil.boot_time(), UTC)),
    }


def _distribution() -> dict[str, str]:
    try:
        found = platform.freedesktop_os_release()
    except OSError:
        return {}
    return {name: found[name] for name in ("ID", "VERSION_ID") if name in found}


def _memory() -> dict[str, int]:
    memory, own = psutil.virtual_memory(), psutil.Process().memory_info()
    return {"total": memory.total, "available": memory.available, "this_process": own.rss}


def _disk(folder: Path | None) -> dict[str, int] | None:
    if folder is None or not folder.exists():
        return None
    usage = shutil.disk_usage(folder)
    return {"total": usage.total, "free": usage.free}


def state_folder(folder: Path) -> dict[str, Any]:
    """What lies there: names, sizes and who may read it; no content."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in [".", *sorted(names)]:
            path = Path(place, name)
            try:
                facts = path.lstat()
            except OSError:
                continue
            found.append(
                {
                    "name": plain(str(path.relative_to(folder))),
                    "bytes": facts.st_size,
                    "mode": stat.filemode(facts.st_mode),
                    "owner": facts.st_uid,
                    "changed": rfc3339(datetime.fromtimestamp(facts.st_mtime, UTC)),
                }
            )
            if len(found) >= MAX_FILES:
                return {"files": found, "complete": False}
    return {"files": found, "complete": True}
