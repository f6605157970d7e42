"""A bare Debian with systemd as its first process and no network but its own: systemd-nspawn over a folder of layers.

Below everything lies a system that debootstrap makes once, in build/machines; what a test does goes into a layer above
it, which goes with the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BROUGHT: Final = "systemd,systemd-sysv,curl,procps,iproute2,strace"
PATIENCE: Final = 300.0  # seconds that anything may take on a busy machine


def cannot(*more: str) -> str:
    """Why there can be no machine here, or none of `more`, which are commands; empty where there can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "only root makes machines"
    needed = ("systemd-nspawn", "nsenter", "debootstrap", *more)
    lacking = [name for name in needed if shutil.which(name) is None]
    return f"not here: {', '.join(lacking)}" if lacking else ""


def base(suite: str = "", *more: str) -> Path:
    """The system below, with these packages more, made where it is not there yet; GROUNDWIRE_SUITE says which."""
    suite = suite or os.environ.get("GROUNDWIRE_SUITE", "bookworm")
    return _made(suite, ".".join((suite, *more)), f"--include={','.join((BROUGHT, *more))}")


def bare(suite: str) -> Path:
    """The least that debootstrap makes: nothing but the packages without which there is no system."""
    return _made(suite, f"{suite}.bare")


def _made(suite: str, name: str, *options: str) -> Path:
    made = Path(os.environ.get("GROUNDWIRE_MACHINES", ROOT / "build" / "machines")) / name
    if not (made / "etc" / "debian_version").exists():
        half = made.with_name(f"{name}.half")
        shutil.rmtree(half, ignore_errors=True)
        half.parent.mkdir(parents=True, exist_ok=True)
        command = ["debootstrap", "--variant=minbase", *options, suite, str(half)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        half.rename(made)
    return made


@contextmanager
def layered(below: Path, work: Path) -> Iterator[Path]:
    """A folder that looks like the one below, and whose changes lie in `work`."""
    parts = {name: work / name for name in ("above", "aside", "root")}
    for part in parts.values():
        part.mkdir(parents=True)
    options = f"lowerdir={below},upperdir={parts['above']},workdir={parts['aside']}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(parts["root"])], check=True)
    try:
        yield parts["root"]
    finally:
        subprocess.run(["umount", str(parts["root"])], check=True)


class Machine:
    """A system with systemd as its first process, and what is done in it."""

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self._log = log
        self._pid = 0
        self._nspawn: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["systemd-nspawn", "--directory", str(self.root), "--boot", "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off", "--quiet"]  # fmt: skip
        with self._log.open("ab") as output:
            self._nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        nspawn = self._nspawn.pid
        eventually(lambda: _first_of(nspawn) != 0, "a first process")
        self._pid = _first_of(nspawn)
        self.until("systemctl is-system-running | grep -qE 'running|degraded'")

    def end(self, *, power_cut: bool = False) -> None:
        """As somebody who powers it off; or with nothing ended that runs in it, and nothing said."""
        if self._nspawn is None:
            return
        if power_cut:
            os.kill(self._pid, signal.SIGKILL)  # and with it everything in its namespace of processes
        else:
            self._nspawn.terminate()  # nspawn asks its systemd to power off
        try:
            self._nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn = None

    def run(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """As root's shell in it, with an environment of its own."""
        enter = ["nsenter", "--target", str(self._pid), "--all", "--root", "--wd"]
        shell = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "sh", "-euc", f"cd /root; {script}"]  # fmt: skip
        done = subprocess.run([*enter, *shell], capture_output=True, text=True, check=False, cwd="/")
        if check and done.returncode:
            raise AssertionError(f"{script}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def said(self, script: str) -> str:
        return self.run(script).stdout.strip()

    def until(self, script: str) -> None:
        """Wait for a script that ends well."""
        eventually(lambda: self.run(script, check=False).returncode == 0, script)


def by_rpm(machine: Machine, verb: str, made: Path) -> None:
    """With Debian's rpm, which knows of no other package that is there: what RHEL alone has is not tried."""
    shutil.copy(made, machine.root / "root")
    machine.run(f"rpm --nodeps {verb} /root/{made.name}")


def eventually(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.3)


@contextmanager
def booted(root: Path, log: Path) -> Iterator[Machine]:
    """systemd as the first process of `root`, until the block ends."""
    machine = Machine(root, log)
    try:
        machine.start()
        yield machine
    finally:
        machine.end()


def _first_of(nspawn: int) -> int:
    """The process of `nspawn` that is number 1 inside: systemd itself, once it is."""
    for children in Path(f"/proc/{nspawn}/task/{nspawn}").glob("children"):
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return int(pid)
    return 0


if __name__ == "__main__":
    # Before `make service-cycle`, which would find nothing to run: 1, with the reason.
    sys.exit(cannot("buildah", "gpg") or None)
