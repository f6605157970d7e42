"""The bundle of `make bundle-portable`: what it needs of a system, and that it is whole on the bare ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.packaging.bare_machine import bare, layered
from tests.packaging_scripts import ROOT, script

portable = script("portable")
BUNDLE = Path(os.environ.get("GROUNDWIRE_PORTABLE") or portable.MADE)
pytestmark = [
    pytest.mark.timeout(3_600),  # of which debootstrap may take the most
    pytest.mark.skipif(
        "GROUNDWIRE_PORTABLE" not in os.environ,
        reason="GROUNDWIRE_PORTABLE names the bundle: make bundle-portable",
    ),
]
MOST_BYTES = 220_000_000
MOST_OF_A_PACKAGE = 90_000_000
# Debian 11's; RHEL 9 has GLIBCXX_3.4.29, CXXABI_1.3.13 and the same of GCC.
OF_C_PLUS_PLUS = {"GLIBCXX": (3, 4, 28), "CXXABI": (1, 3, 12), "GCC": (7, 0, 0)}
IN_A_ROOT = """
set -e
mount -t proc proc "$1/proc"
mkdir -p "$1/opt/groundwire"
mount --bind "$2" "$1/opt/groundwire"
mount -o remount,bind,ro "$1/opt/groundwire"
root=$1; shift 2
exec env -i PATH=/usr/bin:/bin /usr/sbin/chroot "$root" /opt/groundwire/groundwire "$@"
"""


def test_it_needs_no_newer_libraries_than_debian_11_and_rhel_9_have() -> None:
    elf, bundle = script("elf"), script("bundle")
    bundle.refuse_newer(BUNDLE, (2, 31))

    needed = {
        (kind, tuple(map(int, version.split("."))))
        for file in bundle.libraries(BUNDLE)
        for name in elf.version_needs(file.read_bytes())
        for kind, version in re.findall(r"^(GLIBCXX|CXXABI|GCC)_([\d.]+)$", name)
    }

    assert needed
    assert [one for one in needed if one[1] > OF_C_PLUS_PLUS[one[0]]] == []


def test_its_libraries_look_nowhere_that_the_root_had_a_folder() -> None:
    elf, bundle = script("elf"), script("bundle")
    looks = {path for file in bundle.libraries(BUNDLE) for path in elf.search_paths(file.read_bytes())}

    assert [path for path in looks if not path.startswith(elf.OWN_FOLDER)] == []


def test_it_says_of_what_it_was_really_made() -> None:
    """OpenSSL and Python with Debian's own versions, and nothing with that of the machine that drove the making."""
    bill = json.loads((BUNDLE / "sbom.cdx.json").read_text())
    versions = {one["name"]: one["version"] for one in bill["components"]}

    assert re.fullmatch(r"3\.0\.\d+-\d+~deb12u\d+", versions["openssl"])
    assert re.fullmatch(r"3\.11\.\d+-\d+\+deb12u\d+", versions["CPython"])
    assert "libffi7" in versions  # Debian 12 has libffi8


def test_it_is_small() -> None:
    assert script("bundle").size_of(BUNDLE) <= MOST_BYTES


@pytest.mark.parametrize("form", ["deb", "rpm"])
@pytest.mark.parametrize("recipe", ["linux", "relay"])
def test_a_package_of_it_is_small(tmp_path: Path, recipe: str, form: str) -> None:
    made = script("linux_package").build(
        ROOT / "packaging" / recipe, BUNDLE, tmp_path, form, version="9.9.9", epoch=1_767_225_600
    )

    assert made.stat().st_size <= MOST_OF_A_PACKAGE


@pytest.mark.parametrize("suite", ["bullseye", "bookworm", "trixie"])
def test_it_is_whole_on_a_bare_debian_without_python_and_without_a_network(
    tmp_path: Path, suite: str
) -> None:
    with layered(bare(suite), tmp_path) as root:
        assert list((root / "usr" / "bin").glob("python*")) == []
        command = [
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            IN_A_ROOT,
            "sh",
        ]
        checked = [*command, str(root), str(BUNDLE), "selfcheck", "--json", "--patience", "10"]
        done = subprocess.run(checked, capture_output=True, text=True, check=False, timeout=1_200)

    assert done.returncode == 0, done.stdout + done.stderr
    told = [
        (one["code"], one["level"]) for one in json.loads(done.stdout)["findings"] if one["level"] != "ok"
    ]
    assert told == [("manager.no_manager", "notice")]
