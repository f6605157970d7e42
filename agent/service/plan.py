"""What the agent's Windows service is: its name, how it is started, what the system does when it ends, who may touch its
files. Everything here is pure; agent/service/scm.py and agent/service/access.py carry it out.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from subprocess import list2cmdline
from typing import Final

NAME: Final = "Groundwire"
DISPLAY_NAME: Final = "Groundwire agent"
DESCRIPTION: Final = "Reads ERP systems on premises and sends them, normalised, through one outbound tunnel."
ACCOUNT: Final = rf"NT SERVICE\{NAME}"  # made by the system with the service, without a password

RESTART_SECONDS: Final = (5, 30, 60)  # before the first, the second and every later restart
FORGET_FAILURES_SECONDS: Final = 24 * 3600
PRESHUTDOWN_SECONDS: Final = (
    60  # that the system waits when it shuts down; beyond the longest drain as shipped
)

WATCH_NAME: Final = "GroundwireUpgrade"  # there while an upgrade is watched over
WATCH_DISPLAY_NAME: Final = "Groundwire agent: watch over an upgrade"
WATCH_DESCRIPTION: Final = (
    "Puts the version of before back where the new one does not work; it removes itself."
)

# Of Microsoft's security descriptor language: full access, reading and starting, and everything but taking it over.
_FULL, _READ, _MODIFY = "FA", "0x1200a9", "0x1301bf"
_ADMINISTRATORS: Final = ("SY", "BA")
ADMINISTRATORS: Final = "S-1-5-32-544"
EVERYBODY: Final = "S-1-1-0"
# What lets somebody change a file, or what is in a folder: writing, appending, its attributes, deleting it and what is in
# it, its access list and its owner; and the two words for all of that.
WRITING: Final = 0x2 | 0x4 | 0x10 | 0x40 | 0x100 | 0x10000 | 0x40000 | 0x80000 | 0x10000000 | 0x40000000
_SERVICES: Final = 80  # the sub-authority of accounts that belong to a service
TRUSTED_OWNERS: Final = frozenset(
    {
        "S-1-5-18",  # the system
        ADMINISTRATORS,
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",  # the installer of Windows itself
    }
)

# At the beginning of a command line, without quotes.
_PROGRAM: Final = re.compile(r'([^"]+?\.exe)(?= service run|$)', re.IGNORECASE)

EVENT_SOURCE_KEY: Final = rf"SYSTEM\CurrentControlSet\Services\EventLog\Application\{NAME}"
EVENT_MESSAGES: Final = (
    r"%SystemRoot%\System32\EventCreate.exe"  # its messages 1 to 1000 are their one text as it is
)
EVENT_TYPES: Final = 7  # errors, warnings, information


@dataclass(frozen=True, slots=True)
class Recovery:
    restart_seconds: tuple[int, ...] = RESTART_SECONDS
    forget_seconds: int = FORGET_FAILURES_SECONDS


def service_sid(name: str = NAME) -> str:
    """The account's number, which Windows makes of the service's name: known before there is a service."""
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "-".join(("S-1-5", str(_SERVICES), *map(str, struct.unpack("<5I", digest))))


def command_line(program: Sequence[str], config: str | None = None, what: str = "run") -> str:
    """How the system starts a service. In quotes: of a path with a space it would try the part before the space."""
    words = [*program[1:], "service", what, *(["--config", config] if config else [])]
    return f'"{PureWindowsPath(program[0])}" {list2cmdline(words)}'


def in_quotes(command: str) -> str:
    """The same command line with the path of its program in quotes, whoever made it without."""
    program = _PROGRAM.match(command)
    return command if program is None else f'"{program[1]}"{command[program.end(1) :]}'


def folder_access(sid: str, *, writable: bool) -> str:
    """Who may do what in a folder of the agent's; nothing is inherited from above, and everything below inherits it."""
    rights = [*((_FULL, one) for one in _ADMINISTRATORS), (_MODIFY if writable else _READ, sid)]
    entries = "".join(f"(A;OICI;{right};;;{who})" for right, who in rights)
    return f"D:PAI{entries}"


def program_access() -> str:
    """Of the folder of a program: everybody may start it, administrators alone may change it."""
    rights = [*((_FULL, one) for one in _ADMINISTRATORS), (_READ, "BU")]
    return "D:PAI" + "".join(f"(A;OICI;{right};;;{who})" for right, who in rights)


def is_trusted(owner: str, *, administrator: str, sid: str) -> bool:
    """Whether a file of that owner may be taken for the operator's. `administrator`: who installs the service."""
    return owner in TRUSTED_OWNERS or owner in {administrator, sid}
