"""Has a list of hashes signed by the owner's keys. Their secret halves are read by gpg and minisign alone."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from version import Refused


@dataclass(frozen=True)
class Keys:
    """Whose signature goes on it: names, never a key or a password."""

    gpg: str | None = None  # as `gpg --local-user` takes it
    minisign: Path | None = None  # the file of the secret key

    def __bool__(self) -> bool:
        return self.gpg is not None or self.minisign is not None

    def check(self, root: Path) -> None:
        """Raises Refused: before ten minutes of building, not behind them."""
        if self.minisign is not None:
            if not self.minisign.is_file():
                raise Refused(f"{self.minisign}: there is no such key file")
            if self.minisign.resolve().is_relative_to(root.resolve()):
                raise Refused(f"{self.minisign}: a secret key has no place in the checkout")
            _is_here("minisign", "minisign")
        if self.gpg is not None:
            _is_here("gpg", "gnupg")
            asked = ["gpg", "--batch", "--list-secret-keys", self.gpg]
            if subprocess.run(asked, capture_output=True, check=False).returncode:
                raise Refused(f"gpg has no secret key of {self.gpg}")

    def sign(self, sums: Path, version: str) -> list[Path]:
        """Beside the list: SHA256SUMS.asc and SHA256SUMS.minisig. Raises Refused."""
        made = []
        if self.gpg is not None:
            made.append(sums.with_name(f"{sums.name}.asc"))
            signed = ["--armor", "--detach-sign", "--output", str(made[-1]), str(sums)]
            _run(["gpg", "--yes", "--local-user", self.gpg, *signed])
        if self.minisign is not None:
            made.append(sums.with_name(f"{sums.name}.minisig"))
            about = ["-t", f"groundwire {version}", "-m", str(sums), "-x", str(made[-1])]
            _run(["minisign", "-S", "-s", str(self.minisign), *about])
        return made


def _is_here(tool: str, package: str) -> None:
    if shutil.which(tool) is None:
        raise Refused(f"{tool} is not here; on Debian: apt-get install {package}")


def _run(command: list[str]) -> None:
    """On this terminal, where it asks for its password."""
    if code := subprocess.run(command, check=False).returncode:
        raise Refused(f"{command[0]} ended with {code} and signed nothing; what it says stands above")
