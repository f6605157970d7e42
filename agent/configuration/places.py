"""Where configuration and state lie when nobody names them.

A program that a package installed serves its machine: root and the service's user find what is the machine's, without an
option. Everybody else, and a program that runs from a checkout or a virtual environment, has folders of their own.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

if sys.platform == "win32":
    from agent.configuration.known_folders import program_data

MARKER: Final = "installed"  # beside the executable of a bundle; its text is the name of the service's user


@dataclass(frozen=True, slots=True)
class Places:
    config: Path
    state: Path
    log: Path | None  # None: in the state folder


@dataclass(frozen=True, slots=True)
class Program:
    """This process, as far as it decides where its files lie."""

    platform: str
    account: str  # who runs it; empty on Windows, where an installed program has the machine's folders alone
    service_user: str | None  # of the installed service; None where this program is not installed
    data: Path | None = None  # of all programs of the machine, as Windows says; None elsewhere

    @property
    def serves_the_machine(self) -> bool:
        return self.service_user is not None and self.account in {"", "root", self.service_user}


LINUX: Final = Places(Path("/etc/groundwire"), Path("/var/lib/groundwire"), None)


def places(program: Program | None = None) -> Places:
    """Where `program` looks; this process where none is named. Raises ConfigurationError where Windows does not say."""
    looking = program or this_program()
    if not looking.serves_the_machine:
        return Places(
            platformdirs.user_config_path("groundwire", appauthor=False),
            platformdirs.user_state_path("groundwire", appauthor=False),
            platformdirs.user_log_path("groundwire", appauthor=False),
        )
    if looking.data is None:
        return LINUX
    folder = looking.data / "Groundwire"
    return Places(folder, folder / "state", None)


def this_program() -> Program:
    installed = service_user(Path(sys.executable)) if getattr(sys, "frozen", False) else None
    return Program(sys.platform, _account(), installed, _machines_data() if installed is not None else None)


def service_user(executable: Path) -> str | None:
    """The user that the service of this bundle runs as; None where it was not installed."""
    try:
        return executable.with_name(MARKER).read_text("utf-8").strip()
    except OSError:
        return None


def _machines_data() -> Path | None:
    if sys.platform == "win32":
        return program_data()
    return None


def _account() -> str:
    """The name of the user, or a number where it has none."""
    if sys.platform == "win32":
        return ""
    import pwd  # noqa: PLC0415 - exists on Unix only

    user = os.geteuid()
    if user == 0:
        return "root"
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
