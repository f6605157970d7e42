"""The archive on machines without a network: docs/install-offline.md word for word, and whom the programs speak to then."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.version import VERSION
from tests.packaging.agent_machine import named
from tests.packaging.bare_machine import Machine, base, booted, cannot, layered
from tests.packaging.making import NO_BUNDLE, blocks, package
from tests.packaging_scripts import ROOT, script

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(bool(cannot("gpg") or NO_BUNDLE), reason=cannot("gpg") or NO_BUNDLE),
]
RELAY = ("127.0.0.1", 8443)
ANSWERS = """
[relay]
url = "wss://relay.example:8443"
code = "env:GROUNDWIRE_CODE"
name = "plant"
ca_file = "/etc/groundwire/relay-ca.pem"

[connections.demo]
system = "sandbox"
streams = "all"
leave = "everything"
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as somebody carries it in: the archive, the signed list, the owner's public key."""
    work = tmp_path_factory.mktemp("work")
    folder = tmp_path_factory.mktemp("release")
    gpg = [
        "gpg",
        "--homedir",
        str(work),
        "--batch",
        "--quiet",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]
    made = [*gpg, "--quick-generate-key", "release@groundwire.example", "rsa3072", "sign", "1d"]
    subprocess.run(made, check=True, capture_output=True)
    subprocess.run([*gpg, "--output", str(folder / "groundwire-release.gpg"), "--export"], check=True)

    def sign(sums: Path) -> None:
        subprocess.run([*gpg, "--armor", "--output", f"{sums}.asc", "--detach-sign", str(sums)], check=True)

    packages = [package(recipe, "deb", VERSION, work) for recipe in ("linux", "relay")]
    archive = script("offline_archive")
    archive.build(ROOT, packages, [], folder, version=VERSION, epoch=1_767_225_600, sign=sign)
    key = shutil.move(folder / "groundwire-release.gpg", work / "groundwire-release.gpg")
    sign(archive.write_sums(folder))
    shutil.copy(key, folder)
    subprocess.run(["gpgconf", "--homedir", str(work), "--kill", "all"], check=False)
    return folder


@pytest.fixture
def machine(tmp_path: Path, release: Path) -> Iterator[Machine]:
    with layered(base(), tmp_path) as root:
        for path in release.iterdir():
            shutil.copy(path, root / "root")
        named(root)
        with booted(root, tmp_path / "console.log") as running:
            yield running


def spoken_to(trace: str) -> set[tuple[str, int]]:
    """Every address of a network that a traced process connected or sent to, a name server's among them."""
    found = re.findall(r'sin6?_port=htons\((\d+)\).*?inet_(?:addr|pton)\((?:AF_INET6, )?"([^"]+)"', trace)
    return {(address, int(port)) for port, address in found}


def test_the_page_word_for_word_and_nobody_but_the_relay_is_spoken_to(machine: Machine) -> None:
    check, install = blocks("install-offline.md")
    machine.run(check)
    machine.run(install.replace("install.sh agent", "install.sh both"))
    machine.run("groundwire-relay init /etc/groundwire-relay --host relay.example")
    traced = "strace -f -qq -e trace=connect,sendto,sendmsg,sendmmsg -o"
    machine.run(
        f"systemd-run --quiet --unit=relay {traced} /root/relay.trace groundwire-relay run /etc/groundwire-relay"
    )
    machine.until("curl --silent --fail http://127.0.0.1:8080/readyz")
    code = machine.said("groundwire-relay code create /etc/groundwire-relay")
    (machine.root / "root" / "answers.toml").write_text(ANSWERS)

    machine.run("install -m 644 /etc/groundwire-relay/ca.pem /etc/groundwire/relay-ca.pem")
    machine.run(f"GROUNDWIRE_CODE={code} {traced} /root/setup.trace groundwire setup --from answers.toml")
    machine.run(f"systemd-run --quiet --unit=plant --uid=groundwire {traced} /tmp/plant.trace groundwire run")
    machine.until("groundwire status --json | grep -q '\"pending_batches\": *0'")
    machine.run("groundwire sync demo")
    machine.run(f"{traced} /root/doctor.trace groundwire doctor", check=False)
    machine.run("systemctl stop plant relay")

    machine.run("mv /tmp/plant.trace /root")
    trace = {
        name: (machine.root / "root" / f"{name}.trace").read_text()
        for name in ("relay", "setup", "plant", "doctor")
    }
    assert spoken_to(trace["plant"]) == {RELAY}
    assert spoken_to(trace["setup"]) == {RELAY}
    assert spoken_to(trace["doctor"]) <= {RELAY}
    assert spoken_to(trace["relay"]) == set()


def test_a_name_that_was_asked_for_would_be_seen(machine: Machine) -> None:
    machine.run(
        "strace -f -qq -e trace=connect,sendto -o /root/x.trace curl --silent http://elsewhere.example || true"
    )

    assert {port for _, port in spoken_to((machine.root / "root" / "x.trace").read_text())} == {53}


@pytest.mark.parametrize("suite", ["bookworm", "bullseye"])
def test_a_bare_system_has_what_the_check_needs(release: Path, tmp_path: Path, suite: str) -> None:
    """Neither a network, nor a tool of ours: gpgv and sha256sum, which are there."""
    with layered(base(suite), tmp_path) as root:
        with tarfile.open(next(release.glob("*.tar.gz"))) as archive:
            archive.extractall(root / "root", filter="data")
        shutil.copy(release / "groundwire-release.gpg", root / "root")
        (folder,) = (root / "root").glob("groundwire-*-linux-x86_64")
        command = ["unshare", "--net", "chroot", str(root), "sh", f"/root/{folder.name}/install.sh", "--check", "--key", "/root/groundwire-release.gpg"]  # fmt: skip

        taken = subprocess.run(command, capture_output=True, text=True, check=False)
        with (folder / "SHA256SUMS").open("a") as sums:
            sums.write(f"{'0' * 64}  more\n")
        after = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (taken.returncode, after.returncode) == (0, 1), taken.stderr + after.stderr
    assert "is not what the owner" in after.stderr
