"""A Windows for tests where there is none: Wine.

It shows that the program runs with Windows' Python, libraries, installer and service manager's protocol. It shows nothing
of accounts, access lists, recovery and the encryption of a real one (docs/install-windows.md).
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

WANTED: Final = ("wine", "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-objdump", "wixl")
LIBRARIES: Final = Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows")
SERVICE_ANSWERS_MS: Final = 900_000  # Wine's own 10 s are less than an interpreter needs on a busy machine
QUIET_SECONDS: Final = 0.5

# Wine 8 has no ProcessPrng, which every library written in Rust asks for, and aborts in what numpy asks of complex numbers.
RANDOM: Final = """
#include <windows.h>
typedef BOOLEAN (WINAPI *generate_t)(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
    generate_t generate = (generate_t)GetProcAddress(LoadLibraryA("advapi32.dll"), "SystemFunction036");
    return generate != NULL && generate(bytes, (ULONG)count);
}
"""
COMPLEX: Final = """
typedef struct { float real, imaginary; } single_complex;
typedef struct { double real, imaginary; } double_complex;
float real_of_single(single_complex z) { return z.real; }
float imaginary_of_single(single_complex z) { return z.imaginary; }
double real_of_double(double_complex z) { return z.real; }
double imaginary_of_double(double_complex z) { return z.imaginary; }
"""
OURS: Final = {
    "crealf": "real_of_single",
    "cimagf": "imaginary_of_single",
    "creall": "real_of_double",
    "cimagl": "imaginary_of_double",
    "cimag": "imaginary_of_double",
}
BUILTIN: Final = b"Wine builtin DLL"  # at byte 64; without it a library is loaded as any other


def cannot() -> str:
    """Why there is no Wine to be had here; empty where there is."""
    if not os.environ.get("GROUNDWIRE_WINDOWS"):
        return "make windows"
    missing = [one for one in WANTED if shutil.which(one) is None]
    return f"no {', '.join(missing)}: .ci/debian-packages.sh windows" if missing else ""


class Wine:
    """One system drive and what runs on it, until its end."""

    def __init__(self, prefix: Path) -> None:
        self.drive = prefix / "drive_c"
        self._prefix = prefix
        self._lasting: subprocess.Popen[bytes] | None = None
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        self._environment = {
            **kept, "WINEPREFIX": str(prefix), "WINEARCH": "win64", "WINEDEBUG": "-all", "DISPLAY": "",
            "WINEDLLOVERRIDES": "ucrtbase=n;mscoree,mshtml=", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._server("wineboot", "--init")
        self._server("wineserver", "--wait")
        _add_libraries(self.drive / "windows" / "system32")
        registry = self._prefix / "system.reg"
        with registry.open(
            "a", encoding="utf-8"
        ) as file:  # read at the next start; a command would be a start
            file.write(
                "\n[System\\\\CurrentControlSet\\\\Control]\n"
                f'"ServicesPipeTimeout"="{SERVICE_ANSWERS_MS}"\n'
                "\n[Software\\\\Microsoft\\\\Windows NT\\\\CurrentVersion\\\\AeDebug]\n"
                '"Auto"="1"\n"Debugger"="C:\\\\nothing.exe"\n'  # or a crash waits for a debugger
            )
        # Wine ends its services soon after the last program.
        self._lasting = subprocess.Popen(
            ["bash", "-c", "wine cmd 2>&1 | cat >/dev/null"],
            env=self._environment, cwd=self.drive, stdin=subprocess.PIPE,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(subprocess.SubprocessError):
            self._server("wineserver", "--kill")
        if self._lasting is not None:
            self._lasting.communicate()

    def start(self, *words: str, said: Path, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        """What it says goes to `said`, through a pipe: Wine cannot write to a file there."""
        with said.open("wb") as file:
            return subprocess.Popen(
                ["bash", "-c", 'set -o pipefail; "$@" </dev/null 2>&1 | cat', "wine", "wine", *words],
                env=self._environment, cwd=cwd or self.drive, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def run(self, *words: str, seconds: float, cwd: Path | None = None, code: int | None = 0) -> str:
        """What it says, without its errors. `code`: the lowest eight bits of what it has to end with; None: whichever."""
        process = subprocess.Popen(
            ["wine", *words], env=self._environment, cwd=cwd or self.drive, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        told = _heard(process.stdout), _heard(process.stderr)
        try:
            process.wait(seconds)
        finally:
            process.kill()
            said, errors = (one() for one in told)
        assert code in {process.returncode, None}, f"{words}: {process.returncode}\n{said}\n{errors}"
        return said

    def _server(self, *words: str) -> None:
        subprocess.run(
            words, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=900, check=False,
        )  # fmt: skip


def _heard(pipe: IO[bytes] | None) -> Callable[[], str]:
    """All that a program says, once it has ended: not until nobody holds its pipe, for Wine's own desktop goes on doing so."""
    assert pipe is not None
    parts: list[bytes] = []
    ended = threading.Event()

    def listen() -> None:
        with pipe:
            while True:
                last = ended.is_set()
                if select.select([pipe], [], [], QUIET_SECONDS)[0]:
                    if not (part := os.read(pipe.fileno(), 65_536)):
                        return
                    parts.append(part)
                elif last:
                    return

    thread = threading.Thread(target=listen)
    thread.start()

    def said() -> str:
        ended.set()
        thread.join()
        return b"".join(parts).decode("utf-8", "replace")

    return said


def windows_path(path: Path) -> str:
    return "Z:" + str(path.absolute()).replace("/", "\\")


def _add_libraries(system: Path) -> None:
    work = system / "made"
    work.mkdir()
    (work / "random.c").write_text(RANDOM)
    _compile("-shared", "-O2", "-o", str(system / "bcryptprimitives.dll"), str(work / "random.c"))
    (work / "complex.c").write_text(COMPLEX)
    original = LIBRARIES / "ucrtbase.dll"
    said = subprocess.run([WANTED[2], "-p", str(original)], capture_output=True, text=True, check=True).stdout
    names = re.findall(
        r"^\t\[\s*\d+\] (\S+)$", said.partition("[Ordinal/Name Pointer] Table")[2], re.MULTILINE
    )
    exports = [f"  {name} = {OURS.get(name, f'ucrtwine.{name}')}" for name in names]
    (work / "ucrtbase.def").write_text("\n".join(["LIBRARY ucrtbase", "EXPORTS", *exports]) + "\n")
    _compile(
        *("-shared", "-nostdlib", "-e", "0", "-fno-builtin", "-O2", "-o", str(work / "ucrtbase.dll")),
        *(str(work / "complex.c"), str(work / "ucrtbase.def")),
    )
    raw = original.read_bytes()
    end = 64 + len(BUILTIN)
    assert raw[64:end] == BUILTIN
    (system / "ucrtwine.dll").write_bytes(raw[:64] + bytes(len(BUILTIN)) + raw[end:])
    (system / "ucrtbase.dll").unlink(missing_ok=True)
    (work / "ucrtbase.dll").rename(system / "ucrtbase.dll")


def _compile(*words: str) -> None:
    subprocess.run([WANTED[1], *words], check=True)
