"""One target under atheris, in a process of its own: `python -m tests.fuzz.engine NAME FOLDER... [-libfuzzer=options]`."""

from __future__ import annotations

import sys
import warnings

import atheris

WATCHED = ["agent", "drivers", "relay"]  # where new branches count as progress


def main(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=WATCHED):
        from tests.fuzz.registry import target

        chosen = target(arguments[1])
    atheris.Setup([arguments[0], *arguments[2:]], chosen.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
