"""What `make release` refuses before it builds anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.releases import sums
from tests.packaging_scripts import ROOT, script

bundle, portable, release = script("bundle"), script("portable"), script("release")
provenance, signing, version = script("provenance"), script("signing"), script("version")


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


def test_a_tool_that_is_to_sign_and_is_not_here_is_named_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner.key").write_text("a stand-in")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(version.Refused, match="apt-get install minisign"):
        signing.Keys(minisign=tmp_path / "owner.key").check(ROOT)
    with pytest.raises(version.Refused, match="apt-get install gnupg"):
        signing.Keys(gpg="release@groundwire.example").check(ROOT)


def test_a_signature_that_is_not_given_ends_the_release_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gpg").write_text("#!/bin/sh\nexit 2\n")
    (tmp_path / "gpg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(version.Refused, match="gpg ended with 2 and signed nothing"):
        signing.Keys(gpg="release@groundwire.example").sign(tmp_path / "SHA256SUMS", "9.9.9")


@pytest.mark.skipif(sys.platform != "linux", reason="releases are made on Linux")
def test_a_release_that_is_not_signed_bears_no_releases_name(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a wrong password, say: what lies there by that name stays, and is the one that was signed."""
    into, tools = tmp_path / "release", tmp_path / "tools"
    tools.mkdir()
    (into / "9.9.9").mkdir(parents=True)
    (into / "9.9.9" / "NOTES.md").write_text("the one of before\n")
    (tools / "gpg").write_text('#!/bin/sh\n[ "$2" = --list-secret-keys ] || exit ${CODE}\n')
    (tools / "gpg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr(release, "ROOT", tree)
    monkeypatch.setattr(release, "version_of", lambda _: "9.9.9")
    monkeypatch.setattr(release, "notes_of", lambda *_: "## 9.9.9\n")

    def made(self: Any, root: Path, notes: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "SHA256SUMS").write_text("")
        self._sign(self.folder / "SHA256SUMS")

    monkeypatch.setattr(release.Release, "make", made)
    keys = signing.Keys(gpg="release@groundwire.example")

    monkeypatch.setenv("CODE", "2")
    with pytest.raises(version.Refused, match="gpg ended with 2 and signed nothing"):
        release.make(keys, into, trial=True)
    assert (into / "9.9.9" / "NOTES.md").exists()

    monkeypatch.setenv("CODE", "0")
    assert release.make(keys, into, trial=True).folder == into / "9.9.9"
    assert {path.name for path in into.iterdir()} == {"9.9.9"}
    assert not (into / "9.9.9" / "NOTES.md").exists()


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
    provenance.note(made, "0" * 40)
    with pytest.raises(version.Refused, match="make bundle-portable"):
        of_it._bundle(tree)

    provenance.note(made, provenance.commit_of(tree))
    assert of_it._bundle(tree) == made


def test_an_installer_of_another_commit_is_left_out_and_named(tree: Path) -> None:
    """It comes from another machine, where the version alone says nothing of what it was made of."""
    (tree / ".gitignore").write_text("build/\nout/\n.gitignore\n")
    (tree / "out").mkdir()
    installer = tree / "build" / "packages" / "groundwire-9.9.9.msi"

    def taken() -> tuple[bool, list[str]]:
        (tree / "out" / installer.name).unlink(missing_ok=True)
        made = release.Release("9.9.9", tree / "out", signing.Keys(), trial=False)
        made._installer_of_windows(tree)
        return (tree / "out" / installer.name).exists(), made.left_out

    there, left_out = taken()
    assert not there
    assert "holds none" in left_out[0]

    installer.parent.mkdir(parents=True)
    installer.write_bytes(b"an installer")
    for commit in ("", "0" * 40):
        provenance.note(installer, commit)
        there, left_out = taken()
        assert not there
        assert "not of this commit" in left_out[0]

    provenance.note(installer, provenance.commit_of(tree))
    assert taken() == (True, [])


def test_what_is_made_of_a_tree_that_no_commit_describes_is_of_none(tree: Path) -> None:
    (tree / ".gitignore").write_text("build/\n.gitignore\n")
    made = tree / "build" / "groundwire"
    made.mkdir(parents=True)
    provenance.note(made, provenance.commit_of(tree))
    assert provenance.is_of(made, provenance.commit_of(tree))

    (tree / "program.py").write_text("VERSION = 2\n")
    provenance.note(made, provenance.commit_of(tree))

    assert provenance.commit_of(tree) == provenance.said_of(made) == ""
    assert not provenance.is_of(made, provenance.commit_of(tree))


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
