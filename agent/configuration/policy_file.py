"""policy.toml read: its rules with their places, and whether anybody but its owner could have written them."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from agent.configuration import document
from agent.configuration.document import MAX_FILE_BYTES
from agent.configuration.problems import MAX_PROBLEMS, ConfigurationProblems, problems_of
from agent.errors import ConfigurationError
from agent.policy.faults import faults
from agent.policy.model import POLICY_FILE, Policy, PolicyFile

ROOT: Final = 0
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_AGAIN: Final = "Correct the file; `groundwire policy check` reads it again."
_POSIX: Final = os.name == "posix"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who may change the policy, as far as this host's files say."""

    file: int
    folder: int


def read_policy(config_dir: Path, *, user: int | None = None) -> Policy:
    """Raises ConfigurationError with every fault and its place; also where somebody else could have written the file.

    `user` is the operating-system user that the agent runs as. Default: this process's.
    """
    raw = _read(config_dir, _process_user() if user is None else user)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            "is not UTF-8 text", where=f"{POLICY_FILE}:{line}", hint="Save it as UTF-8."
        ) from None
    found = document.parse(text, name=POLICY_FILE)
    try:
        policy = found.validate(PolicyFile)
    except ConfigurationProblems as error:
        raise ConfigurationProblems(error.problems, hint=_AGAIN) from None
    problems = [
        ConfigurationError(fault.message, where=found.place(*fault.path), hint=fault.hint)
        for fault in islice(faults(policy), MAX_PROBLEMS)
    ]
    if problems:
        raise ConfigurationProblems(problems, hint=_AGAIN)
    return Policy(policy, found.lines, digest=hashlib.sha256(raw).hexdigest())


def policy_in(config_dir: Path, *, user: int | None = None) -> Policy:
    """The policy of this folder. A file that is missing or wrong allows nothing, and the policy says why."""
    try:
        return read_policy(config_dir, user=user)
    except ConfigurationError as error:
        first, *more = problems_of(error)
        return Policy.nothing(f"{first} (and {len(more)} more problems)" if more else str(first))


def owner_of(config_dir: Path) -> Owner | None:
    """None where there is no file, or this platform has no such owners."""
    try:
        return Owner((config_dir / POLICY_FILE).stat().st_uid, config_dir.stat().st_uid) if _POSIX else None
    except OSError:
        return None


def _process_user() -> int:
    if sys.platform == "win32":
        return ROOT
    return os.geteuid()


def _read(config_dir: Path, user: int) -> bytes:
    path = config_dir / POLICY_FILE
    try:
        return _bytes_of(path, user)
    except FileNotFoundError:
        raise ConfigurationError(
            "there is no such file, so nothing may leave, be written or be done",
            where=str(path),
            hint="Write one; `groundwire policy suggest CONNECTION` prints what a connection needs.",
        ) from None
    except OSError as error:
        if path.is_symlink():
            raise ConfigurationError(
                "is a link", where=POLICY_FILE, hint="Put the file itself in its place."
            ) from None
        raise ConfigurationError(
            f"cannot be read: {error.strerror or 'unreadable'}",
            where=POLICY_FILE,
            hint="The agent's user must be able to read it.",
        ) from error


def _bytes_of(path: Path, user: int) -> bytes:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        _refuse_exposed(os.fstat(handle), path.parent.stat(), path, user)
        file = os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise
    with file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigurationError(f"is larger than {MAX_FILE_BYTES} bytes", where=POLICY_FILE)
    return raw


def _refuse_exposed(file: os.stat_result, folder: os.stat_result, path: Path, user: int) -> None:
    if not stat.S_ISREG(file.st_mode):
        raise ConfigurationError("is not a plain file", where=POLICY_FILE)
    if not _POSIX:
        return  # who may write is in the folder's access list there
    for found, what, name in ((file, "it", path), (folder, "its folder", path.parent)):
        if found.st_mode & _OTHERS_WRITE:
            raise ConfigurationError(
                f"others than its owner may write to {what}",
                where=POLICY_FILE,
                hint=f"Look whether it still says what it should, then: chmod go-w {name}",
            )
        if found.st_uid not in {ROOT, user}:
            raise ConfigurationError(
                f"{what} belongs to neither root nor the agent's user",
                where=POLICY_FILE,
                hint=f"Look whether it still says what it should, then: chown root {name}",
            )
