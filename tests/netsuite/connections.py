"""Drivers of the fake, and streams of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.systems import profile
from drivers.contract import StreamSpec
from drivers.netsuite.driver import NetSuiteDriver
from tests.netsuite import signatures
from tests.netsuite.server import NetSuite

ACCOUNT = "1234567_SB1"
Make = Callable[..., NetSuiteDriver]


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def curve_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def of_profile(name: str, system: str = "netsuite") -> tuple[StreamSpec, CompiledMapping]:
    """A stream of the shipped profile, with the columns that its mapping uses."""
    table = profile(system)["streams"][name]
    mapping = compile_mapping(table["map"], entity=table["entity"], where=name)
    columns = tuple(sorted(mapping.source_columns))
    return StreamSpec(name, table["entity"], table["read"], columns, table.get("write", {})), mapping


def oauth2(account: NetSuite, *, curve: bool = True) -> tuple[dict[str, Any], dict[str, str]]:
    key = curve_key() if curve else rsa_key()
    account.public_key = key.public_key()
    auth = {
        "kind": "oauth2_certificate",
        "client_id": signatures.CLIENT_ID,
        "certificate_id": signatures.CERTIFICATE_ID,
    }
    return auth, {"private_key": signatures.pem_of(key)}


def token_based() -> tuple[dict[str, Any], dict[str, str]]:
    auth = {
        "kind": "oauth1",
        "consumer_key": {"secret": "consumer_key"},
        "token_id": {"secret": "token_id"},
    }
    secrets = {
        "consumer_key": signatures.CONSUMER,
        "consumer_secret": signatures.CONSUMER_SECRET,
        "token_id": signatures.TOKEN,
        "token_secret": signatures.TOKEN_SECRET,
    }
    return auth, secrets


def driver(account: NetSuite, *, signed: bool = False, **options: Any) -> NetSuiteDriver:
    """`signed`: by token-based authentication."""
    auth, secrets = token_based() if signed else oauth2(account)
    return NetSuiteDriver(
        "test",
        {
            "account": ACCOUNT,
            "url": account.url,
            "auth": auth,
            "time_zone": "America/Los_Angeles",
            **options,
        },
        secrets,
    )


@contextmanager
def running(**options: Any) -> Iterator[NetSuite]:
    account = NetSuite(**options)
    account.start()
    try:
        yield account
    finally:
        account.stop()


@asynccontextmanager
async def drivers_of(account: NetSuite) -> AsyncIterator[Make]:
    """Makes drivers of the account, and closes them at the end."""
    found: list[NetSuiteDriver] = []

    def build(**options: Any) -> NetSuiteDriver:
        found.append(driver(account, **options))
        return found[-1]

    yield build
    for each in found:
        await each.aclose()


def orders(**changes: Any) -> StreamSpec:
    read = {
        "query": "select t.id, t.tranid, t.trandate, t.duedate, BUILTIN.DF(t.status) as statusname, t.entity, t.memo,"
        " t.foreigntotal, t.lastmodifieddate from transaction t where t.type = 'PurchOrd'",
        "key": ["id"],
        "replication_key": "lastmodifieddate",
        "types": {
            "trandate": "date",
            "duedate": "date",
            "lastmodifieddate": "timestamp_tz",
            "foreigntotal": "decimal",
        },
        "lines": {
            "lines": {
                "query": "select l.transaction, l.id, l.linesequencenumber, l.item, l.quantity, l.rate,"
                " l.expectedreceiptdate, l.isclosed from transactionline l where l.mainline = 'F'",
                "parent": ["transaction"],
                "order_by": ["linesequencenumber"],
                "types": {
                    "quantity": "decimal",
                    "rate": "decimal",
                    "expectedreceiptdate": "date",
                    "isclosed": "boolean",
                },
            }
        },
        **changes,
    }
    return StreamSpec("orders", "purchase_order", read)


def ties() -> StreamSpec:
    read = {
        "query": "select id, lastmodifieddate from transaction where type = 'Tie'",
        "key": ["id"],
        "replication_key": "lastmodifieddate",
        "types": {"lastmodifieddate": "timestamp_tz"},
    }
    return StreamSpec("ties", "purchase_order", read)


def writable_orders() -> StreamSpec:
    write = {
        "types": {
            "vendorKey": "key",
            "dueAt": "date",
            "status": "reference",
            "lineItems.materialKey": "key",
            "lineItems.lineNo": "integer",
            "lineItems.quantity": "decimal",
            "lineItems.price": "decimal(16,3)",
            "lineItems.dueAt": "date",
        },
        "create": {
            "required": ["vendorKey", "lineItems", "lineItems.materialKey", "lineItems.quantity"],
            "reference": "result.tranId",
            "steps": [
                {
                    "create": "purchaseOrder",
                    "values": {"entity": "vendorKey", "dueDate": "dueAt", "memo": "notes"},
                    "lines": {
                        "item": {
                            "for_each": "lineItems",
                            "values": {
                                "item": "lineItems.materialKey",
                                "quantity": "lineItems.quantity",
                                "rate": "lineItems.price",
                                "expectedReceiptDate": "lineItems.dueAt",
                            },
                        }
                    },
                }
            ],
        },
        "update": {
            "find": "select id from transaction where custbody_gw_command = :idempotencyKey and id = :key",
            "steps": [
                {
                    "update": "purchaseOrder",
                    "set": {"memo": "notes", "dueDate": "dueAt", "custbody_gw_command": "idempotencyKey"},
                    "lines": {
                        "item": {
                            "for_each": "lineItems",
                            "values": {
                                "line": "lineItems.lineNo",
                                "quantity": "lineItems.quantity",
                            },
                        }
                    },
                }
            ],
        },
        "delete": {"steps": [{"delete": "purchaseOrder"}]},
        "set_status": {
            "statuses": {"approved": "2", "rejected": "3"},
            "steps": [{"update": "purchaseOrder", "set": {"approvalStatus": "status"}}],
        },
    }
    read = orders()
    return StreamSpec("orders", "purchase_order", read.options, write=write)
