"""A release that is not, byte for byte, what its owner signed is refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.releases import keys, sums
from agent.releases.checking import ReleaseRefused, verify
from agent.releases.minisign import PublicKey, Signature, is_signed
from tests.release_signer import Signer

FILES = {"groundwire_9.9.9_amd64.deb": b"program " * 512, "packages/notes.md": b"What is new.\n"}


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def key(signer: Signer) -> PublicKey:
    return PublicKey.parse(signer.public)


@pytest.fixture
def release(tmp_path: Path, signer: Signer) -> Path:
    return signer.release(tmp_path / "release", FILES)


def refused(path: Path, key: PublicKey) -> bool:
    try:
        verify(path, [key])
    except ReleaseRefused:
        return True
    return False


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_a_release_as_it_was_signed_is_taken_whole_and_by_the_file(release: Path, key: PublicKey) -> None:
    found = verify(release, [key])

    assert found.files == tuple(sorted(FILES))
    assert found.comment == "groundwire 9.9.9"
    assert verify(release / "groundwire_9.9.9_amd64.deb", [key]).files == ("groundwire_9.9.9_amd64.deb",)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_with_one_other_bit_is_refused_wherever_it_is(
    release: Path, key: PublicKey, name: str
) -> None:
    whole = (release / name).read_bytes()
    for at in {*range(0, len(whole), 97), len(whole) - 1}:
        (release / name).write_bytes(flipped(whole, at))
        assert refused(release, key), at


@pytest.mark.parametrize("changed", [b"", b"half", b"program " * 513], ids=["empty", "cut", "longer"])
def test_a_file_of_another_length_is_refused(release: Path, key: PublicKey, changed: bytes) -> None:
    (release / "groundwire_9.9.9_amd64.deb").write_bytes(changed)

    assert refused(release, key)


def test_a_list_with_one_other_bit_is_refused(release: Path, key: PublicKey) -> None:
    whole = (release / "SHA256SUMS").read_bytes()
    for at in range(len(whole)):
        (release / "SHA256SUMS").write_bytes(flipped(whole, at))
        assert refused(release, key), at


def test_a_signature_with_one_other_bit_is_refused_but_for_its_untrusted_comment(
    release: Path, key: PublicKey
) -> None:
    whole = (release / "SHA256SUMS.minisig").read_bytes()
    begin = whole.index(b"\n") + 1
    for at in range(begin, len(whole) - 1):
        (release / "SHA256SUMS.minisig").write_bytes(flipped(whole, at))
        assert refused(release, key), (at, whole[at : at + 1])


def test_a_file_that_nobody_signed_is_refused(release: Path, key: PublicKey) -> None:
    (release / "packages" / "more.deb").write_bytes(b"more")

    assert refused(release, key)
    assert refused(release / "packages" / "more.deb", key)


def test_a_link_in_the_place_of_a_file_is_refused(release: Path, key: PublicKey, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(release / "groundwire_9.9.9_amd64.deb", elsewhere)
    (release / "groundwire_9.9.9_amd64.deb").symlink_to(elsewhere)

    assert refused(release, key)


def test_a_file_of_the_list_that_is_not_there_is_refused(release: Path, key: PublicKey) -> None:
    (release / "packages" / "notes.md").unlink()

    assert refused(release, key)


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.minisig"])
def test_without_its_list_or_its_signature_nothing_is_taken(release: Path, key: PublicKey, name: str) -> None:
    (release / name).unlink()

    assert refused(release, key)


def test_another_key_also_one_of_the_same_name_is_refused(
    release: Path, key: PublicKey, signer: Signer
) -> None:
    stranger = PublicKey.parse(Signer(key_id=b"\x00" * 8).public)
    namesake = PublicKey.parse(Signer(key_id=signer.key_id).public)

    assert refused(release, stranger)
    assert refused(release, namesake)
    assert verify(release, [stranger, key]).signed_by == key.name == "EFCDAB8967452301"


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a//b", "a/../b", ".hidden", "a b", ""])
def test_a_list_leaves_its_folder_nowhere(name: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        sums.parse(f"{'0' * 64}  {name}\n")


def test_a_list_names_each_file_once() -> None:
    with pytest.raises(ValueError, match="line 2"):
        sums.parse(f"{'0' * 64}  a\n{'1' * 64}  a\n")


def test_the_keys_of_this_build_can_be_read() -> None:
    assert all(PublicKey.parse(line) for line in keys.RELEASE_KEYS)


def test_the_command_says_what_it_found_and_ends_with_4_where_it_refuses(
    release: Path, signer: Signer, tmp_path: Path
) -> None:
    public = tmp_path / "owner.pub"
    public.write_text(signer.public)

    taken = CliRunner().invoke(main, ["verify", str(release), "--key", str(public)])
    (release / "packages" / "notes.md").write_bytes(b"Something else.\n")
    after = CliRunner().invoke(main, ["verify", str(release), "--key", str(public)])

    assert (taken.exit_code, after.exit_code) == (0, 4)
    assert "Signed by EFCDAB8967452301: groundwire 9.9.9" in taken.output
    assert "is not the file that was signed" in after.output
    assert (
        CliRunner().invoke(main, ["verify", str(release), "--key", str(release / "SHA256SUMS")]).exit_code
        == 3
    )


@pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not here")
def test_minisign_and_this_program_read_each_others_signatures(
    release: Path, signer: Signer, tmp_path: Path
) -> None:
    (tmp_path / "ours.pub").write_text(signer.public)
    of_ours = ["minisign", "-Vm", str(release / "SHA256SUMS"), "-p", str(tmp_path / "ours.pub")]
    theirs = {name: str(tmp_path / name) for name in ("key", "key.pub")}
    make = ["minisign", "-G", "-W", "-s", theirs["key"], "-p", theirs["key.pub"]]
    sign = ["minisign", "-Sm", str(release / "SHA256SUMS"), "-s", theirs["key"], "-t", "groundwire 1", "-x"]

    subprocess.run(of_ours, check=True, capture_output=True)
    subprocess.run(make, check=True, capture_output=True)
    subprocess.run([*sign, str(tmp_path / "sig")], check=True, capture_output=True)

    signature = Signature.parse((tmp_path / "sig").read_text())
    key = PublicKey.parse((tmp_path / "key.pub").read_text())
    assert is_signed((release / "SHA256SUMS").read_bytes(), signature, key)
