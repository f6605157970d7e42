"""The benchmark at a hundredth of its size: its gate must pass, and must be able to fail."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from bench.initial_sync import judge
from bench.reference import documents, first_difference
from bench.workload import CONNECTION, Workload
from tests.deployment import Deployment
from tests.servers import PostgresServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ORDERS = 2_000


@pytest.fixture(scope="module")
def workload(postgres_server: PostgresServer) -> Iterator[Workload]:
    """`postgres_server` is asked for its skip; the workload has a server of its own, as in the benchmark."""
    with Workload(ORDERS) as made:
        yield made


@pytest.mark.parametrize("columns", ["all", "mapped"])
def test_every_document_equals_the_reference(workload: Workload, tmp_path: Path, columns: str) -> None:
    with Deployment(tmp_path / "site", environment=workload.environment) as site:
        site.connect(CONNECTION, workload.connection(columns))
        site.start_agent()
        runs = site.sync(CONNECTION)
        assert [(run["error"], run["counts"]["enqueued"]) for run in runs] == [(None, ORDERS)]
        judge(workload, site)


def test_the_gate_notices_the_twentieth_decimal(workload: Workload) -> None:
    prices = [
        (number, line["price"], document)
        for document in islice(documents(workload), 50)
        for number, line in enumerate(document["lineItems"])
    ]
    number, price, document = next(found for found in prices if len(found[1].partition(".")[2]) == 20)
    cut = [dict(line) for line in document["lineItems"]]
    cut[number]["price"] = price[:-1]
    assert first_difference(document, {**document, "lineItems": cut}) is not None
    assert first_difference(document, dict(document)) is None
