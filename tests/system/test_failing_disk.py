"""The disk under a running agent's outbox: full, it waits; failing, it ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system.workplace import Workplace

# The command line over a disk that is full, or fails to write, as long as a file of that name lies beside the outbox.
FRAIL_COMMAND_LINE = """
import sys
from pathlib import Path
import apsw

state = Path(sys.argv.pop(1))
PLATFORM = apsw.vfs_names()[0]

class FrailFile(apsw.VFSFile):
    def __init__(self, name, flags):
        super().__init__(PLATFORM, name, flags)
    def xWrite(self, data, offset):
        if (state / "full").exists():
            raise apsw.FullError("no space left on device")
        super().xWrite(data, offset)
    def xSync(self, flags):
        if (state / "failing").exists():
            raise apsw.IOError("fsync failed")
        super().xSync(flags)

class FrailDisk(apsw.VFS):
    def __init__(self):
        super().__init__("frail", PLATFORM, makedefault=True)
    def xOpen(self, name, flags):
        return FrailFile(name, flags)

disk = FrailDisk()
from agent.cli import main
main()
"""


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path / "c")
    place.connect_sandbox()
    place.command = (sys.executable, "-c", FRAIL_COMMAND_LINE, str(place.state))
    return place


def test_after_an_io_error_the_whole_agent_ends_and_the_next_one_goes_on(place: Workplace) -> None:
    with place.agent() as agent:
        assert place.run("sync", "box/vendors").code == 0
        (place.state / "failing").touch()
        broken = place.run("sync", "box", "--json")
        code, log = agent.wait_for_end(), agent.log()
    (place.state / "failing").unlink()
    with place.agent() as next_agent:
        held = next_agent.call("outbox")["pending_batches"]
        synced = place.run("sync", "box", "--json")

    assert code == 4
    assert "outbox.db" in log
    assert "fsync failed" in log
    assert log.count("What to do: Check the disk") == 1
    assert broken.code in (
        4,
        5,
    )  # told of the disk, or only that the agent has gone, as it may be too late to tell
    assert held > 0  # what was durable before
    assert synced.code == 0


def test_an_io_error_ends_a_sync_without_an_agent_too(place: Workplace) -> None:
    assert place.run("sync", "box/vendors").code == 0
    (place.state / "failing").touch()

    answer = place.run("sync", "box")

    assert answer.code == 4
    assert "outbox.db" in answer.stderr


def test_on_a_full_disk_the_agent_waits_and_goes_on_by_itself(place: Workplace) -> None:
    with place.agent() as agent:
        assert place.run("sync", "box/vendors").code == 0
        before = agent.call("outbox")["pending_batches"]
        (place.state / "full").touch()
        refused = place.run("sync", "box/purchase_orders", "--json")
        shown = agent.stream("box/purchase_orders")
        still = agent.call("outbox")["pending_batches"]
        (place.state / "full").unlink()
        synced = place.run("sync", "box/purchase_orders", "--json")

    assert refused.code == 5
    assert refused.document["runs"][0]["error"]["code"] == "storage_full"
    assert "Make room" in refused.document["runs"][0]["error"]["hint"]
    assert shown["state"] == "retrying"
    assert still == before
    assert synced.code == 0
    assert synced.document["runs"][0]["status"] == "succeeded"


def test_an_agent_starts_and_stops_on_a_full_disk(place: Workplace) -> None:
    assert place.run("sync", "box/vendors").code == 0
    (place.state / "full").touch()

    with place.agent() as agent:
        held = agent.call("outbox")["pending_batches"]
        refused = place.run("sync", "box/vendors", "--json")
        code = agent.stop()

    assert held > 0
    assert refused.code == 5
    assert code == 0
