"""The conformance suite over both versions of OData, lines by $expand and from a set of their own, paged by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.suite import DriverConformance, Subject
from tests.odata.orders import driver, orders, service, ties

# Each version with each way to the lines, one of them with a server that cuts its answers short.
WAYS = [(2, False, False), (2, True, True), (4, False, True), (4, True, False)]


@pytest.mark.parametrize(
    ("version", "own_set", "paged"), WAYS, ids=["v2", "v2_own_set_paged", "v4_paged", "v4_own_set"]
)
class TestOData(DriverConformance):
    @pytest.fixture
    async def subject(self, version: int, own_set: bool, paged: bool) -> AsyncIterator[Subject]:
        server = service(version)
        server.or_over_columns = False
        if paged:
            server.page_limit, server.nested_limit = 5, 2
        server.start()
        made = driver(server)
        yield Subject(made, orders(own_set=own_set), line_sets=frozenset({"lines"}), ties=ties())
        await made.aclose()
        server.stop()
