"""Writes to the sandbox: they answer as an ERP would, and change nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zlib import crc32

import numpy as np

from drivers.contract import Message, Outcome, OutcomeStatus, WriteCommand
from drivers.sandbox import purchase_orders, work_orders
from drivers.sandbox.operations import can
from drivers.sandbox.purchase_orders import PurchaseOrders
from drivers.sandbox.tables import Assets, InventoryItems, Vendors
from drivers.sandbox.work_orders import WorkOrders

# Always wrong, whatever the seed: for whoever tries out what a failure looks like.
INVALID_VENDOR: Final = "V-INVALID"
OUT_OF_STOCK_ITEM: Final = "I-OUT-OF-STOCK"
KEPT_OUTCOMES: Final = 10_000  # a repeat comes within minutes; an older one gets the same answer made anew
_NAMED_BY: Final = {"vendor": "name", "inventory_item": "code", "asset": "code", "work_order": "title"}


class Writes:
    def __init__(
        self,
        orders: PurchaseOrders,
        work: WorkOrders,
        items: InventoryItems,
        vendors: Vendors,
        assets: Assets,
    ) -> None:
        self._orders = orders
        self._work = work
        self._items = items
        self._vendors = vendors
        self._assets = assets
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()

    def execute(self, command: WriteCommand, now: int) -> Outcome:
        """A repeat of an idempotency key gets the outcome of the first time."""
        if not can(command.operation, command.entity):
            message = Message(
                f"the sandbox cannot {command.operation} a {command.entity}", "NOT_SUPPORTED", "operation"
            )
            return Outcome(OutcomeStatus.FAILED, messages=(message,))
        known = self._outcomes.get(command.idempotency_key)
        if known is not None:
            return known
        messages = tuple(self._faults(command, now))
        outcome = Outcome(OutcomeStatus.FAILED, messages=messages) if messages else _succeeded(command)
        self._outcomes[command.idempotency_key] = outcome
        while len(self._outcomes) > KEPT_OUTCOMES:
            self._outcomes.popitem(last=False)
        return outcome

    def find_effect(self, idempotency_key: str) -> Outcome | None:
        """Only of a write that succeeded: one that failed has no effect that could be found."""
        outcome = self._outcomes.get(idempotency_key)
        return outcome if outcome is not None and outcome.status is OutcomeStatus.SUCCEEDED else None

    def _faults(self, command: WriteCommand, now: int) -> Iterator[Message]:
        if command.operation != "create":
            yield from self._faults_of_target(command, now)
        if command.operation == "set_status":
            if not _text(command.record, "status"):
                yield Message("a status is needed", "FIELD_MISSING", "status")
        elif command.entity == "purchase_order":
            yield from self._faults_of_order(command, now)
        elif command.operation == "create":
            name = _NAMED_BY[command.entity]
            if not _text(command.record, name):
                yield Message(f"a {command.entity} needs {name}", "FIELD_MISSING", name)
        if command.entity == "work_order" and _text(command.record, "assetKey"):
            asset = _text(command.record, "assetKey")
            if not self._assets.exists(asset, now):
                yield Message(f"there is no asset {asset}", "ASSET_UNKNOWN", "assetKey")

    def _faults_of_target(self, command: WriteCommand, now: int) -> Iterator[Message]:
        key = _text(command.record, "key")
        if not key:
            yield Message("the key of the record is needed", "KEY_MISSING", "key")
            return
        tables = {
            "purchase_order": self._orders,
            "work_order": self._work,
            "inventory_item": self._items,
            "vendor": self._vendors,
            "asset": self._assets,
        }
        if not tables[command.entity].exists(key, now):
            yield Message(f"there is no {command.entity} {key}", "RECORD_UNKNOWN", "key")
        elif self._is_over(command.entity, key, now):
            yield Message(f"{key} is closed and takes no changes", "ORDER_CLOSED", "status")

    def _is_over(self, entity: str, key: str, now: int) -> bool:
        if entity == "purchase_order":
            return self._orders.status(self._orders.number_of(key) or 0, now) in purchase_orders.ENDED
        if entity == "work_order":
            return self._work.status(self._work.number_of(key) or 0, now) in work_orders.ENDED
        return False

    def _faults_of_order(self, command: WriteCommand, now: int) -> Iterator[Message]:
        record = command.record
        if command.operation == "create" or "vendorKey" in record or "vendorCode" in record:
            yield from self._faults_of_vendor(record, now)
        if command.operation == "create" or "lineItems" in record:
            lines = record.get("lineItems")
            if not isinstance(lines, list) or not lines:
                yield Message("an order needs at least one line", "LINES_MISSING", "lineItems")
                return
            for index, line in enumerate(lines):
                yield from self._faults_of_line(
                    line if isinstance(line, Mapping) else {}, f"lineItems[{index}]", now
                )

    def _faults_of_vendor(self, record: Mapping[str, Any], now: int) -> Iterator[Message]:
        field = "vendorKey" if "vendorKey" in record else "vendorCode"
        code = _text(record, field)
        number = self._vendors.number_of(code.zfill(self._vendors.digits))
        if not code:
            yield Message("a vendor is needed", "VENDOR_MISSING", "vendorKey")
        elif number is None or not self._vendors.exists(code.zfill(self._vendors.digits), now):
            yield Message(f"there is no vendor {code}", "VENDOR_INVALID", field)
        elif _is(self._vendors.blocked, number):
            yield Message(f"vendor {code} is blocked for purchasing", "VENDOR_BLOCKED", field)

    def _faults_of_line(self, line: Mapping[str, Any], place: str, now: int) -> Iterator[Message]:
        field = "materialKey" if "materialKey" in line else "code"
        code = _text(line, field)
        key = code.zfill(self._items.digits)
        number = self._items.number_of(key)
        if not code:
            yield Message("a line needs an item", "ITEM_MISSING", f"{place}.materialKey")
        elif code == OUT_OF_STOCK_ITEM or (number is not None and _is(self._items.out_of_stock, number)):
            yield Message(f"item {code} is out of stock", "ITEM_OUT_OF_STOCK", f"{place}.{field}")
        elif number is None or not self._items.exists(key, now):
            yield Message(f"there is no item {code}", "ITEM_INVALID", f"{place}.{field}")
        if not _is_positive(line.get("quantity")):
            yield Message("a line needs a quantity above zero", "QUANTITY_INVALID", f"{place}.quantity")


def _succeeded(command: WriteCommand) -> Outcome:
    key = _text(command.record, "key")
    reference = key if command.operation != "create" else f"SBX{crc32(command.idempotency_key.encode()):010d}"
    record = {**command.record, "key": reference}
    return Outcome(OutcomeStatus.SUCCEEDED, key=reference, reference=reference, record=record)


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value.strip() if isinstance(value, str) else ""


def _is(question: Callable[[np.ndarray], np.ndarray], number: int) -> bool:
    return bool(question(np.array([number], dtype=np.int64))[0])


def _is_positive(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return False
    try:
        return Decimal(value) > 0
    except InvalidOperation:
        return False
