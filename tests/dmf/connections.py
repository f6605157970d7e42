"""Drivers as connection files would make them, on clocks of the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.systems import profile
from drivers.dmf.driver import DmfDriver
from tests.dmf.server import ROOT, DataManagement
from tests.dynamics_odata import finops


class Time:
    """Pauses take no time, and are counted."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.seconds

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


def driver(server: DataManagement, folder: Path, time: Time | None = None, **options: Any) -> DmfDriver:
    clock = time or Time()
    given = {
        **profile("dynamics-fo-onpremises").get("options", {}),
        "url": f"{server.url}{ROOT}",
        "legal_entities": ["usmf", "dat"],
        "package_hosts": [server.storage.url],
        "folder": str(folder),
        "auth": {
            "kind": "oauth2",
            "token_url": f"{server.url}/adfs/oauth2/token",
            "client_id": finops.CLIENT,
            "in_body": True,
            "parameters": {"resource": finops.RESOURCE},
        },
        **options,
    }
    secrets = {"client_secret": finops.SECRET}
    return DmfDriver("erp", given, secrets, pause=clock.pause, monotonic=clock.now, now=clock.now)
