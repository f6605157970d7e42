"""The archive's own script installs nothing that is not, byte for byte, what its owner signed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from agent.releases.checking import verify
from agent.releases.minisign import PublicKey
from tests.packaging_scripts import ROOT, script
from tests.release_signer import Signer

offline_archive = script("offline_archive")
PACKAGES = {
    "groundwire_9.9.9-1_amd64.deb": b"a package " * 300,
    "groundwire-9.9.9-1.x86_64.rpm": b"another " * 300,
}
pytestmark = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="install.sh is for Linux")


def reads_minisign() -> bool:
    if shutil.which("minisign"):
        return True
    found = shutil.which("openssl")
    return (
        bool(found)
        and b"rawin" in subprocess.run([found, "pkeyutl", "-help"], check=False, capture_output=True).stderr
    )


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Path:
    """An archive of stand-ins for packages, signed with the test's key."""
    folder = tmp_path_factory.mktemp("packed")
    tree = folder / "tree"
    for page in offline_archive.PAGES:
        (tree / "docs").mkdir(parents=True, exist_ok=True)
        (tree / "docs" / page).write_text(f"# {page}\n")
    shutil.copytree(ROOT / "packaging" / "offline", tree / "packaging" / "offline")
    for name, content in PACKAGES.items():
        (folder / name).write_bytes(content)
    return build(tree, folder, folder, signer)


def build(tree: Path, folder: Path, into: Path, signer: Signer) -> Path:
    def sign(sums: Path) -> None:
        sums.with_name("SHA256SUMS.minisig").write_text(signer.sign(sums.read_bytes(), "groundwire 9.9.9"))

    into.mkdir(exist_ok=True)
    packages = [folder / name for name in PACKAGES]
    made = offline_archive.build(tree, packages, [], into, version="9.9.9", epoch=1_767_225_600, sign=sign)
    assert isinstance(made, Path)
    return made


@pytest.fixture
def unpacked(packed: Path, tmp_path: Path) -> Path:
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "groundwire-9.9.9-linux-x86_64"


@pytest.fixture
def public(tmp_path: Path, signer: Signer) -> Path:
    (tmp_path / "groundwire.pub").write_text(signer.public)
    return tmp_path / "groundwire.pub"


def checked(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """As a stranger's shell has it, with neither of Groundwire's programs at hand."""
    command = ["sh", str(folder / "install.sh"), "--check", *options]
    surroundings = {"PATH": os.environ["PATH"], "TMPDIR": str(folder.parent)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_the_same_files_give_the_same_archive(packed: Path, tmp_path: Path, signer: Signer) -> None:
    again = build(packed.parent / "tree", packed.parent, tmp_path / "again", signer)

    assert again.read_bytes() == packed.read_bytes()


@pytest.mark.skipif(not reads_minisign(), reason="neither minisign nor OpenSSL 3 is here")
def test_an_archive_as_it_was_signed_is_taken_by_its_script_and_by_the_command(
    unpacked: Path, public: Path
) -> None:
    done = checked(unpacked, "--key", str(public))

    assert done.returncode == 0, done.stderr
    assert "Every file is as it was released." in done.stdout
    assert len(verify(unpacked, [PublicKey.parse(public.read_text())]).files) == 9


@pytest.mark.skipif(not reads_minisign(), reason="neither minisign nor OpenSSL 3 is here")
@pytest.mark.parametrize(
    "name", ["SHA256SUMS", "SHA256SUMS.minisig", "packages/groundwire_9.9.9-1_amd64.deb"]
)
def test_one_other_bit_anywhere_is_refused(unpacked: Path, public: Path, name: str) -> None:
    path = unpacked / name
    whole = path.read_bytes()
    begin = whole.index(b"\n") + 1 if name.endswith(".minisig") else 0  # behind the untrusted comment
    last = len(whole.splitlines()[1]) + begin - 4 if name.endswith(".minisig") else len(whole) - 1
    for at in (begin, begin + (last - begin) // 3, begin + 2 * (last - begin) // 3, last):
        flip(path, at)
        done = checked(unpacked, "--key", str(public))
        assert done.returncode == 1, (at, done.stdout)
        assert "What to do: " in done.stderr
        path.write_bytes(whole)


@pytest.mark.skipif(not reads_minisign(), reason="neither minisign nor OpenSSL 3 is here")
def test_what_openssl_says_is_what_minisign_says(unpacked: Path, public: Path, tmp_path: Path) -> None:
    """Both ways are in the script, and a machine has one of them."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not here")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("openssl", "sh", "sed", "base64", "head", "tail", "tr", "wc", "grep", "cut", "sort", "comm", "find", "sha256sum", "mktemp", "rm", "dirname", "cat"):  # fmt: skip
        (tools / name).symlink_to(shutil.which(name) or name)
    command = ["sh", str(unpacked / "install.sh"), "--check", "--key", str(public)]

    taken = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": str(tools)})
    flip(unpacked / "SHA256SUMS", 5)
    after = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": str(tools)})

    assert (taken.returncode, after.returncode) == (0, 1), taken.stderr + after.stderr
    assert "is not what the owner" in after.stderr


def test_a_signed_archive_is_not_taken_without_its_owners_key(unpacked: Path) -> None:
    assert checked(unpacked).returncode == 1
    assert "this release is signed" in checked(unpacked, "--unsigned").stderr


def test_one_that_nobody_signed_is_taken_only_by_whoever_says_so_and_only_whole(
    unpacked: Path, public: Path
) -> None:
    (unpacked / "SHA256SUMS.minisig").unlink()

    assert checked(unpacked).returncode == 1
    assert "SHA256SUMS.minisig is missing" in checked(unpacked, "--key", str(public)).stderr
    assert checked(unpacked, "--unsigned").returncode == 0
    flip(unpacked / "packages" / "groundwire-9.9.9-1.x86_64.rpm", 700)
    assert checked(unpacked, "--unsigned").returncode == 1


@pytest.mark.parametrize("name", ["packages/groundwire-evil_1_amd64.deb", "more", "packages/.hidden"])
def test_a_file_that_is_on_no_list_is_refused(unpacked: Path, name: str) -> None:
    (unpacked / "SHA256SUMS.minisig").unlink()
    (unpacked / name).write_bytes(b"more")

    done = checked(unpacked, "--unsigned")

    assert done.returncode == 1
    assert f"not of this release: {name}" in done.stderr


@pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("gpgv")), reason="gpg and gpgv make and read OpenPGP signatures"
)
def test_gpgv_reads_what_gpg_signed_and_nothing_else(unpacked: Path, tmp_path: Path) -> None:
    home, ring, sums = tmp_path / "gnupg", tmp_path / "release.gpg", unpacked / "SHA256SUMS"
    home.mkdir(mode=0o700)
    gpg = [
        "gpg",
        "--homedir",
        str(home),
        "--batch",
        "--quiet",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]
    subprocess.run([*gpg, "--quick-generate-key", "test@groundwire.example", "ed25519", "sign", "1d"], check=True, capture_output=True)  # fmt: skip
    subprocess.run([*gpg, "--output", str(ring), "--export"], check=True)
    subprocess.run([*gpg, "--armor", "--output", f"{sums}.asc", "--detach-sign", str(sums)], check=True)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)

    assert checked(unpacked, "--key", str(ring)).returncode == 0
    flip(sums, 3)
    assert "is not what the owner" in checked(unpacked, "--key", str(ring)).stderr
