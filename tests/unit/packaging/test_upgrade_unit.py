"""The unit that watches over an upgrade, also behind a restart of the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from agent.upgrade.programs import previous_of
from agent.upgrade.services import UNIT
from tests.packaging_scripts import ROOT

FOLDER = ROOT / "packaging" / "linux"
WATCH = "groundwire-upgrade.service"


def lines() -> list[str]:
    return (FOLDER / WATCH).read_text("utf-8").splitlines()


def test_it_starts_with_the_machine_behind_the_agent_and_only_where_an_old_version_is_kept() -> None:
    kept = previous_of(Path("/opt/groundwire"))

    assert f"After=network-online.target {UNIT}" in lines()
    assert f"ConditionPathIsDirectory={kept}" in lines()
    assert f"ExecStart={kept}/groundwire upgrade watch --if-gated" in lines()
    assert "Restart=on-abnormal" in lines()  # a decision is an exit code, and is not decided again


@pytest.mark.parametrize(("form", "root"), [("deb", "/lib"), ("rpm", "/usr/lib")])
def test_each_package_has_it_and_nobody_has_to_enable_it(form: str, root: str) -> None:
    contents = yaml.safe_load((FOLDER / "nfpm.yaml").read_text("utf-8"))["contents"]
    of_form = {one["dst"]: one for one in contents if one.get("packager") in {form, None}}

    assert of_form[f"{root}/systemd/system/{WATCH}"]["src"] == WATCH
    wants = of_form[f"{root}/systemd/system/multi-user.target.wants/{WATCH}"]
    assert (wants["type"], wants["src"]) == ("symlink", f"../{WATCH}")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_every_line_of_it(tmp_path: Path) -> None:
    agent = "[Service]\nExecStart=/bin/true\n"
    program = "/opt/groundwire.previous/groundwire"
    (tmp_path / WATCH).write_text("\n".join(lines()).replace(program, shutil.which("true") or ""))
    (tmp_path / UNIT).write_text(agent)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / WATCH)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
