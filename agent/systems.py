"""What is known of each system, as data: `config/systems/NAME/*.toml`, merged under a connection file.

The files of a folder together are one profile; each is written like a connection file, and none repeats another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent.configuration import document
from agent.configuration.model import ConnectionFile
from agent.configuration.problems import ConfigurationProblems, dotted, problems_of
from agent.errors import ConfigurationError

SHIPPED: Final = Path(__file__).resolve().parent.parent / "config" / "systems"


def folders(config_dir: Path | None = None) -> tuple[Path, ...]:
    """Where profiles are looked for: the operator's own first."""
    return (config_dir / "systems", SHIPPED) if config_dir is not None else (SHIPPED,)


def known(config_dir: Path | None = None) -> tuple[str, ...]:
    """Names of the systems that a connection file may give."""
    names = {path.parent.name for folder in folders(config_dir) for path in folder.glob("*/*.toml")}
    return tuple(sorted(names))


def profile(system: str, *, config_dir: Path | None = None) -> dict[str, Any]:
    """Read a system's profile. Raises ConfigurationError for an unknown system or a wrong file."""
    files: list[Path] = []
    shipped = False
    for folder in folders(config_dir):
        if files := sorted((folder / system).glob("*.toml")):
            shipped = folder == SHIPPED
            break
    if not files:
        raise ConfigurationError(
            f"there is no system named {system!r}",
            hint=f"Known systems: {', '.join(known(config_dir)) or 'none'}.",
        )
    if not shipped:
        for folder, name in ((files[0].parent.parent, "systems/"), (files[0].parent, f"systems/{system}/")):
            document.refuse_exposed_folder(folder, name=name)
    merged: dict[str, Any] = {}
    problems: list[ConfigurationError] = []
    for file in files:
        try:
            read = document.read(file, name=f"systems/{system}/{file.name}", shipped=shipped)
            read.validate(ConnectionFile)
            _join(merged, read.content, (), read.name)
        except ConfigurationError as error:
            problems += problems_of(error)
    if problems:
        raise ConfigurationProblems(problems)
    return merged


def _join(into: dict[str, Any], table: Mapping[str, Any], path: tuple[str, ...], file: str) -> None:
    for key, value in table.items():
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            _join(into.setdefault(key, {}), value, (*path, key), file)
        elif key in into and into[key] != value:
            raise ConfigurationError(
                f'"{dotted((*path, key))}" stands in another file of this system too', where=file
            )
        else:
            into[key] = value
