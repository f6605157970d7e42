"""The copy of the state that an upgrade keeps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.errors import AlreadyRunning, ConfigurationError, StorageFull, VersionMismatch
from agent.outbox.limits import OUTBOX_FILE
from agent.outbox.store import Outbox
from agent.upgrade import copying
from tests.released.golden import VERSIONS, unpack
from tests.released.test_newer import contents, sql, text

GO_BACK = "import pathlib, sys; from agent.upgrade import copying; print(copying.put_back_what_is_newer(pathlib.Path(sys.argv[1])))"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack(VERSIONS[-1], tmp_path)


@pytest.fixture
def state(folder: Path) -> Path:
    return folder / "agent" / "state"


async def test_a_copy_holds_what_was_committed_last_and_opens_by_itself(state: Path) -> None:
    async with await Outbox.open(state / OUTBOX_FILE, clock=ManualClock()) as outbox:
        before = await outbox.stats()

    copying.copy_state(state)

    copy = state / copying.COPY / OUTBOX_FILE
    assert [path.name for path in copy.parent.glob("outbox.db*")] == [OUTBOX_FILE]
    async with await Outbox.open(copy, clock=ManualClock()) as outbox:
        assert (await outbox.stats()).pending_batches == before.pending_batches > 0


async def test_no_copy_is_taken_of_an_outbox_that_an_agent_holds(state: Path) -> None:
    async with await Outbox.open(state / OUTBOX_FILE, clock=ManualClock()):
        with pytest.raises(AlreadyRunning):
            copying.copy_state(state)

    assert not (state / copying.COPY).exists()


def test_a_copy_that_the_disk_has_no_room_for_is_refused_before_it_begins(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(state)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1024))

    with pytest.raises(StorageFull, match="MiB"):
        copying.copy_state(state)

    assert not list(state.glob(f"{copying.COPY}*"))


@pytest.mark.parametrize("name", [OUTBOX_FILE, "vault.json", "audit"])
def test_a_way_back_that_is_cut_between_its_renames_loses_no_file(
    folder: Path, state: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying.copy_state(state)
    damage = {
        OUTBOX_FILE: sql(f"agent/state/{OUTBOX_FILE}", "PRAGMA user_version = 99"),
        "audit": text("agent/state/audit/*.jsonl"),
    }
    damage.get(name, text("agent/state/vault.json"))(folder)
    replace = Path.replace

    def cut(path: Path, target: Path) -> Path:
        if path.name.endswith(".back"):
            raise KeyboardInterrupt  # as the machine's end would
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            copying.put_back_what_is_newer(state)
    assert not (state / name).exists()

    copying.put_back_what_is_newer(state)

    assert (state / name).exists()
    assert not list(state.rglob("*.back"))
    assert copying.put_back_what_is_newer(state) == ()


def test_only_what_cannot_be_read_is_put_back(folder: Path, state: Path) -> None:
    copying.copy_state(state)
    text("agent/state/vault.json")(folder)
    text("agent/state/audit/*.jsonl")(folder)
    refused = (state / "refused.json").read_bytes().replace(b"refused", b"since refused")
    (state / "refused.json").write_bytes(refused)

    assert copying.put_back_what_is_newer(state) == ("vault", "audit log")

    assert b'"format": 1' in (state / "vault.json").read_bytes()
    assert b'"format": 99' in (state / copying.ASIDE / "vault.json").read_bytes()
    assert (state / "audit" / "head").exists()
    assert (state / "refused.json").read_bytes() == refused
    assert copying.put_back_what_is_newer(state) == ()


def test_without_a_copy_nothing_is_touched(folder: Path, state: Path) -> None:
    text("agent/state/vault.json")(folder)
    before = contents(folder)

    with pytest.raises(ConfigurationError, match="no copy of it"):
        copying.put_back_what_is_newer(state)

    assert contents(folder) == before


def test_an_outbox_whose_commands_cannot_be_carried_over_is_not_gone_back_from(
    folder: Path, state: Path
) -> None:
    """A write that the newer version did could be done twice."""
    copying.copy_state(state)
    newer = "drop table command; pragma user_version = 99"
    sql(f"agent/state/{OUTBOX_FILE}", newer)(folder)

    with pytest.raises(VersionMismatch, match="done twice"):
        copying.put_back_what_is_newer(state)

    assert not (state / copying.ASIDE / OUTBOX_FILE).exists()


@pytest.mark.skipif(os.name != "posix", reason="named pipes lie elsewhere there")
def test_pipes_that_somebody_planted_hold_nobody_who_goes_back(state: Path) -> None:
    """The service's account, taken over: root would wait at one for ever, and the old version never come back."""
    copying.copy_state(state)
    planted = (
        "vault.json",
        "identity.json",
        "audit/20260101.jsonl",
        "mappings/evil.json",
        "outbox.db-journal",
    )
    for name in planted:
        (state / name).parent.mkdir(exist_ok=True)
        (state / name).unlink(missing_ok=True)
        os.mkfifo(state / name)

    done = subprocess.run(
        [sys.executable, "-c", GO_BACK, str(state)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout == "()\n", done.stderr
    assert all((state / name).is_fifo() for name in planted)


@pytest.mark.skipif(os.name != "posix", reason="named pipes lie elsewhere there")
def test_a_pipe_beside_the_outbox_is_named_and_other_ones_are_left_out_of_the_copy(state: Path) -> None:
    for name in ("mappings/evil.json", "vault.generation"):
        (state / name).unlink(missing_ok=True)
        os.mkfifo(state / name)

    copying.copy_state(state)

    assert not (state / copying.COPY / "mappings" / "evil.json").exists()
    os.mkfifo(state / f"{OUTBOX_FILE}-journal")
    with pytest.raises(ConfigurationError, match="no plain file"):
        copying.copy_state(state)
