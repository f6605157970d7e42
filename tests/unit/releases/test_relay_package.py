"""The relay's unit and package, as far as they can be held to without a machine to install them on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from relay.installed import CONFIG, DATA
from tests.packaging_scripts import ROOT, script

RELAY = ROOT / "packaging" / "relay"
UNIT = RELAY / "groundwire-relay.service"
MOST_EXPOSED = 15  # tenths, as systemd-analyze counts: 1.5


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_the_service_has_no_right_that_it_does_not_need(tmp_path: Path, *, several: bool) -> None:
    text = UNIT.read_text()
    name = "groundwire-relay.service"
    if several:
        text, name = text.replace("relay.toml", "%i.toml"), "groundwire-relay@.service"
    (tmp_path / name).write_text(text)
    asked = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager"]

    done = subprocess.run([*asked, str(tmp_path / name)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-600:] + done.stderr


def test_unit_package_and_program_name_the_same_places() -> None:
    unit = UNIT.read_text()
    scripts = [path.read_text() for path in (RELAY / "scripts").iterdir()]

    assert f"ExecStart=/opt/groundwire-relay/groundwire relay run {CONFIG}/relay.toml" in unit
    assert f"StateDirectory={DATA.name}" in unit
    made = next(script for script in scripts if "useradd" in script)
    assert f"install -d -m 750 -o root -g groundwire-relay {CONFIG}\n" in made
    assert f"install -d -m 750 -o groundwire-relay -g groundwire-relay {DATA}\n" in made


def test_every_file_of_the_package_is_there_and_none_holds_a_configuration() -> None:
    recipe = yaml.safe_load((RELAY / "nfpm.yaml").read_text())
    files = [one for one in recipe["contents"] if not one["src"].startswith("${")]

    assert all((RELAY / one["src"]).is_file() for one in files)
    assert not [one for one in recipe["contents"] if one["dst"].startswith(("/etc", "/var"))]
    assert all((RELAY / path).is_file() for path in recipe["scripts"].values())


def test_only_a_purge_deletes_records() -> None:
    script = (RELAY / "scripts" / "after-removal").read_text()
    purge, _, rest = script.partition(";;")

    assert f"{CONFIG} {DATA}" in purge
    assert "purge)" in purge
    assert "rm " not in rest
    others = [path for path in (RELAY / "scripts").iterdir() if path.name != "after-removal"]
    assert not [path for path in others if "rm -r" in path.read_text()]


def test_the_image_brings_no_program_that_the_package_does_not() -> None:
    lines = (RELAY / "Containerfile").read_text()

    assert re.search(r"^ARG BASE\nFROM \$\{BASE\}$", lines, re.MULTILINE)
    assert not re.search(r"curl|wget|apt-get|pip |https?://", lines)
    assert re.search(r"^USER 64123:64123$", lines, re.MULTILINE)


@pytest.mark.skipif(shutil.which("lintian") is None, reason="lintian is not here")
def test_lintian_finds_nothing_that_has_no_reason(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    shutil.copy(shutil.which("true") or sys.executable, tmp_path / "bundle" / "groundwire")
    build = script("linux_package").build
    made = build(RELAY, tmp_path / "bundle", tmp_path, "deb", version="9.9.9", epoch=1_767_225_600)

    asked = ["lintian", "--allow-root", str(made)]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()

    serious = [line for line in found if line.startswith(("E:", "W:"))]
    assert [line for line in serious if "mismatched-override" not in line] == []
