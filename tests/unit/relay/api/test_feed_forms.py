"""The lines of the feed, put together by columns, are those of the documents one by one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import orjson
import pyarrow as pa

from agent.model.payload import PayloadKind, decode, encode_records, encode_tombstones
from agent.model.render import to_documents
from relay.api.feed_forms import JsonLines
from relay.documents import OpenBatch, provenance
from relay.following import Piece
from relay.store.base import BatchHeader, Place
from tests.unit.relay.making import NOW

KEYS = ["1", 'quo"ted', "Å \U0001f600", "line\nbreak", "4"]


def opened(kind: PayloadKind, payload: bytes) -> OpenBatch:
    header = BatchHeader(
        7, "acme", "agt_1", "nav", "nav/orders", "purchase_order", "run-1", kind.value, 3, len(KEYS), NOW,
        len(payload),
    )  # fmt: skip
    return OpenBatch(header, decode(kind.value, payload))


def orders() -> OpenBatch:
    line = [{"line_no": "1", "quantity": Decimal("0.5000")}, {"line_no": None, "quantity": None}]
    table = pa.table(
        {
            "key": KEYS,
            "order_no": pa.array(["a", None, 'b"', "\\", "e"]),
            "total_net_value": pa.array([Decimal("1.5000"), None, Decimal(0), Decimal(-7), Decimal("1E-4")]),
            "line_items": [line, None, [], line[:1], line],
            "updated_at": pa.array(
                [NOW, None, NOW + timedelta(microseconds=5), NOW, NOW], pa.timestamp("us", "UTC")
            ),
        }
    )
    return opened(
        PayloadKind.RECORDS, encode_records(table, {"entity": "purchase_order", "connection": "nav"})
    )


async def test_a_line_is_what_its_document_says() -> None:
    batch = orders()
    lines = (await JsonLines().piece(Piece(batch, 1, 4, Place(7, 3)), "c-1")).splitlines()

    table = batch.decoded.table
    assert table is not None
    documents = to_documents(table, range(1, 4), entity="purchase_order")
    about = {"type": "record", "connection": "nav", "entity": "purchase_order"}
    assert lines == [
        *(
            orjson.dumps({**about, "key": one["key"], "document": one | provenance(batch)})
            for one in documents
        ),
        orjson.dumps({"type": "checkpoint", "cursor": "c-1"}),
    ]


async def test_a_tombstones_line_names_its_key_and_the_moment() -> None:
    payload = encode_tombstones(KEYS, NOW, {"entity": "purchase_order", "connection": "nav"})
    lines = (
        await JsonLines().piece(Piece(opened(PayloadKind.TOMBSTONES, payload), 0, 5, Place(7, 4)), "c")
    ).splitlines()

    told = [orjson.loads(line) for line in lines[:-1]]
    assert [one["key"] for one in told] == [one["document"]["key"] for one in told] == KEYS
    assert {(one["type"], one["document"]["deleted"], one["document"]["deletedAt"]) for one in told} == {
        ("tombstone", True, "2026-01-05T12:00:00Z")
    }
