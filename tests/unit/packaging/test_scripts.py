"""What the agent's packages do around an exchange of the program: their own scripts, in a tree of folders of the test's."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging_scripts import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts of a shell")
SCRIPTS = ROOT / "packaging" / "linux" / "scripts"
BEFORE = {"deb": ("deb-prerm", "upgrade"), "rpm": ("rpm-pre", "2")}
AFTER = {"deb": ("deb-postinst", "configure"), "rpm": ("rpm-post", "2")}
GONE = {"deb": ("deb-prerm", "remove"), "rpm": ("rpm-preun", "0")}
NOTED = '#!/bin/sh\necho "$(basename "$0") $*" >> "$NOTES"\n'
SYSTEMCTL = f"""{NOTED}
case "$1" in
  is-active) echo "$STANDS"; [ "$STANDS" = active ] ;;
  show) echo 4711 ;;
  start | restart) [ ! -e "$(dirname "$0")/../run/groundwire.upgrade" ] || echo RESTS >> "$NOTES" ;; # the unit's condition
esac
"""
# Of the service's process and of whoever asks.
READLINK = 'case "$1" in /proc/4711/*) echo "mnt:[$VIEW]" ;; *) echo "mnt:[1]" ;; esac\n'
GREP = 'case "$*" in */proc/4711/mountinfo) [ "$HELD" = yes ] ;; *) exec /usr/bin/grep "$@" ;; esac\n'
WATCH = "start groundwire-upgrade.service"
forms = pytest.mark.parametrize("form", ["deb", "rpm"])


@dataclass
class Host:
    folder: Path
    stands: str = "active"  # the service, by `systemctl is-active`

    def call(self, script: tuple[str, str], code: int = 0, **variables: str) -> list[str]:
        """What was called meanwhile."""
        name, argument = script
        text = re.sub(
            r"(?<![\w.])/(run|opt|etc|var)/", rf"{self.folder}/\1/", (SCRIPTS / name).read_text("utf-8")
        )
        notes = self.folder / "notes"
        notes.write_text("")
        done = subprocess.run(
            ["/bin/sh", "-s", argument],
            input=text,
            text=True,
            capture_output=True,
            check=False,
            env={
                "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
                "NOTES": str(notes),
                "STANDS": self.stands,
                "VIEW": "2",
                **variables,
            },
        )
        assert done.returncode == code, done.stdout + done.stderr
        called = notes.read_text().splitlines()
        assert "RESTS" not in called
        return called

    def ungate(self) -> None:
        (self.folder / "etc/groundwire/agent.toml").write_text("")

    def program(self, text: str, name: str = "groundwire") -> None:
        command = self.folder / "opt" / name / "groundwire"
        command.parent.mkdir(parents=True, exist_ok=True)
        command.write_text(text)
        command.chmod(0o755)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    for name in ("run/systemd/system", "etc/groundwire", "var/lib/groundwire", "bin"):
        (tmp_path / name).mkdir(parents=True)
    said = {"systemctl": SYSTEMCTL, "readlink": f"#!/bin/sh\n{READLINK}", "grep": f"#!/bin/sh\n{GREP}"}
    for name in ("systemctl", "systemd-sysusers", "install", "nsenter", "readlink", "grep"):
        (tmp_path / "bin" / name).write_text(said.get(name, NOTED))
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "etc/groundwire/agent.toml").write_text("[upgrade]\ngate = true\n")
    made = Host(tmp_path)
    made.program(NOTED)
    return made


def watches(called: list[str]) -> bool:
    return f"systemctl {WATCH}" in called


@forms
@pytest.mark.parametrize("stands", ["active", "activating", "reloading"])
def test_an_agent_that_ran_or_failed_and_was_tried_again_is_started_behind_the_upgrade(
    host: Host, form: str, stands: str
) -> None:
    """Else the upgrade that mends what it fails of would end it for good."""
    host.stands = stands
    host.call(BEFORE[form])

    assert "systemctl restart groundwire.service" in host.call(AFTER[form])


@forms
@pytest.mark.parametrize("stands", ["inactive", "failed"])
def test_an_agent_that_was_stopped_stays_stopped(host: Host, form: str, stands: str) -> None:
    host.stands = stands
    host.call(BEFORE[form])
    host.program(NOTED, "groundwire.previous")

    called = host.call(AFTER[form])

    assert "systemctl restart groundwire.service" not in called
    assert not watches(called)


@forms
def test_an_agent_works_on_with_the_program_that_it_was_started_from_until_the_new_one_is_there(
    host: Host, form: str
) -> None:
    host.ungate()
    command = host.folder / "opt/groundwire/groundwire"
    old = command.stat().st_ino
    copy = host.folder / "opt/groundwire.running"

    called = host.call(BEFORE[form])

    assert "systemctl stop groundwire.service" not in called
    assert called[-1] == f"nsenter --target 4711 --mount mount --bind {copy} {command.parent}"
    command.unlink()  # as a package manager renames a new file into its place
    host.program(NOTED)
    assert (copy / "groundwire").stat().st_ino == old
    assert "systemctl restart groundwire.service" in host.call(AFTER[form])
    assert not copy.exists()


@forms
def test_an_upgrade_that_is_begun_again_leaves_the_agent_what_it_was_held_to(host: Host, form: str) -> None:
    """The folder may hold half of either program by then."""
    host.ungate()
    host.call(BEFORE[form])
    held = host.folder / "opt/groundwire.running/groundwire"
    before = held.stat().st_ino
    (host.folder / "opt/groundwire/groundwire").unlink()
    host.program(NOTED)

    called = host.call(BEFORE[form], HELD="yes")

    assert held.stat().st_ino == before
    assert not [line for line in called if line.startswith("nsenter") or "stop groundwire.service" in line]


@forms
def test_an_agent_that_would_see_half_of_two_programs_is_stopped_before(host: Host, form: str) -> None:
    stopped = "systemctl stop groundwire.service"
    assert stopped in host.call(BEFORE[form])  # the gate keeps aside what belongs to an agent that rests

    host.ungate()
    called = host.call(BEFORE[form], VIEW="1")  # the whole machine's
    assert stopped in called
    assert not [line for line in called if line.startswith("nsenter")]

    (host.folder / "bin" / "nsenter").write_text("#!/bin/sh\nexit 1\n")
    assert stopped in host.call(BEFORE[form])


@forms
def test_what_is_kept_aside_is_the_installed_program_whatever_the_admins_shell_finds(
    host: Host, form: str
) -> None:
    other = host.folder / "bin" / "groundwire"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    host.program(f'{NOTED}[ -z "$GROUNDWIRE_CONFIG" ] || exit 1\n')

    assert "groundwire upgrade prepare --if-gated" in host.call(BEFORE[form], GROUNDWIRE_CONFIG="/home/admin")


@forms
def test_the_watch_over_an_upgrade_ends_before_the_program_is_exchanged_again_or_goes(
    host: Host, form: str
) -> None:
    """It would put the program of before into the place of the one that comes, or of none."""
    for script in (BEFORE[form], GONE[form]):
        called = host.call(script)

        assert called[0] == "systemctl stop groundwire-upgrade.service"


@forms
def test_a_watch_that_cannot_begin_does_not_leave_the_package_half_installed(host: Host, form: str) -> None:
    host.call(BEFORE[form])
    host.program(NOTED, "groundwire.previous")
    (host.folder / "bin" / "systemctl").write_text(f'{NOTED}[ "$*" != "{WATCH}" ]\n')

    called = host.call(AFTER[form])

    assert called[-1] == f"systemctl {WATCH}"


@forms
def test_an_upgrade_that_cannot_be_gone_back_from_does_not_begin_and_the_agent_goes_on(
    host: Host, form: str
) -> None:
    host.program(f"{NOTED}exit 1\n")
    host.program(NOTED, "groundwire.previous")  # an upgrade before is watched still

    called = host.call(BEFORE[form], code=1)
    if form == "deb":  # dpkg then calls the script of the version that stays
        called = host.call(("deb-postinst", "abort-upgrade"))

    assert any(
        line in {f"systemctl {verb} groundwire.service" for verb in ("start", "restart")} for line in called
    )
    assert watches(called)


def test_a_purge_leaves_nothing_of_a_program_that_was_gone_back_to(host: Host) -> None:
    """dpkg knows the files of the version that it unpacked, and removes no others."""
    for name in ("groundwire", "groundwire.failed", "groundwire.running"):
        host.program(NOTED, name)
    (host.folder / "opt" / "groundwire.previous").symlink_to("groundwire")
    for name in ("getent", "userdel", "groupdel"):
        (host.folder / "bin" / name).write_text(NOTED)
        (host.folder / "bin" / name).chmod(0o755)

    called = host.call(("deb-postrm", "purge"))

    assert list((host.folder / "opt").iterdir()) == []
    assert not (host.folder / "etc" / "groundwire").exists()
    assert "userdel groundwire" in called
