"""What goes into the bundle and what stays out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

PACKAGES: Final = ("agent", "drivers", "relay")

# Imported by a name that no import statement says.
LOADED_BY_NAME: Final = ("arrow_odbc", "psycopg_binary", "pyodbc", "pyrfcx", "tzdata")

# Wanted beyond requirements.lock: an extra that needs no further package, and says plainly what it lacks.
FURTHER: Final = frozenset({"pyrfcx"})

# Parts of what is wanted that nothing here uses.
_UNUSED_MODULES: Final = (
    "ensurepip", "idlelib", "lib2to3", "pydoc_data", "readline", "test", "tkinter", "turtle", "turtledemo",
    "numpy.f2py", "numpy.testing", "numpy.distutils", "psycopg_c",
    "pyarrow.flight", "pyarrow.orc", "pyarrow.gandiva", "pyarrow.tests", "pyarrow.conftest", "pyarrow.cuda",
)  # fmt: skip
_UNUSED_FILES: Final = re.compile(
    r"""
    pyarrow/(include|src|tests|includes)/
  | (pyarrow/)?libarrow_(flight|s3|orc|python_flight|python_parquet_encryption)\b
  | (pyarrow/)?_(flight|s3fs|gcsfs|azurefs|hdfs|orc|dataset_orc|pyarrow_cpp_tests|parquet_encryption|dataset_parquet_encryption)\.
  | (pyarrow/)?libarrow_python\.so(\.\d+\.\d+\.\d+)?$   # copies: what is loaded is named by its first number
  | pyarrow/.*\.(pyx|pxd|pxi|h|hpp|cc)$
  | (numpy|pyarrow|lxml|psutil)/.*/tests/
  | lxml/(includes|isoschematron)/
  | .*\.(pyi|pyx|pxd)$
  | .*\.(dist|egg)-info/                                 # those of what is really inside are added by themselves
    """,
    re.VERBOSE,
)
# They must be the system's own: a database's ODBC driver is linked with them, and one process holds each once.
LEFT_TO_THE_SYSTEM: Final = (
    "libz.so",
    "libodbc.so",
    "libodbcinst.so",
    "libltdl.so",
    "libstdc++.so",
    "libgcc_s.so",
)


def modules(root: Path) -> Iterator[str]:
    """Every module of ours: many are imported only where they are used."""
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def data_files(root: Path) -> Iterator[tuple[str, str]]:
    """Each file of ours that is no code, with its folder in the bundle."""
    for package in (*PACKAGES, "config/systems"):
        for file in sorted((root / package).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".py":
                yield str(file), file.relative_to(root).parent.as_posix()


def left_out(root: Path) -> list[str]:
    """What is installed beside the wanted distributions, such as the tests' tools, and unused parts of these."""
    wanted = _locked(root / "requirements.lock") | FURTHER
    there = {_plain(one.name): one for one in metadata.distributions()}
    needed = {module for name in wanted & there.keys() for module in _top_level(there[name])}
    others = {module for name in there.keys() - wanted for module in _top_level(there[name])}
    return sorted({*_UNUSED_MODULES, *(others - needed - set(PACKAGES))})


def is_wanted(name: str) -> bool:
    """Whether a file that was found belongs into the bundle, by its place in it."""
    path = Path(name)
    return not path.name.startswith(LEFT_TO_THE_SYSTEM) and not _UNUSED_FILES.match(path.as_posix())


def distributions_of(sources: Iterable[str]) -> list[metadata.Distribution]:
    """Those from which at least one of these files came, by name."""
    files = {Path(source).resolve() for source in sources if source}
    found = {
        _plain(one.name): one
        for one in metadata.distributions()
        if any(Path(str(one.locate_file(file))).resolve() in files for file in one.files or ())
    }
    return [found[name] for name in sorted(found)]


def notes_of(one: metadata.Distribution) -> Iterator[tuple[str, str]]:
    """What of a distribution's own description goes along: its name and version, entry points and licences."""
    for file in one.files or ():
        folder = next((part for part in file.parts if part.endswith(".dist-info")), None)
        if folder is None or not _is_note(file.parts):
            continue
        inside = Path(*file.parts[file.parts.index(folder) :])
        yield inside.as_posix(), str(one.locate_file(file))


def _is_note(parts: tuple[str, ...]) -> bool:
    name = parts[-1].upper()
    return (
        name in {"METADATA", "ENTRY_POINTS.TXT"}
        or "licenses" in parts
        or name.startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS"))
    )


def _locked(file: Path) -> set[str]:
    return {
        _plain(found) for found in re.findall(r"^([A-Za-z0-9_.-]+)==", file.read_text("utf-8"), re.MULTILINE)
    }


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _top_level(one: metadata.Distribution) -> set[str]:
    """The modules that a distribution adds: the first parts of the paths of its code."""
    code = (
        file for file in one.files or () if file.suffix in {".py", ".so", ".pyd"} and ".." not in file.parts
    )
    return {file.parts[0].partition(".")[0] for file in code}
