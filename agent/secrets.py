"""Secrets: a type that never shows its value, references to where values live, and redaction.

A secret is resolved as late as possible and handed on as a `Secret`; only `reveal()` gives the value. The encrypted
store behind `secret:NAME` is the vault (agent/vault/); plain files are guarded by their permissions alone.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import quote, quote_plus

from agent.errors import ConfigurationError

MASK: Final = "***"
MAX_SECRET_BYTES: Final = 64 * 1024  # a certificate chain with its key is below 20 KiB
MIN_REDACTED_CHARS: Final = 4  # masking shorter values would riddle every line and tell their length
_NAME_PATTERN: Final = "[A-Za-z0-9][A-Za-z0-9._-]*"
REFERENCE_PATTERN: Final = (
    rf"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+|file:[A-Za-z]:[\\/].+|secret:{_NAME_PATTERN})$"
)

_REFERENCE: Final = re.compile(REFERENCE_PATTERN)
_NAME: Final = re.compile(rf"^{_NAME_PATTERN}\Z")
_NOT_A_REFERENCE: Final = "a secret is written as a reference, env:NAME, file:/absolute/path or secret:NAME, never as the value itself"


class Secret:
    """A credential; shows as *** everywhere except in `reveal()`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the value

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret lives; `env:NAME`, `file:/path` or `secret:NAME`. Safe to show."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: object) -> SecretRef:
        """Read a reference. The error never repeats `text`: it may be the secret itself."""
        if isinstance(text, SecretRef):
            return text
        if not isinstance(text, str) or not _REFERENCE.match(text):
            raise ValueError(_NOT_A_REFERENCE)
        kind, _, name = text.partition(":")
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def is_secret_name(text: str) -> bool:
    """Whether `secret:TEXT` is a reference."""
    return _NAME.match(text) is not None


def resolve(
    ref: SecretRef,
    *,
    state_dir: Path,
    where: str = "",
    environ: Mapping[str, str] | None = None,
    vault: Callable[[str], Secret | None] = lambda _: None,
) -> Secret:
    """Fetch the value a reference points to, and teach the redaction to mask it.

    `secret:NAME` is looked up as a systemd credential, then in the vault, then as a plain file. Raises
    ConfigurationError, with `where` as its place, when there is none or others may read it.
    """
    variables = os.environ if environ is None else environ
    try:
        value = _fetch(ref, state_dir, variables, vault)
    except OSError as error:
        raise ConfigurationError(
            f"the secret {ref} cannot be read: {error.strerror or 'unreadable'}",
            where=where,
            hint=_hint(ref),
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"the secret {ref} {error}", where=where, hint=_hint(ref)) from None
    secret = Secret(value)
    learn(secret)
    return secret


_HINTS: Final[Mapping[str, str]] = {
    "env": "Set the variable for the process that runs the agent (systemd: Environment= or EnvironmentFile=).",
    "file": "Create the file, owned by the agent's user, with `chmod 600`.",
    "secret": "Set it with `groundwire secret set {name}`, or hand it over as a systemd credential (LoadCredential=).",
}


def _hint(ref: SecretRef) -> str:
    return _HINTS[ref.kind].replace("{name}", ref.name)


def credential_file(name: str, environ: Mapping[str, str]) -> Path | None:
    """The systemd credential of that name, where the service has one: it comes before everything else."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / name if folder else None
    return path if path is not None and path.is_file() else None


def plain_file(name: str, state_dir: Path) -> Path:
    """Where `secret:NAME` is looked up when neither systemd nor the vault has it."""
    return state_dir / "secrets" / name


def secret_files(ref: SecretRef, state_dir: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files whose change may give the reference another value; whether they are there or not."""
    if ref.kind == "file":
        return (Path(ref.name),)
    if ref.kind == "env":
        return ()
    folder = environ.get("CREDENTIALS_DIRECTORY")
    handed_over = (Path(folder) / ref.name,) if folder else ()
    return (*handed_over, plain_file(ref.name, state_dir))


def _fetch(
    ref: SecretRef, state_dir: Path, environ: Mapping[str, str], vault: Callable[[str], Secret | None]
) -> str:
    if ref.kind == "env":
        if not environ.get(ref.name):
            raise ValueError("is not set")
        return _text_of(os.fsencode(environ[ref.name]))
    if ref.kind == "file":
        return _read_private(Path(ref.name))
    credential = credential_file(ref.name, environ)
    if credential is not None:
        # systemd keeps this folder closed to everybody else; its files are 0440 or 0400 by its own design.
        return _read_private(credential, check_mode=False)
    kept = vault(ref.name)
    if kept is not None:
        return kept.reveal()
    try:
        return _read_private(plain_file(ref.name, state_dir))
    except FileNotFoundError:
        raise ValueError("is not set") from None


def open_at_once(name: str, flags: int) -> int:
    """Open without waiting: somebody's named pipe in the place of a file must not hold the agent."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _read_private(path: Path, *, check_mode: bool = True) -> str:
    with open(path, "rb", opener=open_at_once) as file:
        facts = os.fstat(file.fileno())  # of the open file: a name could be swapped between look and read
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("is not a plain file")
        if check_mode and sys.platform != "win32" and facts.st_mode & 0o077:
            raise ValueError(f"can be read by other users (mode {facts.st_mode & 0o777:o})")
        content = file.read(MAX_SECRET_BYTES + 1)
    if len(content) > MAX_SECRET_BYTES:
        raise ValueError(f"is larger than {MAX_SECRET_BYTES} bytes")
    value = _text_of(content).removesuffix("\n").removesuffix("\r")
    if not value:
        raise ValueError("is empty")
    return value


def _text_of(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None


class Redaction:
    """Masks the secret values it has learned, in their plain and their encoded forms.

    The second line of defence: the first is that a `Secret` never prints itself.
    """

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._learning = threading.Lock()  # secrets are read on several threads, and none may be forgotten

    def learn(self, secret: Secret) -> None:
        with self._learning:
            forms = {*self._forms, *forms_of(secret.reveal())}
            # Longest first: a secret that contains another one is masked whole.
            self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def redact(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text


def forms_of(value: str) -> set[str]:
    """The texts in which a secret gets about: as it is, escaped, encoded, and inside of what was encoded whole."""
    forms = {value, quote(value), quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
    forms.add(json.dumps(value, ensure_ascii=False)[1:-1])
    raw = value.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms |= {encode(raw).decode().rstrip("="), *(_within(encode, raw, before) for before in range(3))}
    # A line of several lines (a key file) is also masked line by line: logs split at line ends.
    forms |= {line for line in value.splitlines() if len(line) >= 16}  # noqa: PLR2004 - shorter lines are ordinary words
    return {form for form in forms if len(form) >= MIN_REDACTED_CHARS}


def _within(encode: Callable[[bytes], bytes], raw: bytes, before: int) -> str:
    """The characters that Base64 of a longer text, such as `user:password`, has for these bytes wherever they stand in it.

    `before`: how many bytes of a group of three come first. Up to one character at either end is shared with others.
    """
    text = encode(bytes(before) + raw + bytes(2)).decode()
    return text[-(-8 * before // 6) : 8 * (before + len(raw)) // 6]


REDACTION: Final = Redaction()  # one per process: every secret this process resolved


def learn(secret: Secret) -> None:
    """Have the value masked from now on, wherever it may appear."""
    REDACTION.learn(secret)


def redact(text: str) -> str:
    """Mask every secret value that this process has resolved."""
    return REDACTION.redact(text)
