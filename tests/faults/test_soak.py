"""Agent and relay under load, with faults, for GROUNDWIRE_SOAK seconds: `make soak SECONDS=3600`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.site import Site
from tests.faults.soak import Sample, Soak, soak

SOAK = os.environ.get("GROUNDWIRE_SOAK")
SECONDS = float(SOAK or 8)
KEEP = os.environ.get("GROUNDWIRE_SOAK_SAMPLES")  # a file for the samples of a long run
GROWTH_MIB = 32.0  # from the second sixth of the time to the last
PAGES_MIB = (
    64.0  # of its files' pages, which the relay's connections may come to keep in the meantime (CACHE_KIB)
)
FILES = 12  # more or less of them, as connections come and go

pytestmark = [pytest.mark.integration, pytest.mark.timeout(0 if SOAK else 180)]


@pytest.fixture(scope="module", autouse=True)
def odbc() -> None:
    import pyodbc

    if "SQLite3" not in pyodbc.drivers():
        pytest.skip("the ODBC driver SQLite3 (package libsqliteodbc) is not installed")


def test_under_load_and_faults_memory_files_and_threads_stay_flat_and_everything_arrives(
    tmp_path: Path,
) -> None:
    with Site(tmp_path / "site") as site:
        try:
            load = soak(site, SECONDS, every=min(10.0, SECONDS / 12))
        finally:
            if KEEP and (site.folder / "soak.jsonl").exists():
                shutil.copy(site.folder / "soak.jsonl", KEEP)

    print(load.samples[0], load.samples[-1], dict(load.done), sep="\n")
    assert load.done["changes"] > SECONDS
    assert growth(load, lambda sample: sample.agent_mib) <= GROWTH_MIB
    assert growth(load, lambda sample: sample.relay_mib) <= GROWTH_MIB + PAGES_MIB
    assert growth(load, lambda sample: sample.agent_files) <= FILES
    assert growth(load, lambda sample: sample.relay_files) <= FILES
    assert growth(load, lambda sample: sample.agent_threads) <= FILES
    assert growth(load, lambda sample: sample.relay_threads) <= FILES


def growth(load: Soak, of: Callable[[Sample], float]) -> float:
    return load.sixth(5, of) - load.sixth(1, of)
