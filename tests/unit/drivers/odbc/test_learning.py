"""What a stream's query may be."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import BadConfiguration, StreamSpec
from drivers.odbc.learning import learn


@pytest.mark.parametrize("query", [" ", " ; ", "\n", "delete from po", "exec p"])
def test_what_is_no_query_is_refused_before_anything_is_asked(query: str) -> None:
    nobody: Any = None

    with pytest.raises(BadConfiguration) as caught:
        learn(nobody, StreamSpec("s", "vendor", {"query": query, "key": ["id"]}))

    assert caught.value.where == "streams.s.read.query"
