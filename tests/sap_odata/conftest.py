"""A system of each kind for one test, over HTTP on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.canaries import canary
from tests.sap_odata.company import published_here
from tests.sap_odata.gateway import Gateway
from tests.sap_odata.metadata import ABSENT
from tests.sap_odata.service_layer import ServiceLayer

USER, PASSWORD = "GROUNDWIRE", canary("-1")


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    if not published_here():
        pytest.skip(ABSENT)
    made = Gateway()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def service_layer() -> Iterator[ServiceLayer]:
    made = ServiceLayer()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, auth=(USER, PASSWORD), trust_env=False) as client:
        yield client
