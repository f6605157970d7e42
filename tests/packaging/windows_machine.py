"""A Windows on which the MSI is installed, as Wine has it, and what its administrator types there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.packaging.wine import Wine, windows_path

SECONDS: Final = 1_800.0  # for one step, on a machine that does much else
SERVICE_KEY: Final = r"HKLM\System\CurrentControlSet\Services\Groundwire"
EVENT_SOURCE_KEY: Final = r"HKLM\System\CurrentControlSet\Services\EventLog\Application\Groundwire"


class Machine:
    def __init__(self, wine: Wine) -> None:
        self._wine = wine
        self.drive = wine.drive
        self.program = wine.drive / "Program Files" / "Groundwire"
        self.data = wine.drive / "ProgramData" / "Groundwire"

    def install(self, package: Path, *properties: str, code: int = 0) -> str:
        """Silently, as the page says; what the installer logged."""
        return self._msiexec("/i", package, *properties, code=code)

    def remove(self, package: Path) -> str:
        return self._msiexec("/x", package)

    def groundwire(self, *words: str, code: int | None = 0) -> str:
        return self._wine.run(str(self.program / "groundwire.exe"), *words, seconds=SECONDS, code=code)

    def document(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.groundwire(*words, "--json", code=code))

    def values(self, key: str) -> str:
        """What the registry has there, or that there is no such key."""
        return self._wine.run("reg", "query", key, seconds=SECONDS, code=None)

    def journal(self) -> str:
        """What the program noted of installations."""
        return _text(self.data / "install.log")

    def events(self) -> list[str]:
        """Of the agent's log, in their order."""
        log = self.data / "state" / "log" / "agent.log"
        return (
            [json.loads(line)["event"] for line in log.read_text("utf-8").splitlines()]
            if log.exists()
            else []
        )

    def _msiexec(self, verb: str, package: Path, *properties: str, code: int = 0) -> str:
        log = self._wine.drive / "install.log"
        log.unlink(missing_ok=True)
        words = ("msiexec", verb, windows_path(package), "/qn", "/l*v", r"C:\install.log", *properties)
        try:
            self._wine.run(*words, seconds=SECONDS, code=code)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{_text(log)[-6000:]}") from error
        return _text(log)


def _text(log: Path) -> str:
    raw = log.read_bytes() if log.exists() else b""
    return raw.decode("utf-16" if raw.startswith(b"\xff\xfe") else "utf-8", "replace")


def until(holds: Callable[[], bool], why: Callable[[], str]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        told = why()
        assert time.monotonic() < deadline, told
        time.sleep(0.5)
