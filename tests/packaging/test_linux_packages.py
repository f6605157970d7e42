"""The agent's unit, deb and rpm, made of a small program in the bundle's place; the whole one is in test_service_cycle.py."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.app import AFTER_DRAIN_SECONDS
from agent.configuration.model import LimitsTable
from agent.configuration.places import LINUX, MARKER
from agent.setup.services import UNIT
from tests.packaging_scripts import ROOT, script

LINUX_FOLDER = ROOT / "packaging" / "linux"
MOST_EXPOSED = 15  # tenths, as systemd-analyze counts: 1.5
EPOCH = 1_767_225_600

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg here")
needs_rpm = pytest.mark.skipif(shutil.which("rpm") is None, reason="no rpm here")
needs_lintian = pytest.mark.skipif(shutil.which("lintian") is None, reason="no lintian here")


def said(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    return done.stdout


def setting(name: str) -> list[str]:
    lines = (LINUX_FOLDER / UNIT).read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the odd modes of somebody's umask, which the package must not have."""
    folder = tmp_path_factory.mktemp("bundle") / "groundwire"
    (folder / "_internal" / "certs").mkdir(parents=True)
    shutil.copy("/bin/true", folder / "groundwire")
    (folder / MARKER).write_text("groundwire\n")
    (folder / "_internal" / "certs" / "ca.pem").write_text("certificates")
    (folder / "_internal" / "certs" / "ca.pem").chmod(0o600)
    return folder


def built(program: Path, into: Path, form: str, version: str = "0.1.0") -> Path:
    made = script("linux_package").build(LINUX_FOLDER, program, into, form, version=version, epoch=EPOCH)
    assert isinstance(made, Path)
    return made


@needs_systemd
def test_the_service_has_no_right_that_it_does_not_need() -> None:
    said("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", LINUX_FOLDER / UNIT)  # fmt: skip


@needs_systemd
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    text = (LINUX_FOLDER / UNIT).read_text().replace("/opt/groundwire/groundwire", shutil.which("true") or "")
    (tmp_path / UNIT).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_waits_for_a_set_up_agent_and_then_never_gives_up() -> None:
    assert setting("ConditionPathExists") == [
        str(LINUX.config / "agent.toml"),
        str(LINUX.state / "identity.json"),
        "!/run/groundwire.upgrade",
    ]
    assert (setting("Restart"), setting("StartLimitIntervalSec")) == (["always"], ["0"])
    assert setting("Type") == ["notify"]
    assert setting("WatchdogSec") == ["120"]
    assert setting("LimitCORE") == ["0"]


def test_systemd_waits_longer_for_the_end_than_the_drain_takes() -> None:
    (limit,) = map(float, setting("TimeoutStopSec"))

    assert limit >= LimitsTable().drain.total_seconds() + AFTER_DRAIN_SECONDS


@needs_dpkg
def test_the_deb_holds_the_program_the_unit_and_no_state(program: Path, tmp_path: Path) -> None:
    deb = built(program, tmp_path, "deb")
    listed = [line.split(maxsplit=5) for line in said("dpkg-deb", "--contents", deb).splitlines()]
    modes = {one[5].split(" -> ")[0].removeprefix("."): (one[0], one[1]) for one in listed}

    assert modes["/opt/groundwire/groundwire"] == ("-rwxr-xr-x", "root/root")
    assert modes["/opt/groundwire/_internal/certs/ca.pem"] == ("-rw-r--r--", "root/root")
    assert modes["/etc/groundwire/environment"] == ("-rw-------", "root/root")
    assert f"/lib/systemd/system/{UNIT}" in modes
    assert f"/opt/groundwire/{MARKER}" in modes
    assert not [path for path in modes if path.startswith("/var")]
    said("dpkg-deb", "--control", deb, tmp_path / "control")
    assert (tmp_path / "control" / "conffiles").read_text().split() == ["/etc/groundwire/environment"]


@needs_rpm
def test_the_rpm_holds_the_same_and_keeps_the_configuration(program: Path, tmp_path: Path) -> None:
    rpm = built(program, tmp_path, "rpm")
    query = ("rpm", "--query", "--package", rpm)

    files = said(*query, "--list").split()
    assert {"/opt/groundwire/groundwire", f"/usr/lib/systemd/system/{UNIT}", "/usr/bin/groundwire"} <= set(
        files
    )
    assert said(*query, "--configfiles").split() == ["/etc/groundwire/environment"]
    assert "%preun" in said(*query, "--scripts") or "preuninstall" in said(*query, "--scripts")


@pytest.mark.parametrize("form", ["deb", "rpm"])
def test_the_same_input_gives_the_same_bytes(program: Path, tmp_path: Path, form: str) -> None:
    again = tmp_path / "elsewhere"
    shutil.copytree(program, again, copy_function=shutil.copyfile)  # other times, other modes

    one, two = (built(source, tmp_path / name, form) for source, name in ((program, "a"), (again, "b")))

    assert one.read_bytes() == two.read_bytes()


@needs_lintian
def test_lintian_finds_nothing_that_has_no_reason(program: Path, tmp_path: Path) -> None:
    found = said("lintian", "--allow-root", "--no-tag-display-limit", built(program, tmp_path, "deb"))
    serious = [line for line in found.splitlines() if line.startswith(("E:", "W:"))]

    # Of overrides that only the whole program needs.
    assert [line for line in serious if "mismatched-override" not in line] == []


def rules(names: Sequence[str]) -> dict[str, str]:
    return {name: (LINUX_FOLDER / "scripts" / name).read_text() for name in names}


def test_only_a_purge_deletes_state_and_configuration() -> None:
    scripts = rules(sorted(path.name for path in (LINUX_FOLDER / "scripts").iterdir()))
    purge, _, rest = scripts.pop("deb-postrm").partition("\nfi\n")

    assert f"{LINUX.config} {LINUX.state}" in purge
    assert 'if [ "$1" = purge ]' in purge
    others = "\n".join([rest, *scripts.values()])
    removed = {line.strip() for line in others.splitlines() if "rm -r" in line}
    assert removed == {"rm -rf /opt/groundwire.running"}  # hard links of the program
