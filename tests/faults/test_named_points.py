"""F01 and F24: `kill -9` at every named point of the way of a record and of a command, on both sides.

After each the same files are taken up by the next process. At the end everything is there once, and every command has
an outcome. GROUNDWIRE_POINTS says how often each point is taken, each time at a later passing where one life has
several; above 1 every life is also started as a user starts it, with its imports.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.outbox.opening import MIGRATIONS, open_database
from tests.deployment import READY_SECONDS
from tests.faults.mortal import AGENT_POINTS, COMMAND_POINTS, RELAY_POINTS, START_POINTS
from tests.faults.order_book import OrderBook
from tests.faults.site import Site
from tests.life import Life, started_whole

ROUNDS = int(os.environ.get("GROUNDWIRE_POINTS", "1"))
pytestmark = [pytest.mark.integration, pytest.mark.timeout(0 if ROUNDS > 1 else 600)]
NAME = "erp"
STOP_SECONDS = 25.0
RESTARTS = int(os.environ.get("GROUNDWIRE_RESTARTS", "1"))
RESUMED_SECONDS = 5.0
ONCE = {
    *("epoch to be kept", "epoch kept", "epoch given", "command noted as sent", "answer stored"),
    *COMMAND_POINTS,
}  # passed once in a life: by a session, or by the one command that is asked for
POLITE_POINTS = (
    *START_POINTS,
    "page mapped",
    "batches written",
    "append committed",
    "batch to be sent",
    "ack received",
    "command started",
)


class MortalSite(Site):
    """Both sides run with a point at which they die, if there is one."""

    def spawn(self, what: str, point: str, *words: str, **more: str) -> subprocess.Popen[bytes]:
        mortal = {"GROUNDWIRE_RESUMED": str(self.resumed), "GROUNDWIRE_DIES_AT": point}
        environment = {**self._environment, **mortal, **more}
        start = started_whole if ROUNDS > 1 else Life
        life = start(words, environment, self.folder / f"{what}.log", program="tests.faults.mortal")
        self._loose.append(life)
        return life

    def _spawn(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        return self.spawn(kind, "", *arguments)

    def _groundwire(self, *arguments: str) -> str:
        said = self.folder / "said.txt"
        said.unlink(missing_ok=True)
        life = Life(
            arguments, self._environment, self.folder / "commands.log", said, program="tests.faults.mortal"
        )
        code = life.wait(READY_SECONDS)
        assert code == 0, f"{arguments[0]}\n{self.log_tail()}"
        return said.read_text()

    @property
    def resumed(self) -> Path:
        return self.folder / "resumed"

    def end_at(self, book: OrderBook, point: str) -> tuple[int, float]:
        """SIGTERM at a point of the agent: its exit code, and how long it took from then on at the most."""
        process = self.spawn("agent", point, "run", "--config", str(self.config), GROUNDWIRE_POLITE="1")
        log = self.folder / "agent.log"
        before = log.read_bytes().count(b"agent_stopping")
        asked = deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None:
            now = time.monotonic()
            assert now < deadline + STOP_SECONDS, f"{point}\n{self.log_tail()}"
            if log.read_bytes().count(b"agent_stopping") > before:
                asked = min(asked, now)
            elif process.poll() is None:
                book.change()
            time.sleep(0.05)
        return process.returncode, max(0.0, time.monotonic() - asked)

    def live_with(self, agent: str = "", relay: str | None = None) -> None:
        """Start the agent, with the point at which it dies; and the relay, if it is not to stay as it is."""
        if relay is not None:
            self._relay = self.spawn("relay", relay, "relay", "run", str(self.relay))
        if self._agent is None:
            self.resumed.unlink(missing_ok=True)
            self._agent = self.spawn("agent", agent, "run", "--config", str(self.config))

    def seconds_to_the_first_page(self, began: float) -> list[float]:
        """Of the agent that died last, if it came so far."""
        return [float(self.resumed.read_text().split()[0]) - began] if self.resumed.exists() else []

    def restart_until_it_reads(self) -> tuple[float, float]:
        """As a user starts it, with its imports: seconds to the first page, and of them those of the processor."""
        self.resumed.unlink(missing_ok=True)
        began = time.monotonic()
        self._agent = started_whole(
            ("run", "--config", str(self.config)),
            {**self._environment, "GROUNDWIRE_RESUMED": str(self.resumed)},
            self.folder / "agent.log",
            program="tests.faults.mortal",
        )
        self._loose.append(self._agent)
        self.wait_until("the agent reads", lambda: self.resumed.exists() and self.resumed.read_text())
        at, processor = map(float, self.resumed.read_text().split())
        return at - began, processor

    def live_until_killed(self, book: OrderBook, process: subprocess.Popen[bytes], what: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None:
            assert time.monotonic() < deadline, f"{what} was never passed\n{self.log_tail()}"
            book.change()
            time.sleep(0.05)
        assert process.returncode == -signal.SIGKILL, self.log_tail()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[MortalSite]:
    pyodbc = pytest.importorskip("pyodbc")
    if "SQLite3" not in pyodbc.drivers():
        pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")
    with MortalSite(tmp_path) as made:
        yield made


def book_of(site: MortalSite) -> OrderBook:
    book = OrderBook(site.folder / "erp.db", orders=120)
    site.connect(NAME, book.connection())
    return book


def wishes(points: dict[str, tuple[str, str, str]]) -> list[str]:
    rounds = range(1, ROUNDS + 1)
    return [f"{point}#{1 if point in ONCE else number}" for number in rounds for point in points]


def test_an_agent_killed_at_any_point_of_a_records_way_reads_on_and_loses_and_repeats_nothing(
    site: MortalSite,
) -> None:
    book = book_of(site)
    seconds: list[float] = []
    for wish in wishes(AGENT_POINTS):
        began = time.monotonic()
        site.live_with(agent=wish)
        assert site._agent is not None
        site.live_until_killed(book, site._agent, wish)
        site._agent = None
        seconds += site.seconds_to_the_first_page(began)

    site.live_with()
    site.settle(NAME, book)
    print(f"\nfrom the start behind a kill to the first page read, {len(seconds)} times: ", end="")
    print(f"median {statistics.median(seconds):.1f} s, longest {max(seconds):.1f} s")


def test_an_agent_reads_on_within_seconds_of_its_start_behind_a_kill(site: MortalSite) -> None:
    """By the processor, of which a busy machine gives it little; GROUNDWIRE_RESTARTS=20, at rest: by the clock too."""
    book = book_of(site)
    site.live_with()
    site.wait_until_connected()
    lives = []
    for _ in range(RESTARTS):
        site.kill_agent()
        book.change()
        lives.append(site.restart_until_it_reads())

    seconds, processor = (sorted(each) for each in zip(*lives, strict=True))
    print(f"\nfrom the start behind a kill to the first page read, {RESTARTS} times: ", end="")
    print(f"median {statistics.median(seconds):.1f} s, longest {seconds[-1]:.1f} s; ", end="")
    print(f"of the processor median {statistics.median(processor):.1f} s, most {processor[-1]:.1f} s")
    assert processor[-1] <= RESUMED_SECONDS
    assert RESTARTS == 1 or seconds[-1] <= RESUMED_SECONDS


def test_an_agent_killed_at_any_point_of_a_commands_way_tells_its_outcome(site: MortalSite) -> None:
    book = book_of(site)
    site.live_with()
    site.wait_until_connected()
    site.sync(NAME)
    site.kill_agent()
    asked = []
    for wish in wishes(COMMAND_POINTS):
        asked.append(site.post(f"/connections/{NAME}/syncs", {"streams": ["vendors"]})["id"])
        site.live_with(agent=wish)
        assert site._agent is not None
        site.live_until_killed(book, site._agent, wish)
        site._agent = None

    site.live_with()
    site.settle(NAME, book)
    states = {command: site.wait_for_command(command)["state"] for command in asked}
    assert set(states.values()) <= {"succeeded", "failed", "in_doubt"}, states


def test_an_agent_told_to_stop_at_any_point_ends_in_time_and_goes_on_later(site: MortalSite) -> None:
    """F24: in a start that brings an older file forward, in the first sync, in an append, at sending, in a command."""
    book = book_of(site)
    longest = 0.0
    for point in POLITE_POINTS:
        if point == POLITE_POINTS[0]:
            open_database(site.state / "outbox.db", wal_bytes=2**20, migrations=MIGRATIONS[:1]).close()
        elif point in COMMAND_POINTS:
            site.post(f"/connections/{NAME}/syncs", {"streams": ["vendors"]})
        code, seconds = site.end_at(book, point)

        # Before the agent listens to signals, the first one ends it, as it ends any process.
        assert code in ((0, -signal.SIGTERM) if point in START_POINTS else (0,)), site.log_tail()
        longest = max(longest, seconds)
    assert longest < STOP_SECONDS

    site.live_with()
    site.settle(NAME, book)
    print(f"\nfrom SIGTERM to the end: longest of {len(POLITE_POINTS)} {longest:.1f} s")


def test_a_relay_killed_at_any_point_loses_and_repeats_nothing(site: MortalSite) -> None:
    book = book_of(site)
    site.kill_relay()
    for wish in wishes(RELAY_POINTS):
        site.live_with(relay=wish)
        assert site._relay is not None
        if "command" in wish or "answer" in wish:
            site.wait_until_connected()
            with suppress(OSError):  # the relay may die of the question
                site.post(f"/connections/{NAME}/syncs", {"streams": ["vendors"]})
        site.live_until_killed(book, site._relay, wish)
        site._relay = None

    site.live_with(relay="")
    site.settle(NAME, book)
    asked = [command["id"] for command in site.get("/commands")["items"]]
    states = {command: site.wait_for_command(command)["state"] for command in asked}
    assert asked
    assert set(states.values()) <= {"succeeded"}, states
