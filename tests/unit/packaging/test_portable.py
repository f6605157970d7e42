"""The stages of the portable bundle: what is done again, what is not, and what is refused before anything begins."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.packaging_scripts import script

portable = script("portable")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is made on Linux")


class Making(portable.Portable):  # type: ignore[misc, name-defined]
    """Three stages that note that they ran, and no bundle."""

    def __init__(self, work: Path, made_of: dict[str, bytes], broken: str = "") -> None:
        super().__init__(work, "http://mirror.example/debian", 1)
        self.ran: list[str] = []
        self._made_of = made_of
        self._broken = broken

    def _stages(self):
        return [portable.Stage(name, name, of, self._noting(name)) for name, of in self._made_of.items()]

    def _noting(self, name: str):
        def make(log: Path) -> None:
            self.ran.append(name)
            if name == self._broken:
                self._run(log, ["sh", "-c", "echo what went wrong; exit 3"])

        return make

    def _frozen(self) -> Path:
        self.ran.append("frozen")
        return self._work


OF = {"system": b"1", "sources": b"2", "openssl": b"3"}


def ran(work: Path, made_of: dict[str, bytes]) -> list[str]:
    making = Making(work, made_of)
    making.make()
    return making.ran


def test_what_was_made_is_not_made_again_but_for_the_program(tmp_path: Path) -> None:
    assert ran(tmp_path, OF) == ["system", "sources", "openssl", "frozen"]
    assert ran(tmp_path, OF) == ["frozen"]


def test_a_stage_that_changed_is_made_again_with_all_that_follow(tmp_path: Path) -> None:
    ran(tmp_path, OF)

    assert ran(tmp_path, {**OF, "sources": b"other"}) == ["sources", "openssl", "frozen"]


def test_a_run_goes_on_where_the_one_before_it_broke_off(tmp_path: Path) -> None:
    with pytest.raises(portable.Refused, match=r"sh ended with 3(.|\n)*what went wrong"):
        Making(tmp_path, OF, broken="sources").make()

    assert ran(tmp_path, OF) == ["sources", "openssl", "frozen"]


def test_a_stage_has_an_end(tmp_path: Path) -> None:
    making = portable.Portable(tmp_path, "http://mirror.example/debian", 0)

    with pytest.raises(portable.Refused, match="took more than 0 minutes"):
        making._run(tmp_path / "log", ["sleep", "100"])


def test_what_the_machine_lacks_is_said_before_anything_begins() -> None:
    no_root = " ".join(portable.lacking(1_000))
    no_tool = " ".join(portable.lacking(0, {"unshare", "chroot"}.__contains__))
    nothing = " ".join(portable.lacking(0, lambda name: name))

    assert "only root" in no_root
    assert re.search(r"not here: debootstrap, .*; on Debian: apt-get install debootstrap", no_tool)
    assert "root" not in nothing
    assert "not here" not in nothing


def test_everything_that_goes_in_is_locked_with_its_hash(tmp_path: Path) -> None:
    requirements = portable.Portable(tmp_path, "http://mirror.example/debian", 1)._requirements()
    pinned = portable._PINNED.findall(requirements)
    with_hash = [
        found[1] for found in portable._PINNED.finditer(requirements) if "--hash=sha256:" in found[0]
    ]

    assert set(portable.FREEZES) < set(pinned)
    assert with_hash == pinned
