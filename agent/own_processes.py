"""How this program starts itself anew, for what may not take the agent along: by module, or as a bundle by a word."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

DRIVER_HOST: Final = "driver-host"
TRIAL: Final = "try-loading"
# Each has a `main()`, which may read the words after this one in sys.argv[1:], and gives the exit code.
MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {DRIVER_HOST: "agent.hosting.child", TRIAL: "agent.doctor.trials"}
)


def command_of(work: str) -> tuple[str, ...]:
    if getattr(sys, "frozen", False):
        return (sys.executable, work)
    return (sys.executable, "-P", "-m", MODULES[work])  # -P: nothing is imported from the current folder


def python_path() -> dict[str, str]:
    """Where our own packages lie when they run from a checkout; an installed one is found without."""
    root = Path(__file__).resolve().parents[1]
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    return {} if root in installed or getattr(sys, "frozen", False) else {"PYTHONPATH": str(root)}


def run_work(words: Sequence[str]) -> int | None:
    """Do what a bundle's executable was started for with these words; None where they are an operator's command."""
    if not words or words[0] not in MODULES:
        return None
    sys.argv = [sys.argv[0], *words[1:]]
    code: int = importlib.import_module(MODULES[words[0]]).main()
    return code
