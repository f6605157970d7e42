"""What every test may ask for: real servers, the data beside the checkout, and Hypothesis profiles."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import structlog
from hypothesis import HealthCheck, settings

from agent import secrets
from tests import canaries
from tests.nats_server import NatsServer
from tests.order import slowest_first
from tests.servers import DatabaseServer, MariaDbServer, PostgresServer, ServerUnavailable

ServerT = TypeVar("ServerT", bound=DatabaseServer | NatsServer)

ROOT = Path(__file__).resolve().parents[1]
PACKAGES_STATE = ROOT / "build" / "debian-packages.state"  # written by .ci/debian-packages.sh

_SLOW_MACHINE = [HealthCheck.too_slow]  # no test asserts timings, nor should the library
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=100, suppress_health_check=_SLOW_MACHINE
)
settings.register_profile("dev", deadline=None, max_examples=50, suppress_health_check=_SLOW_MACHINE)
settings.register_profile("deep", deadline=None, max_examples=5_000, suppress_health_check=_SLOW_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "dev"))


def pytest_configure(config: pytest.Config) -> None:
    """No test may let a secret out: see tests/canaries.py. Slow files come first: see tests/order.py."""
    config.pluginmanager.register(canaries.Canaries())
    config.pluginmanager.register(slowest_first(config))


@pytest.fixture(autouse=True)
def redaction_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process masks every secret it ever resolved; a secret of one test must not mask words of another."""
    monkeypatch.setattr(secrets, "REDACTION", secrets.Redaction())


@pytest.fixture(autouse=True)
def logging_of_its_own() -> Iterator[None]:
    """A command that runs in a test's own process sets logging up for the whole process: the next test has its own."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    structlog.reset_defaults()  # whatever a fixture of a whole file, or of the run, has left
    yield
    structlog.reset_defaults()
    if root.handlers != handlers:
        root.handlers = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    yield from _running(PostgresServer())


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDbServer]:
    yield from _running(MariaDbServer())


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """One for each test: they kill and wipe it."""
    yield from _running(NatsServer())


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder `shared` beside the checkout, which holds the sample data")
    return folder


def _running(server: ServerT) -> Iterator[ServerT]:
    try:
        server.__enter__()
    except ServerUnavailable as reason:
        _skip_or_fail(str(reason))
    try:
        yield server
    finally:
        server.stop()


def _skip_or_fail(reason: str) -> None:
    """In CI a skip would hide that a whole kind of test no longer runs."""
    installed = PACKAGES_STATE.exists() and PACKAGES_STATE.read_text().strip() == "installed"
    if os.environ.get("CI") == "true" and sys.platform == "linux" and installed:
        pytest.fail(f"{reason}, though .ci/debian-packages.sh says that everything is installed")
    pytest.skip(f"{reason}; run .ci/debian-packages.sh")
