from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="InventoryItemSupplyOptionsItem")


@_attrs_define
class InventoryItemSupplyOptionsItem:
    """
    Attributes:
        vendor_key (None | str):
        part_number (None | str):
        price (None | str):
        currency_key (None | str):
        uom_key (None | str):
    """

    vendor_key: None | str
    part_number: None | str
    price: None | str
    currency_key: None | str
    uom_key: None | str

    def to_dict(self) -> dict[str, Any]:
        vendor_key: None | str
        vendor_key = self.vendor_key

        part_number: None | str
        part_number = self.part_number

        price: None | str
        price = self.price

        currency_key: None | str
        currency_key = self.currency_key

        uom_key: None | str
        uom_key = self.uom_key

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "vendorKey": vendor_key,
                "partNumber": part_number,
                "price": price,
                "currencyKey": currency_key,
                "uomKey": uom_key,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_vendor_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey"))

        def _parse_part_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        part_number = _parse_part_number(d.pop("partNumber"))

        def _parse_price(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        price = _parse_price(d.pop("price"))

        def _parse_currency_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        currency_key = _parse_currency_key(d.pop("currencyKey"))

        def _parse_uom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        uom_key = _parse_uom_key(d.pop("uomKey"))

        inventory_item_supply_options_item = cls(
            vendor_key=vendor_key,
            part_number=part_number,
            price=price,
            currency_key=currency_key,
            uom_key=uom_key,
        )

        return inventory_item_supply_options_item
