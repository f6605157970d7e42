"""Changed mappings after a power cut at any moment: what was answered is in force, or the version under way, whole.

What a change took out of the mapping must not travel again because the lights went out: a state in between, or none,
would be the connection file alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.audit.trail import Actor, Origin
from agent.errors import GroundwireError, StorageDamaged, StorageFull, VersionMismatch
from agent.mapping.overlay import Action, Change, Overlay, apply, changed
from agent.mappings.versions import VersionStore
from agent.vault.files import SystemDisk
from tests.faults.forgetful_disk import ForgetfulDisk

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ANNA = Actor(Origin.LOCAL, "anna")
BASE: dict[str, Any] = {"orderNo": "no", "title": "salary"}
CHANGES = (
    Change(("title",), Action.REMOVE),
    Change(("custom", "region"), spec="region"),
    Change(("notes",), spec={"const": "x" * 5_000}),
    Change(("custom", "region"), Action.RESET),
)


def put(store: VersionStore, stream: str, change: Change) -> None:
    history = store.history("erp", stream)
    overlay = changed(BASE, history.overlay, [change])
    store.add("erp", stream, history.next(BASE, overlay, at=AT, actor=ANNA))


def in_force(state_dir: Path, stream: str = "orders") -> dict[str, Any]:
    return apply(BASE, VersionStore(state_dir).history("erp", stream).overlay)


def images(state_dir: Path, taken: list[Path]) -> Iterator[Path]:
    """Each as the state folder it would be."""
    for number, image in enumerate(taken):
        folder = state_dir / f"image-{number}"
        folder.mkdir()
        image.rename(folder / "mappings")
        yield folder


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_a_power_cut_leaves_the_version_in_force_or_the_next_one(tmp_path: Path, number: int) -> None:
    for change in CHANGES[:number]:
        put(VersionStore(tmp_path), "orders", change)
    put(VersionStore(tmp_path), "vendors", CHANGES[0])
    before = in_force(tmp_path)
    disk = ForgetfulDisk(tmp_path / "mappings", tmp_path / "images")

    put(VersionStore(tmp_path, disk), "orders", CHANGES[number])

    after = in_force(tmp_path)
    assert before != after
    assert len(disk.taken) > 5
    for folder in images(tmp_path, disk.taken):
        assert in_force(folder) in (before, after)
        assert in_force(folder, "vendors") == {"orderNo": "no"}, "another stream's changes are lost"
        put(VersionStore(folder), "orders", Change(("title",), spec="other"))  # and it goes on from there
        assert in_force(folder)["title"] == "other"


def test_the_images_notice_a_file_that_is_written_in_place(tmp_path: Path) -> None:
    """The model is worth something: a careless way of writing fails it."""
    put(VersionStore(tmp_path), "orders", CHANGES[0])
    before = in_force(tmp_path)

    class Careless(ForgetfulDisk):
        def create(self, path: Path, content: bytes) -> None:
            target = path.with_suffix("")
            target.unlink()
            super().create(target, content)

        def rename(self, old: Path, new: Path) -> None:
            pass

    disk = Careless(tmp_path / "mappings", tmp_path / "images")
    put(VersionStore(tmp_path, disk), "orders", CHANGES[1])
    after = in_force(tmp_path)

    def survives(folder: Path) -> bool:
        try:
            return in_force(folder) in (before, after)
        except Exception:
            return False

    assert not all(survives(folder) for folder in images(tmp_path, disk.taken))


def test_the_first_change_ever_makes_its_folder_durable_too(tmp_path: Path) -> None:
    class Watched(SystemDisk):
        def __init__(self) -> None:
            self.synced: list[Path] = []

        def sync_folder(self, folder: Path) -> None:
            super().sync_folder(folder)
            self.synced.append(folder)

    disk = Watched()
    put(VersionStore(tmp_path, disk), "orders", CHANGES[0])

    assert disk.synced == [tmp_path, tmp_path / "mappings"]


def test_a_version_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    put(VersionStore(tmp_path), "orders", CHANGES[0])

    class Failing(SystemDisk):
        def create(self, path: Path, content: bytes) -> None:
            super().create(path, content[: len(content) // 2])
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageFull):
        put(VersionStore(tmp_path, Failing()), "orders", CHANGES[1])

    assert in_force(tmp_path) == apply(BASE, changed(BASE, Overlay(), CHANGES[:1]))
    put(VersionStore(tmp_path), "orders", CHANGES[1])


def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path) -> None:
    """Also one that leaves a file that reads well: it could name another column."""
    put(VersionStore(tmp_path), "orders", CHANGES[0])
    file = tmp_path / "mappings" / "erp.json"
    content = file.read_bytes()

    for place in range(len(content)):
        for bit in (0x01, 0x04, 0x20, 0x80):
            file.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            error = refusal(tmp_path)
            assert error is not None, f"bit {bit} of byte {place}"
            assert isinstance(error, StorageDamaged | VersionMismatch)
            assert error.where == str(file)
            assert error.hint


def refusal(state_dir: Path) -> GroundwireError | None:
    try:
        in_force(state_dir)
    except GroundwireError as error:
        return error
    return None


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    for change in CHANGES[:2]:
        put(VersionStore(tmp_path), "orders", change)
    file = tmp_path / "mappings" / "erp.json"
    content = file.read_bytes()

    for length in range(len(content) - 1):  # the last byte ends a line, and says nothing
        file.write_bytes(content[:length])
        with pytest.raises(StorageDamaged):
            in_force(tmp_path)
