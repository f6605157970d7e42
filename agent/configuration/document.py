"""One TOML file read: its values, and the line of each key."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from agent.configuration import positions
from agent.configuration.positions import key_lines
from agent.configuration.problems import ConfigurationProblems, dotted, from_validation, place
from agent.errors import ConfigurationError
from agent.secrets import open_at_once

MAX_FILE_BYTES: Final = 1024 * 1024  # the largest mapping of one connection seen is 60 KiB

_SECRET_NAMES: Final = frozenset(
    {
        "pwd",
        "password",
        "passwd",
        "passphrase",
        "secret",
        "clientsecret",
        "token",
        "accesstoken",
        "apikey",
        "privatekey",
    }
)
_SECRET_IN_TEXT: Final = re.compile(
    r"(?:^|[;?&\s])(?:pwd|password|access_token|api_key)\s*=\s*[^;&\s]", re.IGNORECASE
)
_ENDLESS_NUMBER: Final = re.compile(r"[0-9_]{1000,}")
_TOML_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

AnyModel = TypeVar("AnyModel", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. `name` is how errors call it."""

    name: str
    content: Mapping[str, Any]
    lines: Mapping[positions.Path, int]

    def place(self, *path: str | int) -> str:
        return place(self.name, path, self.lines)

    def validate(self, model: type[AnyModel]) -> AnyModel:
        """Read the content as `model`. Raises ConfigurationProblems with everything that is wrong."""
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            problems = from_validation(error, model=model, lines=self.lines, file=self.name)
        # Outside the except block: pydantic's error holds the values, and a cause is printed with a traceback.
        raise ConfigurationProblems(problems)


def read(path: Path, *, name: str, shipped: bool = False) -> Document:
    """Read and parse a file of the operator's, or one that is shipped with the program. Raises ConfigurationError.

    Who may write the latter may write the program too: nothing is gained by asking.
    """
    try:
        with open(path, "rb", opener=open_at_once) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise ConfigurationError("is not a plain file", where=name)
            if not shipped:
                refuse_exposed(facts, path, name=name)
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror or 'unreadable'}", where=name) from error
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigurationError(f"is larger than {MAX_FILE_BYTES} bytes", where=name)
    try:
        return parse(raw.decode("utf-8-sig"), name=name)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError(
            "is not UTF-8 text", where=f"{name}:{line}", hint="Save it as UTF-8."
        ) from None


def refuse_exposed_folder(folder: Path, *, name: str) -> None:
    """Raises ConfigurationError."""
    try:
        facts = folder.stat()
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror or 'unreadable'}", where=name) from error
    refuse_exposed(facts, folder, name=name)


def refuse_exposed(facts: os.stat_result, path: Path, *, name: str) -> None:
    """Whoever writes a file, or puts another one in its place, says to whom the credentials are shown.

    Raises ConfigurationError. A group is others unless it is the owner's own: many systems make files writable for that.
    A folder in which everybody may add files of their own (the sticky bit) is no exception: a connection is such a file.
    """
    if os.name != "posix":
        return  # who may write is in the folder's access list there
    mode = facts.st_mode
    if mode & stat.S_IWOTH or (mode & stat.S_IWGRP and not _is_own_group(facts)):
        words = "chmod -R go-w" if stat.S_ISDIR(mode) else "chmod go-w"
        raise ConfigurationError(
            "others than its owner may write to it",
            where=name,
            hint=f"Look whether it still says what it should, then: {words} {shlex.quote(str(path))}",
        )


def _is_own_group(facts: os.stat_result) -> bool:
    """A group that has the user's name and is its main one, as systems make it that let groups write (umask 002)."""
    if sys.platform == "win32":
        return True  # there are no such groups
    import grp  # noqa: PLC0415 - exist on Unix only
    import pwd  # noqa: PLC0415

    try:
        owner, group = pwd.getpwuid(facts.st_uid), grp.getgrgid(facts.st_gid)
    except KeyError:  # numbers without names, as in a container
        return facts.st_uid == facts.st_gid
    return owner.pw_gid == facts.st_gid and owner.pw_name == group.gr_name


def parse(text: str, *, name: str) -> Document:
    try:
        return Document(name, tomllib.loads(text), key_lines(text.replace("\r\n", "\n")))
    except tomllib.TOMLDecodeError as error:
        raise _syntax_problem(str(error), text, name) from None
    except ValueError:  # Python reads no integer of so many digits
        found = _ENDLESS_NUMBER.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 1
        raise ConfigurationError("has a number that is too long", where=f"{name}:{line}") from None
    except RecursionError:
        raise ConfigurationError("nests too deep", where=name) from None


def _syntax_problem(message: str, text: str, name: str) -> ConfigurationError:
    found = _TOML_PLACE.search(message)
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    sentence = message[: found.start()] if found else message
    return ConfigurationError(
        f"is not TOML: {sentence}", where=f"{name}:{line}", hint="Texts stand in quotes; see https://toml.io."
    )


def literal_secrets(document: Document) -> list[ConfigurationError]:
    """Find options that look like a secret written out. The errors do not repeat it.

    `secret = "NAME"` is none where NAME stands under [secrets]: that is how a driver's options name one.
    """
    options = document.content.get("options")
    named = document.content.get("secrets")
    names = frozenset(named) if isinstance(named, Mapping) else frozenset()
    return [
        ConfigurationError(
            f'"{dotted(path)}" looks like a secret',
            where=document.place(*path),
            hint="Write it in [secrets] as a reference: env:NAME, file:/absolute/path or secret:NAME.",
        )
        for path, value in _leaves(options, ("options",))
        if value and _looks_secret(path, value) and not (path[-1] == "secret" and value in names)
    ]


def _looks_secret(path: positions.Path, value: str) -> bool:
    name = re.sub(r"[^a-z]", "", str(path[-1]).lower())
    return name in _SECRET_NAMES or bool(_SECRET_IN_TEXT.search(value))


def _leaves(value: Any, path: positions.Path) -> Iterator[tuple[positions.Path, str]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _leaves(below, (*path, index))
    elif isinstance(value, str):
        yield path, value
