"""The bundle as it is made: whole on a system without Python, small, with papers, and its own way to its drivers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.configuration.places import LINUX, MARKER
from tests.deployment import Deployment
from tests.packaging_scripts import ROOT, script

pytestmark = [
    pytest.mark.timeout(1_800),  # it is made once, by whichever test comes first
    pytest.mark.skipif(sys.platform != "linux", reason="the bundle of Linux"),
]
MOST_BYTES = 220_000_000
MOST_OF_A_PACKAGE = 90_000_000
SELFCHECK = ("selfcheck", "--json", "--patience", "10")  # of a machine that is busy with other tests
BARE = {"PATH": "/usr/bin:/bin"}
# What every Debian and RHEL has, and nothing else: the C library with its loader, zlib, and what C++ is run with.
OF_THE_SYSTEM = (
    "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2",
    "libnss_files.so.2", "libz.so.1", "libstdc++.so.6", "libgcc_s.so.1", "libcrypt.so.1",
)  # fmt: skip
IN_A_ROOT = """
set -e
mount -t proc proc "$1/proc"
for device in null urandom; do touch "$1/dev/$device"; mount --bind "/dev/$device" "$1/dev/$device"; done
mount --bind "$2" "$1/opt/groundwire"
shift_root=$1; shift 2
exec env -i /usr/sbin/chroot "$shift_root" /opt/groundwire/groundwire "$@"
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made here, unless GROUNDWIRE_BUNDLE names one."""
    if named := os.environ.get("GROUNDWIRE_BUNDLE"):
        return Path(named)
    made = tmp_path_factory.mktemp("made") / "groundwire"
    build(made)
    return made


def build(made: Path) -> None:
    command = [sys.executable, str(ROOT / "packaging" / "build.py"), "bundle", "--bundle", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]


def said(bundle: Path, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [str(bundle / "groundwire"), *words], env=BARE, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def findings(answer: str) -> list[tuple[str, str]]:
    document = json.loads(answer)
    return [(one["code"], one["level"]) for one in document["findings"] if one["level"] != "ok"]


def bare_root(folder: Path) -> Path:
    """A system with the C library, zlib and the C++ library alone: no shell, no Python, no certificates."""
    for name in ("proc", "dev", "tmp", "opt/groundwire", "lib64", "etc", "lib"):
        (folder / name).mkdir(parents=True)
    shutil.copy("/lib64/ld-linux-x86-64.so.2", folder / "lib64")
    told = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        name, _, path = line.strip().partition(" => ")
        if name.split()[0] in OF_THE_SYSTEM and "x86-64" in name:
            shutil.copy(path, folder / "lib")
    return folder


def test_it_is_whole_on_a_system_without_python(bundle: Path, tmp_path: Path) -> None:
    """Nothing but the C and C++ libraries is there: so unixODBC is missing, which is told and is no failure."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root makes a root of its own")
    root = bare_root(tmp_path / "root")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", IN_A_ROOT, "sh", str(root), str(bundle), *SELFCHECK],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare failed" in done.stderr or "permission denied" in done.stderr.lower():
        pytest.skip(f"no mounts here: {done.stderr}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert findings(done.stdout) == [("manager.no_manager", "notice")]


def test_a_file_that_is_missing_fails_the_selfcheck(bundle: Path, tmp_path: Path) -> None:
    broken = tmp_path / "groundwire"
    shutil.copytree(bundle, broken, symlinks=True, copy_function=os.link)
    shutil.rmtree(broken / "_internal" / "config" / "systems")
    shutil.rmtree(broken / "_internal" / "tzdata" / "zoneinfo" / "Asia")

    found = findings(said(broken, *SELFCHECK, code=1))

    assert ("shipped.broken", "problem") in found
    assert ("timezones.broken", "problem") in found


def test_agent_relay_and_drivers_work_from_it(bundle: Path, tmp_path: Path) -> None:
    with FromBundle(bundle, tmp_path / "site") as site:
        site.start_agent()
        site.connect(
            "demo",
            {
                "system": "sandbox",
                "options": {"size": 20},
                "sync": {"manual": True, "initial_window": "everything"},
            },
        )
        site.wait_for_connection("demo")
        runs = site.sync("demo")

        assert {run["status"] for run in runs} == {"succeeded"}
        vendors = next(run for run in runs if run["entity"] == "vendor")
        site.wait_for("vendors", vendors["counts"]["enqueued"])


def test_a_database_is_read_through_the_systems_driver_manager(bundle: Path, tmp_path: Path) -> None:
    """pyodbc and arrow-odbc of the bundle, driver manager and driver of the system, in one process."""
    configuration = tmp_path / "configuration"
    (configuration / "connections").mkdir(parents=True)
    (configuration / "agent.toml").write_text('[agent]\nstate_dir = "state"\n')
    import sqlite3

    with sqlite3.connect(tmp_path / "erp.db") as database:
        database.execute("create table vendors (id integer primary key, name text)")
    (configuration / "connections" / "erp.toml").write_text(
        f'driver = "odbc"\n[options]\nconnection = {{ Driver = "SQLite3", Database = "{tmp_path / "erp.db"}" }}\n'
    )
    registered = Path("/etc/odbcinst.ini")
    if not registered.exists() or "[SQLite3]" not in registered.read_text():
        pytest.skip("no ODBC driver of SQLite here: apt-get install libsqliteodbc")

    told = said(bundle, "discover", "erp", "--config", str(configuration))

    assert "vendors" in told


def test_it_is_small_and_leaves_to_the_system_what_is_its_own(bundle: Path) -> None:
    files = {file.name for file in (bundle / "_internal").rglob("*")}

    assert script("bundle").size_of(bundle) < MOST_BYTES
    assert [name for name in files if name.startswith(script("contents").LEFT_TO_THE_SYSTEM)] == []
    assert files.isdisjoint(
        {"libssl.so.3", "libcrypto.so.3", "libsqlite3.so.0"}
    )  # their names belong to the system


@pytest.mark.slow
def test_a_package_of_it_is_small(bundle: Path, tmp_path: Path) -> None:
    """The deb, which is larger than the rpm."""
    made = script("linux_package").build(
        ROOT / "packaging" / "linux", bundle, tmp_path, "deb", version="9.9.9", epoch=1_767_225_600
    )

    assert made.stat().st_size <= MOST_OF_A_PACKAGE


def test_its_libraries_look_nowhere_that_the_building_machine_had_a_folder(bundle: Path) -> None:
    """Whoever could make that folder on another machine would put code into what root runs."""
    elf, made = script("elf"), script("bundle")
    looks = {path for file in made.libraries(bundle) for path in elf.search_paths(file.read_bytes())}

    assert looks
    assert [path for path in looks if not path.startswith(elf.OWN_FOLDER)] == []


def test_everything_inside_is_locked_listed_licensed_and_hashed(bundle: Path) -> None:
    contents = script("contents")
    inside = {
        folder.name.removesuffix(".dist-info").rsplit("-", 1)[0]
        for folder in (bundle / "_internal").glob("*.dist-info")
    }
    plain = {contents._plain(name) for name in inside}
    bill = json.loads((bundle / "sbom.cdx.json").read_text())
    licences = (bundle / "LICENCES.txt").read_text()

    assert plain - contents._locked(ROOT / "requirements.lock") == contents.FURTHER
    assert plain <= {contents._plain(one["name"]) for one in bill["components"]}
    assert all(one["licenses"] for one in bill["components"])
    assert [
        one["name"] for one in bill["components"] if f"\n  {one['name']} {one['version']}: " not in licences
    ] == []

    sums = dict(reversed(line.split("  ", 1)) for line in (bundle / "SHA256SUMS").read_text().splitlines())
    there = {file.relative_to(bundle).as_posix(): file for file in bundle.rglob("*") if file.is_file() and not file.is_symlink()}  # fmt: skip
    assert set(sums) == set(there) - {"SHA256SUMS"}
    for name in ("groundwire", MARKER, "LICENCES.txt"):
        assert hashlib.sha256(there[name].read_bytes()).hexdigest() == sums[name]


@pytest.mark.slow
def test_the_same_tree_gives_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    again = tmp_path / "groundwire"
    build(again)

    done = subprocess.run(
        ["diff", "-r", "--brief", str(bundle), str(again)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_an_installed_program_looks_in_the_machines_folders(bundle: Path) -> None:
    if os.geteuid() != 0 or LINUX.config.exists():
        pytest.skip("for root, on a machine where no Groundwire is configured")

    assert str(LINUX.config / "agent.toml") in said(bundle, "config", "check", code=3)


class FromBundle(Deployment):
    """A relay and an agent of the bundle, in an environment that has nothing of this Python."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        folder.mkdir()
        super().__init__(folder)
        self._bundle = bundle

    def wait_for_connection(self, name: str) -> None:
        self._await(self._agent, "connection", lambda: self._has(name))

    def _has(self, name: str) -> bool:
        status: dict[str, Any] = self.call("status")
        return any(one["name"] == name for one in status["connections"])

    def _groundwire(self, *arguments: str) -> str:
        return said(self._bundle, *arguments)

    def _spawn(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command: Sequence[str] = [str(self._bundle / "groundwire"), *arguments]
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(command, env=BARE, cwd="/", stdout=log, stderr=log)
