"""Which tests to run first for a change: those that stand nearest to it.

A test file is as far from a changed module as the chain of imports between them is long, its own folder's fixtures and
helpers included; a unit test in the folder that mirrors the module's is one step nearer. What starts whole processes
comes later than what is as near and does not. Files that no import leads from come last: nothing is left out.
"""

from __future__ import annotations

import ast
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOMS: Final = ("agent", "drivers", "relay", "tests")
_STEPS_LATER: Final = {"unit": 0, "protocol": 0, "system": 2}  # by folder of `tests`
_ELSEWHERE: Final = 1
_UNREACHED: Final = 100


class Neighbourhood:
    def __init__(self, tree: Path) -> None:
        self._tests = [
            place
            for path in _sources(tree / "tests")
            # A test of the patches themselves fails wherever one is planted.
            if path.name.startswith("test_") and (place := path.relative_to(tree)).parts[1] != "bugs"
        ]
        modules = {_module(path.relative_to(tree)): path for room in ROOMS for path in _sources(tree / room)}
        self._importers = _importers(modules)

    def tests_of(self, changed: Collection[str]) -> list[str]:
        """Every test file of the tree, the nearest to these files first."""
        steps = _steps([_module(Path(path)) for path in changed], self._importers)
        mirrored = {Path("tests/unit") / Path(path).parent for path in changed}
        mirrored |= {Path("tests/unit", *Path(path).parent.parts[1:]) for path in changed}  # the agent's own

        def distance(test: Path) -> int:
            later = _STEPS_LATER.get(test.parts[1], _ELSEWHERE)
            return steps.get(_module(test), _UNREACHED) + later - (test.parent in mirrored)

        return [str(test) for test in sorted(self._tests, key=lambda test: (distance(test), test))]


def _sources(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.py"))


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _importers(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """For each module the modules that import it."""
    importers: dict[str, set[str]] = defaultdict(set)
    for name, path in modules.items():
        for imported in _imports(path):
            known = imported if imported in modules else imported.rpartition(".")[0]
            if known in modules:
                importers[known].add(name)
        if path.name == "conftest.py":  # its fixtures reach every test below without an import
            below = name.rpartition(".")[0] + "."
            importers[name] |= {other for other in modules if other.startswith(below) and other != name}
    return importers


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{one.name}" for one in node.names)


def _steps(changed: Collection[str], importers: Mapping[str, Collection[str]]) -> dict[str, int]:
    steps = dict.fromkeys(changed, 0)
    waiting = deque(changed)
    while waiting:
        name = waiting.popleft()
        for importer in importers.get(name, ()):
            if importer not in steps:
                steps[importer] = steps[name] + 1
                waiting.append(importer)
    return steps
