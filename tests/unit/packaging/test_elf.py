"""What native libraries need of the C library, and the names that the bundle gives to those of the build's system."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging_scripts import script

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None or shutil.which("readelf") is None,
    reason="needs a C compiler on Linux",
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Linked with another one, `libother.so.3`, and with the C library."""
    (tmp_path / "other.c").write_text("int other(void) { return 7; }\n")
    (tmp_path / "one.c").write_text(
        '#include <stdio.h>\nint other(void);\nint one(void) { return puts("") + other(); }\n'
    )
    for words in (
        "-shared -fPIC -Wl,-soname,libother.so.3 -o libother.so.3 other.c",
        "-shared -fPIC -Wl,-soname,libone.so -o libone.so one.c ./libother.so.3",
    ):
        subprocess.run(["gcc", *words.split()], cwd=tmp_path, check=True)
    return tmp_path / "libone.so"


def test_a_library_is_looked_for_by_its_new_name_and_still_works(library: Path) -> None:
    elf = script("elf")
    names = {"libother.so.3": "gw_other.so.3"}
    for file in (library, library.with_name("libother.so.3")):
        file.write_bytes(elf.renamed(file.read_bytes(), names))
    library.with_name("libother.so.3").rename(library.with_name("gw_other.so.3"))

    told = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    assert "[gw_other.so.3]" in told
    assert "libother" not in told

    done = subprocess.run(
        [sys.executable, "-c", f"import ctypes; print(ctypes.CDLL({str(library)!r}).one() > 6)"],
        env={"LD_LIBRARY_PATH": str(library.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True"], done.stderr


def test_a_library_looks_beside_itself_and_nowhere_that_its_builder_had_a_folder(library: Path) -> None:
    elf, folder = script("elf"), library.parent
    for name, looks in (
        ("foreign", "/home/builder/lib"),
        ("beside", "$ORIGIN"),
        ("both", "$ORIGIN:/home/builder/lib"),
    ):
        words = f"gcc -shared -fPIC -Wl,-rpath,{looks} -o {name}.so one.c ./libother.so.3"
        subprocess.run(words.split(), cwd=folder, check=True)
    foreign, beside, both = ((folder / f"{name}.so").read_bytes() for name in ("foreign", "beside", "both"))

    (folder / "foreign.so").write_bytes(elf.without_foreign_paths(foreign))

    assert (elf.search_paths(foreign), elf.search_paths(beside)) == (["/home/builder/lib"], ["$ORIGIN"])
    told = subprocess.run(
        ["readelf", "-d", str(folder / "foreign.so")], capture_output=True, text=True, check=True
    )
    assert "PATH" not in told.stdout
    assert "libother.so.3" in told.stdout
    assert told.stderr == ""
    assert elf.without_foreign_paths(beside) == beside
    with pytest.raises(ValueError, match="both beside itself and elsewhere"):
        elf.without_foreign_paths(both)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import ctypes; print(ctypes.CDLL({str(folder / 'foreign.so')!r}).one() > 6)",
        ],
        env={"LD_LIBRARY_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True"], done.stderr


def test_the_newest_c_library_that_is_needed_is_known_and_a_newer_one_refused(library: Path) -> None:
    elf, bundle = script("elf"), script("bundle")
    needed = elf.glibc_needed(library)
    told = subprocess.run(["readelf", "-V", str(library)], capture_output=True, text=True, check=True).stdout

    assert f"GLIBC_{'.'.join(map(str, needed))}" in told
    bundle.refuse_newer(library.parent, needed)
    with pytest.raises(ValueError, match="needs glibc"):
        bundle.refuse_newer(library.parent, (2, 0))
