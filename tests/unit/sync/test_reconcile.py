"""The comparison of keys by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np
import pyarrow as pa
import pytest

from agent.errors import TransientError
from agent.mapping.hashes import key_hashes
from agent.sync.known import Known
from agent.sync.reconcile import compare_with_source
from agent.sync.withheld import Withheld
from drivers.contract import KEY_COLUMN, Page, ReadRequest, StreamSpec

STREAM = StreamSpec("orders", "purchase_order")


class Keys:
    """Gives these keys, a page each; a walk that is not whole ends without its last page."""

    def __init__(self, *keys: str, whole: bool) -> None:
        self._keys = keys
        self._whole = whole

    async def read(self, request: ReadRequest) -> AsyncGenerator[Page, None]:
        for key in self._keys:
            last = self._whole and key == self._keys[-1]
            yield Page(pa.table({KEY_COLUMN: [key]}), key, complete=last)


def known(*keys: str) -> Known:
    hashes = np.sort(key_hashes(pa.array(keys)))
    return Known(hashes, np.ones_like(hashes))


async def test_a_walk_to_its_end_tells_what_is_gone_and_what_was_missed() -> None:
    found = await compare_with_source(
        Keys("A", "C", whole=True), STREAM, known("A", "B"), Withheld(), where="erp/orders"
    )

    assert found.gone.tolist() == key_hashes(pa.array(["B"])).tolist()
    assert found.missed == ("C",)


async def test_nothing_is_concluded_from_keys_that_end_before_their_last_page() -> None:
    with pytest.raises(TransientError, match="nothing is concluded"):
        await compare_with_source(
            Keys("A", whole=False), STREAM, known("A", "B"), Withheld(), where="erp/orders"
        )
