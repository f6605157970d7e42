"""The targets by name, and the inputs that are kept for each."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import targets

KEPT = Path(__file__).with_name("corpus")
NAMES = tuple(sorted(each.name for each in pkgutil.iter_modules(targets.__path__)))


@dataclass(frozen=True)
class Target:
    name: str
    seeds: Callable[[], Iterable[bytes]]
    feed: Callable[[bytes], None]

    @property
    def folder(self) -> Path:
        return KEPT / self.name

    def kept(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*") if path.is_file())

    def beginnings(self) -> list[bytes]:
        """The seeds and what is kept, each once, in an order that does not change."""
        return list(dict.fromkeys([*self.seeds(), *(path.read_bytes() for path in self.kept())]))


def target(name: str) -> Target:
    module = importlib.import_module(f"{targets.__name__}.{name}")
    return Target(name, module.seeds, module.feed)
