"""The image of packaging/relay/Containerfile, built by buildah on a bare Debian, without a network; the relay runs in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.version import VERSION
from tests.packaging.bare_machine import base, cannot, eventually
from tests.packaging.making import NO_BUNDLE, package
from tests.packaging_scripts import ROOT

LACKS = cannot("buildah") or NO_BUNDLE
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200), pytest.mark.skipif(bool(LACKS), reason=LACKS)]
BESIDE_US = ["unshare", "--net"]  # what was built needed nothing from elsewhere


class Builder:
    def __init__(self, work: Path) -> None:
        store = ["--root", str(work / "store"), "--runroot", str(work / "run"), "--storage-driver", "vfs"]
        self._command = [*BESIDE_US, "buildah", *store]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3_000:]
        return done.stdout.strip()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """The image's files, built from the package and a base that debootstrap made."""
    buildah = Builder(tmp_path)
    below = buildah("from", "scratch")
    buildah("add", "--quiet", below, str(base()), "/")
    buildah("commit", "--quiet", "--rm", below, "localhost/bare")
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(ROOT / "packaging" / "relay" / "Containerfile", context)
    shutil.copy(package("relay", "deb", VERSION, tmp_path), context)
    buildah(
        "build",
        "--quiet",
        "--isolation",
        "chroot",
        "--build-arg",
        "BASE=localhost/bare",
        "--tag",
        "relay",
        str(context),
    )
    made = buildah("from", "localhost/relay")
    config = buildah("inspect", "--format", "{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}", made)
    assert config == "64123:64123 [/usr/bin/groundwire-relay]"
    yield Path(buildah("mount", made))
    buildah("umount", made)


def test_the_image_is_built_without_a_network_and_its_relay_runs_as_nobody_of_the_host(mounted: Path) -> None:
    inside = [
        *BESIDE_US,
        "chroot",
        "--userspec=64123:64123",
        str(mounted),
        "env",
        "-i",
        "HOME=/var/lib/groundwire-relay",
    ]
    make = [*inside, "/usr/bin/groundwire-relay", "init", "/etc/groundwire-relay", "--host", "relay.example"]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr

    log = mounted.parent / "relay.log"
    with log.open("wb") as output:
        run = [*inside, "/usr/bin/groundwire-relay", "run", "/etc/groundwire-relay", "--log-format", "json"]
        running = subprocess.Popen(run, stdout=output, stderr=output)
    try:
        eventually(lambda: b"relay_started" in log.read_bytes(), "the relay has started")
    finally:
        running.terminate()
        assert running.wait(60) == 0
    found = {
        (path.stat().st_uid, path.stat().st_mode & 0o007)
        for path in (mounted / "var/lib/groundwire-relay").iterdir()
    }
    assert found == {(64_123, 0)}
    assert os.geteuid() == 0
