"""What `make release` refuses before it builds anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.releases import sums
from tests.packaging_scripts import ROOT, script

bundle, portable, release = script("bundle"), script("portable"), script("release")
signing, version = script("signing"), script("version")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        author = ["-c", "user.name=Test", "-c", "user.email=test@groundwire.example"]
        subprocess.run(["git", *author, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "program.py").write_text("VERSION = 1\n")
    git("add", "program.py")
    git("commit", "-m", "A program")
    return tmp_path


def test_a_tree_as_its_commit_says_is_taken(tree: Path) -> None:
    release.refuse_dirt(tree)

    assert len(release.day_of(tree)) == len("2026-01-31")


@pytest.mark.parametrize("name", ["program.py", "new.py"])
def test_a_tree_that_no_commit_describes_is_refused(tree: Path, name: str) -> None:
    (tree / name).write_text("VERSION = 2\n")

    with pytest.raises(version.Refused, match=name):
        release.refuse_dirt(tree)


def test_a_secret_key_in_the_checkout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "owner.key").write_text("a stand-in")

    with pytest.raises(version.Refused, match="no place in the checkout"):
        signing.Keys(minisign=tmp_path / "owner.key").check(tmp_path)
    with pytest.raises(version.Refused, match="no such key file"):
        signing.Keys(minisign=tmp_path / "other.key").check(ROOT)


@pytest.mark.skipif(sys.platform != "linux", reason="releases are made on Linux")
def test_what_is_left_out_or_unsigned_is_said_in_the_notes(tmp_path: Path, checkout: Path) -> None:
    made = release.Release("9.9.9", tmp_path, signing.Keys(), trial=True, left_out=["the MSI: not here"])

    notes = made._notes("## 9.9.9 (2026-01-01)\n\n- A door.\n", checkout / "build" / "bundle" / "groundwire")

    assert notes.startswith("# Groundwire 9.9.9\n\n- A door.\n")
    assert re.search(r"x86-64 and glibc 2\.\d+ or later", notes)
    assert "Debian 12 has 2.36" in notes or bundle.glibc_needed(Path(sys.executable))[0] > (2, 36)
    assert "- the MSI: not here" in notes
    assert "Nobody signed these files" in notes
    assert "This is no release" in notes


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of this one as a release reads, with a small program in the bundle's place."""
    for folder in ("packaging", "docs"):
        ignored = shutil.ignore_patterns("__pycache__", "images", "generate")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "relay.example.toml", tmp_path / "config")
    frozen = tmp_path / "build" / "bundle" / "groundwire"
    frozen.mkdir(parents=True)
    shutil.copy(sys.executable, frozen / "groundwire")
    for name in ("sbom.cdx.json", "LICENCES.txt"):
        (frozen / name).write_text(f"{name}\n")
    return tmp_path


def test_a_release_is_of_a_bundle_that_starts_on_old_systems_and_is_of_its_commit(tree: Path) -> None:
    """A bundle of this machine would start here, and nowhere that is older."""
    (tree / ".gitignore").write_text("build/\n.gitignore\n")
    made = tree / portable.MADE.relative_to(ROOT)
    (tree / "build" / "bundle" / "groundwire").mkdir(parents=True)
    of_it = release.Release("9.9.9", tree / "out", signing.Keys(), trial=False)
    with pytest.raises(version.Refused, match="make bundle-portable"):
        of_it._bundle(tree)

    made.mkdir(parents=True)
    (made.parent / portable.COMMIT).write_text(f"{'0' * 40}\n")
    with pytest.raises(version.Refused, match="make bundle-portable"):
        of_it._bundle(tree)

    (made.parent / portable.COMMIT).write_text(portable.commit_of(tree) + "\n")
    assert of_it._bundle(tree) == made


@pytest.mark.skipif(sys.platform != "linux", reason="releases are made on Linux")
def test_a_release_has_every_package_the_archive_and_a_list_of_all(checkout: Path) -> None:
    out = checkout / "out"

    release.Release("9.9.9", out, signing.Keys(), trial=True).make(checkout, "## 9.9.9\n\n- A door.\n")

    made = {
        "LICENCES.txt",
        "NOTES.md",
        "groundwire-9.9.9-1.x86_64.rpm",
        "groundwire-9.9.9-linux-x86_64.tar.gz",
        "groundwire-9.9.9.cdx.json",
        "groundwire-relay-9.9.9-1.x86_64.rpm",
        "groundwire-relay_9.9.9-1_amd64.deb",
        "groundwire_9.9.9-1_amd64.deb",
    }
    assert {path.name for path in out.iterdir()} == {*made, "SHA256SUMS"}
    assert set(sums.parse((out / "SHA256SUMS").read_text())) == made
    assert "the MSI" in (out / "NOTES.md").read_text()
    subprocess.run(["tar", "-xf", out / "groundwire-9.9.9-linux-x86_64.tar.gz", "-C", checkout], check=True)
    script = checkout / "groundwire-9.9.9-linux-x86_64" / "install.sh"
    done = subprocess.run([script, "--check", "--unsigned"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
