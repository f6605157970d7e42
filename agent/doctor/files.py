"""Who may read and write the files of this installation: the configuration, the state folder, and the secrets' files."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.audit.who import user_name
from agent.beside import beside
from agent.configuration.document import refuse_exposed
from agent.configuration.load import AGENT_FILE, CONNECTIONS
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.errors import ConfigurationError
from agent.findings import Level
from agent.policy.model import POLICY_FILE

MAX_FILES: Final = 2_000  # of the state folder; the audit log is the most of them
_OTHERS: Final = 0o077
_POSIX: Final = os.name == "posix"

KNOWN: Final = (
    Known(
        "files.exposed",
        Level.PROBLEM,
        "Others on this host can read what only the agent's user may read: keys, secrets, records that wait",
        "Close it with the `chmod` that is named. If somebody may have read a key or a secret, set it anew.",
    ),
    Known(
        "files.writable",
        Level.PROBLEM,
        "Others can write to the configuration, and so decide to whom credentials are shown; it is not read",
        "Look whether it still says what it should, then close it with the `chmod` that is named.",
    ),
    Known(
        "files.owner",
        Level.PROBLEM,
        "A file of the state folder belongs to another user than the folder, mostly after a command was run as root",
        "Give it to the owner of the folder with the `chown` that is named.",
    ),
    Known(
        "files.unreadable",
        Level.PROBLEM,
        "The user that the agent runs as cannot read a file that it needs",
        "Let that user read it, with the `chgrp` and `chmod` that are named, or make it the owner.",
    ),
    Known(
        "files.missing",
        Level.NOTICE,
        "There is no state folder yet: no agent has run here, or it has another folder",
        "Nothing to do before the first start; else compare [agent] state_dir with what the service uses.",
    ),
)


async def check_files(installation: Installation, told: Told) -> None:
    if not _POSIX:
        return  # access lists decide there: docs/secrets.md
    await beside(lambda: _look(installation, told), name="files")


def _look(installation: Installation, told: Told) -> None:
    _configuration(installation, told)
    _state(installation, told)
    _secret_files(installation, told)


def _configuration(installation: Installation, told: Told) -> None:
    folder = installation.config_dir
    for path in (
        folder,
        folder / AGENT_FILE,
        folder / CONNECTIONS,
        *sorted((folder / CONNECTIONS).glob("*.toml")),
    ):
        try:
            facts = path.stat()
            refuse_exposed(facts, path, name=str(path))
        except FileNotFoundError:
            continue  # `configuration` says so where it matters
        except OSError as error:
            told.found("unreadable", str(path), error.strerror or "cannot be looked at")
        except ConfigurationError as error:
            told.found("writable", str(path), error.message, evidence=_words(facts), next_step=error.hint)
        else:
            _readable(path, facts, installation, told)
    policy = folder / POLICY_FILE
    if policy.exists():
        _readable(policy, policy.stat(), installation, told)
    told.fine(str(folder), "the files of the configuration were looked at")


def _readable(path: Path, facts: os.stat_result, installation: Installation, told: Told) -> None:
    """Whether the agent's user may read it, as far as owner and group say."""
    agent = agent_user(installation)
    if agent is None or agent == 0 or _may_read(facts, agent):
        return
    told.found(
        "unreadable",
        str(path),
        f"{user_name(agent)}, as whom the agent runs, cannot read it",
        evidence=_words(facts),
        next_step=f"`chgrp {_group_of(agent)} {path}`, then `chmod g+r{'x' if path.is_dir() else ''} {path}`",
    )


def _may_read(facts: os.stat_result, user: int) -> bool:
    if sys.platform == "win32":
        return True
    import pwd  # noqa: PLC0415 - exists on Unix only

    wanted = 0o5 if stat.S_ISDIR(facts.st_mode) else 0o4
    if facts.st_uid == user:
        return facts.st_mode >> 6 & wanted == wanted
    try:
        entry = pwd.getpwuid(user)
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    except (KeyError, OSError):
        return True  # a number without a name: nobody knows its groups
    if facts.st_gid in groups:
        return facts.st_mode >> 3 & wanted == wanted
    return facts.st_mode & wanted == wanted


def _group_of(user: int) -> str:
    if sys.platform == "win32":
        return str(user)
    import grp  # noqa: PLC0415 - exist on Unix only
    import pwd  # noqa: PLC0415

    try:
        return grp.getgrgid(pwd.getpwuid(user).pw_gid).gr_name
    except KeyError:
        return str(user)


def _state(installation: Installation, told: Told) -> None:
    folder = installation.state_dir
    if folder is None:
        return
    try:
        facts = folder.stat()
    except FileNotFoundError:
        told.found("missing", str(folder), "there is no state folder")
        return
    except OSError as error:
        told.found("unreadable", str(folder), error.strerror or "cannot be looked at")
        return
    if facts.st_mode & _OTHERS:
        told.found(
            "exposed",
            str(folder),
            "others may look into the state folder",
            evidence=_words(facts),
            next_step=f"`chmod 700 {folder}`",
        )
    count = 0
    for path, found in _below(folder):
        count += 1
        _judge_state(path, found, facts.st_uid, told)
    told.fine(str(folder), f"{count} files of the state folder were looked at", _words(facts))


def _below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    looked = 0
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(place, name)
            looked += 1
            if looked > MAX_FILES:
                return
            try:
                yield path, path.lstat()
            except OSError:
                continue  # gone meanwhile


def _judge_state(path: Path, facts: os.stat_result, owner: int, told: Told) -> None:
    if stat.S_ISLNK(facts.st_mode):
        return
    if facts.st_mode & _OTHERS and not path.name.endswith(".pub"):
        told.found(
            "exposed",
            str(path),
            "others on this host may read it" if facts.st_mode & 0o044 else "others may write or run it",
            evidence=_words(facts),
            next_step=f"`chmod 600 {path}`. If others may have read a key or secret in it, set it anew.",
        )
    if facts.st_uid != owner:
        told.found(
            "owner",
            str(path),
            f"it belongs to {user_name(facts.st_uid)}, and the state folder to {user_name(owner)}",
            evidence=_words(facts),
            next_step=f"`chown {user_name(owner)} {path}`",
        )


def _secret_files(installation: Installation, told: Told) -> None:
    settings = installation.settings
    references = {
        Path(reference.name): f"{connection.where}: secrets.{name}"
        for connection in installation.connections
        for name, reference in connection.secrets.items()
        if reference.kind == "file"
    }
    password = settings.relay.proxy_password if settings is not None else None
    if password is not None and password.kind == "file":
        references[Path(password.name)] = "agent.toml: relay.proxy_password"
    for path, where in references.items():
        try:
            facts = path.stat()
        except OSError:
            continue  # `credentials` says so
        if facts.st_mode & _OTHERS:
            told.found(
                "exposed",
                where,
                f"others may read the secret in {path}; it is not used",
                evidence=_words(facts),
                next_step=f"`chmod 600 {path}`, and set another secret if somebody may have read this one.",
            )


def agent_user(installation: Installation) -> int | None:
    """The user that the agent runs as: the owner of its state folder. None: nobody knows yet."""
    try:
        return installation.state_dir.stat().st_uid if installation.state_dir and _POSIX else None
    except OSError:
        return None


def _words(facts: os.stat_result) -> str:
    return f"mode {stat.S_IMODE(facts.st_mode):03o}, owner {user_name(facts.st_uid)}"


CHECK: Final = Check("files", "who may read and write configuration, state and secrets", check_files, KNOWN)
