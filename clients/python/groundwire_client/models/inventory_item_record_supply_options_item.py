from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="InventoryItemRecordSupplyOptionsItem")


@_attrs_define
class InventoryItemRecordSupplyOptionsItem:
    """
    Attributes:
        vendor_key (None | str | Unset):
        part_number (None | str | Unset):
        price (None | str | Unset):
        currency_key (None | str | Unset):
        uom_key (None | str | Unset):
    """

    vendor_key: None | str | Unset = UNSET
    part_number: None | str | Unset = UNSET
    price: None | str | Unset = UNSET
    currency_key: None | str | Unset = UNSET
    uom_key: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        vendor_key: None | str | Unset
        if isinstance(self.vendor_key, Unset):
            vendor_key = UNSET
        else:
            vendor_key = self.vendor_key

        part_number: None | str | Unset
        if isinstance(self.part_number, Unset):
            part_number = UNSET
        else:
            part_number = self.part_number

        price: None | str | Unset
        if isinstance(self.price, Unset):
            price = UNSET
        else:
            price = self.price

        currency_key: None | str | Unset
        if isinstance(self.currency_key, Unset):
            currency_key = UNSET
        else:
            currency_key = self.currency_key

        uom_key: None | str | Unset
        if isinstance(self.uom_key, Unset):
            uom_key = UNSET
        else:
            uom_key = self.uom_key

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if vendor_key is not UNSET:
            field_dict["vendorKey"] = vendor_key
        if part_number is not UNSET:
            field_dict["partNumber"] = part_number
        if price is not UNSET:
            field_dict["price"] = price
        if currency_key is not UNSET:
            field_dict["currencyKey"] = currency_key
        if uom_key is not UNSET:
            field_dict["uomKey"] = uom_key

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_vendor_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey", UNSET))

        def _parse_part_number(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        part_number = _parse_part_number(d.pop("partNumber", UNSET))

        def _parse_price(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        price = _parse_price(d.pop("price", UNSET))

        def _parse_currency_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        currency_key = _parse_currency_key(d.pop("currencyKey", UNSET))

        def _parse_uom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        uom_key = _parse_uom_key(d.pop("uomKey", UNSET))

        inventory_item_record_supply_options_item = cls(
            vendor_key=vendor_key,
            part_number=part_number,
            price=price,
            currency_key=currency_key,
            uom_key=uom_key,
        )

        return inventory_item_record_supply_options_item
