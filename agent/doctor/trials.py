"""Loads a native library, to see whether that works: in a process of its own, for a broken one ends whoever loads it.

python -m agent.doctor.trials odbc | sap | library PATH
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Final


def _odbc(*_: str) -> None:
    for name in ("arrow_odbc", "pyodbc"):
        importlib.import_module(name)


def _sap(*_: str) -> None:
    import pyrfcx  # noqa: PLC0415 - finds the SDK only when it is asked

    pyrfcx.sdk_version()


def _library(path: str) -> None:
    ctypes.CDLL(path)


TRIALS: Final[Mapping[str, Callable[..., None]]] = {"odbc": _odbc, "sap": _sap, "library": _library}


def main() -> int:
    name, *arguments = sys.argv[1:]
    try:
        TRIALS[name](*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a library raises is the answer
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
